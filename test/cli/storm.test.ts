import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createClient } from '@libsql/client';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt, runNode } from '../support/built.js';
import { createDatabaseUrl } from '../support/database.js';
import { freePort } from '../support/ports.js';
import { childEnvironment, type ServerChild, startServerChild } from '../support/server-child.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const cli = path.resolve(import.meta.dirname, '../../dist/cli.js');

const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

beforeAll(ensureBuilt);

/** An installation of one or two processes behind one address, whose connections are spread over them. */
async function start(provider: 'sqlite' | 'postgresql', processes: number) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-storm-'));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  const database = await createDatabaseUrl(provider, 'server');
  closing.push(database.drop);
  const ports: number[] = [];
  const proxy = await startTcpProxy(() => ports.map((port) => ({ host: '127.0.0.1', port })));
  closing.push(proxy.close);
  const env = { DATA_DIR: folder, DATABASE_URL: database.url, ISSUER_URL: `http://127.0.0.1:${proxy.port}` };
  const children: ServerChild[] = [];
  for (let index = 0; index < processes; index++) {
    const port = await freePort();
    const child = await startServerChild({ ...env, HOST: '127.0.0.1', PORT: String(port) });
    closing.push(() => child.kill());
    children.push(child);
    ports.push(port);
  }
  const storm = (args: string[] = [], over: Record<string, string> = {}) =>
    runNode([cli, 'storm', ...args], { env: { ...childEnvironment, LOG_LEVEL: 'error', ...env, ...over } });
  return { storm, database };
}

describe.each([
  ['sqlite', 1],
  ['postgresql', 2],
] as const)('latchkey storm (%s, processes: %i)', (provider, processes) => {
  it('finds that every single-use token works once, tells so path by path, and leaves nothing behind', async () => {
    const { storm, database } = await start(provider, processes);
    const { code, stdout, stderr } = await storm(['--rounds', '1', '--connections', '12', '--json']);
    expect({ code, stderr, stdout }).toMatchObject({ code: 0, stderr: '' });
    const { holds, paths } = JSON.parse(stdout) as { holds: boolean; paths: { path: string; requests: number }[] };
    expect(holds).toBe(true);
    expect(paths.map(({ path: name }) => name)).toEqual([
      'authorization code',
      'refresh token',
      'refresh over the API',
      'finished sign-in',
      'pushed request',
      'device code',
      'verification mail',
      'sign-in ticket',
      'reset mail',
    ]);
    for (const each of paths) {
      expect(each).toMatchObject({ tokens: 1, requests: 12, winners_per_token: { min: 1, max: 1 }, server_errors: 0, holds: true });
    }
    if (provider === 'sqlite') {
      const client = createClient({ url: database.url });
      const left = await client.execute(
        "SELECT (SELECT count(*) FROM clients WHERE name LIKE '%storm%') + (SELECT count(*) FROM accounts WHERE email LIKE '%storm%') AS n",
      );
      client.close();
      expect(left.rows[0]?.n).toBe(0);
    }
  }, 90_000);
});

describe('latchkey storm', () => {
  it('does not run against an installation elsewhere unless it is told to be a test, nor where none answers', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-storm-'));
    closing.push(() => rmSync(folder, { recursive: true, force: true }));
    const run = (env: Record<string, string>) => runNode([cli, 'storm'], { env: { ...childEnvironment, DATA_DIR: folder, ...env } });
    const elsewhere = await run({ ISSUER_URL: 'http://auth.example.com' });
    expect(elsewhere).toMatchObject({ code: 1, stdout: '' });
    expect(elsewhere.stderr).toContain('--yes-this-is-a-test-installation');
    const nobody = await run({ ISSUER_URL: `http://127.0.0.1:${await freePort()}` });
    expect(nobody).toMatchObject({ code: 1, stdout: '' });
    expect(nobody.stderr).toContain('No installation answers');
  });
});
