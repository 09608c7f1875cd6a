// npm start: builds what is out of date, runs the server and, in development, the demo application beside it.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { ensureBuilt } from './build.mjs';
import { root } from './prisma.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);
// As `engines` in package.json says.
if (!(major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19))) {
  console.error(`Latchkey needs Node 20.19+, 22.12+ or 24+; this is ${process.versions.node}.`);
  process.exit(1);
}

await ensureBuilt();

const production = process.env.LATCHKEY_ENV === 'production';
const demo = process.env.DEMO ? process.env.DEMO === 'on' : !production;
// What can only be set before a process starts, for whoever has not set it otherwise. Of the pool's threads hashing takes fewer than there are cores, and
// four stay for everything else; the rest keeps memory that hashes took from staying with each of these threads (DECISIONS.md, "What a process holds").
const held = JSON.parse(readFileSync(path.join(root, 'scripts', 'process-environment.json'), 'utf8'));
const env = { UV_THREADPOOL_SIZE: String(availableParallelism() + 4), ...held, ...process.env };
const children = [];
let stopping = false;

function run(script, extra = {}) {
  const child = spawn(process.execPath, [...process.execArgv, path.join(root, script)], { stdio: 'inherit', env: { ...env, ...extra } });
  children.push(child);
  return child;
}

function stop(signal) {
  stopping = true;
  for (const child of children) if (child.exitCode === null) child.kill(signal);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop(signal));
// To several workers it means: replace yourselves, one by one.
if (Number(process.env.WORKERS) > 1) process.on('SIGHUP', () => children[0]?.kill('SIGHUP'));

run('dist/main.js').on('exit', (code, signal) => {
  process.exitCode = code ?? (signal && stopping ? 0 : 1);
  stop('SIGTERM');
});
if (demo) {
  run('dist-demo/main.js', { ISSUER_URL: process.env.ISSUER_URL || `http://localhost:${process.env.PORT || 3000}` }).on('exit', (code) => {
    if (!stopping && code) console.error('The demo application has stopped; the server goes on without it.');
  });
}
