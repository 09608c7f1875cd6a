// npm run bench [-- OPTIONS]: builds the server and the measuring programs, and runs them (test/bench).
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { build } from 'esbuild';
import { ensureBuilt } from './build.mjs';
import { root } from './prisma.mjs';

await ensureBuilt();
const outdir = path.join(root, '.build', 'bench');
await build({
  entryPoints: ['main', 'load', 'meter', 'yardstick'].map((name) => path.join(root, 'test', 'bench', `${name}.ts`)),
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
const run = spawnSync(process.execPath, [path.join(outdir, 'main.mjs'), ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
process.exit(run.status ?? 1);
