import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import type { ServerProcessOptions, ServerProcessReport } from './server-process.js';

const root = path.resolve(import.meta.dirname, '../..');

/** Makes one file of the child's script, where its packages are found, and tells how to start processes from it. */
export async function buildServerProcess() {
  const cache = path.join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(path.join(cache, 'latchkey-server-process-'));
  const outfile = path.join(folder, 'server-process.mjs');
  await build({
    entryPoints: [path.join(import.meta.dirname, 'server-process.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  return {
    /** Starts a process and waits until it listens. */
    async open(options: ServerProcessOptions): Promise<{ issuer: string; stop(): Promise<void>; kill(): Promise<void> }> {
      const child = fork(outfile, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
      let complaints = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        complaints += chunk.toString();
      });
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      const report = await new Promise<ServerProcessReport>((resolve, reject) => {
        child.once('message', (message) => resolve(message as ServerProcessReport));
        child.once('exit', (code) => reject(new Error(`the server process ended with ${code}: ${complaints}`)));
        child.send(options);
      });
      return {
        issuer: report.issuer,
        async stop() {
          if (child.connected) child.disconnect();
          await ended;
        },
        /** As a machine that loses power: nothing is finished. */
        async kill() {
          child.kill('SIGKILL');
          await ended;
        },
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
