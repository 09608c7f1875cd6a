import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientsTold, Going } from '../support/cluster-of-two.js';
import { freePort } from '../support/ports.js';

describe('connections that were handed to a worker which goes', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-cluster-'));
  const program = path.join(folder, 'cluster.mjs');
  beforeAll(() =>
    build({
      ...{ entryPoints: [path.join(import.meta.dirname, '../support/cluster-of-two.ts')], outfile: program },
      ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' },
    }),
  );
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function told(going: Going): Promise<{ clients: ClientsTold; code: number | null }> {
    const words = path.join(folder, going);
    mkdirSync(words);
    const child = fork(program, [words, going, String(await freePort())], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const clients = await new Promise<ClientsTold>((resolve, reject) => {
      child.once('message', (message) => resolve(message as ClientsTold));
      child.once('exit', (code) => reject(new Error(`the supervisor ended with ${code}`)));
    });
    child.disconnect();
    return { clients, code: await ended };
  }

  it('are ended with it where it dies, and all others are served', async () => {
    const { clients, code } = await told('dies');
    expect([...clients].sort()).toEqual(['', 'served by the second', 'served by the second']);
    expect(code).toBe(0);
  });

  it('are served by another where it retires without taking them, and its supervisor goes on', async () => {
    expect(await told('retires')).toEqual({ clients: Array(3).fill('served by the second'), code: 0 });
  });
});
