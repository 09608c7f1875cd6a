// Type check: the generated database clients first, then the compiler over sources, tests and scripts.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { ensureClients } from './build.mjs';
import { root } from './prisma.mjs';

ensureClients();
const compiler = path.join(root, 'node_modules', '.bin', 'tsc');
process.exit(spawnSync(compiler, ['-p', root], { stdio: 'inherit' }).status ?? 1);
