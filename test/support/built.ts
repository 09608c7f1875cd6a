import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const root = path.resolve(import.meta.dirname, '../..');
const lock = path.join(root, '.build', 'test-build.lock');
const STALE_MS = 120_000;

/** What a program said and how it ended. */
export type Outcome = { code: number | null; stdout: string; stderr: string };

/** Runs a program with Node; `input` is its standard input. Its environment is `env` and nothing else. */
export function runNode(
  args: readonly string[],
  { env = {}, input = '', cwd = root }: { env?: Record<string, string>; input?: string; cwd?: string } = {},
) {
  return new Promise<Outcome>((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env: { PATH: process.env.PATH ?? '', ...env }, stdio: 'pipe' });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
      });
    }
    child.on('error', reject);
    // A program that ends without reading what it is given closes the pipe; that is its right.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.on('close', (code) => resolve({ code, ...output }));
  });
}

/** Brings dist/ up to date, once for all test files that run at the same time: none sees a build half done. */
export async function ensureBuilt(): Promise<void> {
  mkdirSync(path.dirname(lock), { recursive: true });
  while (!take()) await delay(100);
  try {
    const { code, stderr } = await runNode([path.join(root, 'scripts', 'build.mjs')]);
    if (code !== 0) throw new Error(`the build failed:\n${stderr}`);
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(): boolean {
  try {
    closeSync(openSync(lock, 'wx'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // Whoever was killed while it built left its lock behind.
  const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > STALE_MS) rmSync(lock, { force: true });
  return false;
}
