import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../support/built.js';
import { openInstallation } from '../support/command-line.js';

const PASSWORD = 'correct horse battery staple 42';

beforeAll(ensureBuilt);

// The built command, each call a process of its own, as an operator types it. An untouched folder becomes an installation on SQLite.
describe.each(['untouched', 'postgresql'] as const)('the installed command (%s)', (provider) => {
  it('makes a client, a person and keys, each told as one JSON object, and takes them away again', async () => {
    const latchkey = await openInstallation(provider);
    const json = (args: string[], input?: string) => latchkey.json(args, { spawn: true, ...(input === undefined ? {} : { input }) });
    const client = await json(['client', 'create', '--profile', 'service', '--client-name', 'Über']);
    expect(client).toMatchObject({ client_id: expect.any(String), client_secret: expect.any(String), client_name: 'Über' });
    const { client_id: id, client_secret: secret } = client;
    expect(await json(['client', 'update', id, '--client-name', 'Unter'])).toMatchObject({ client_id: id, client_name: 'Unter' });
    expect((await json(['client', 'rotate-secret', id])).client_secret).not.toBe(secret);

    const args = ['user', 'create', '--email', 'Ann@Example.com', '--role', 'admin', '--password-stdin'];
    expect(await json(args, `${PASSWORD}\n`)).toMatchObject({ email: 'ann@example.com', roles: ['admin', 'user'] });
    const again = await latchkey.spawn(args, { input: PASSWORD });
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('This address already has an account.') });
    expect((await json(['keys', 'list'])).keys.map(({ state }: { state: string }) => state).sort()).toEqual([
      'active',
      'active',
      'next',
      'next',
    ]);

    const list = await latchkey.spawn(['user', 'list']);
    expect(list).toMatchObject({ code: 0, stderr: '' });
    expect(list.stdout).toContain('ann@example.com');
    for (const { stdout, stderr } of [again, list]) expect(stdout + stderr).not.toContain(PASSWORD);
    expect(await json(['client', 'delete', id, '--yes'])).toEqual({ client_id: id, deleted: true });
    expect((await json(['client', 'list'])).clients).toEqual([]);
    // What an installation makes for itself is its owner's alone.
    const data = path.join(latchkey.folder, 'data');
    if (provider === 'untouched') {
      expect(readdirSync(data)).toEqual(expect.arrayContaining(['cookie-secrets', 'key-encryption-key', 'latchkey.db']));
      for (const name of ['cookie-secrets', 'key-encryption-key']) expect(statSync(path.join(data, name)).mode & 0o777).toBe(0o600);
      expect(statSync(data).mode & 0o077).toBe(0);
    }
    await latchkey.close();
  }, 60_000);
});
