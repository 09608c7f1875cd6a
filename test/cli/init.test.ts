import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/index.js';
import { sqliteFileOf } from '../../src/platform/db/index.js';
import { ensureBuilt, runNode } from '../support/built.js';
import { type CommandLine, openInstallation } from '../support/command-line.js';
import { freePort } from '../support/ports.js';
import { startServerChild } from '../support/server-child.js';

let folder: string;
let latchkey: CommandLine;
beforeEach(async () => {
  folder = path.join(mkdtempSync(path.join(os.tmpdir(), 'latchkey-init-')), 'new');
  latchkey = await openInstallation();
});
afterEach(async () => {
  rmSync(path.dirname(folder), { recursive: true, force: true });
  await latchkey.close();
});

const issuer = ['--issuer', 'https://login.example.com/'];

describe('latchkey init', () => {
  it('writes a configuration for its owner only, with secrets of its own that it does not print', async () => {
    const { code, stdout } = await latchkey.run(['init', folder, ...issuer]);
    expect(code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['.env', 'clients.json', 'resources.json']);
    for (const name of readdirSync(folder)) expect(statSync(path.join(folder, name)).mode & 0o777).toBe(0o600);
    const settings = parseEnv(readFileSync(path.join(folder, '.env'), 'utf8'));
    expect(settings).toMatchObject({ LATCHKEY_ENV: 'production', ISSUER_URL: 'https://login.example.com', SMTP_URL: '' });
    for (const name of ['KEY_ENCRYPTION_KEY', 'COOKIE_SECRETS'] as const) {
      expect(Buffer.from(settings[name] ?? '', 'base64')).toHaveLength(32);
      expect(stdout).not.toContain(settings[name]);
    }
    const other = await latchkey.json(['init', `${folder}-2`, ...issuer]);
    expect(other.files).toEqual(['.env', 'clients.json', 'resources.json']);
    expect(readFileSync(path.join(`${folder}-2`, '.env'), 'utf8')).not.toContain(settings.KEY_ENCRYPTION_KEY);
  });

  it('overwrites nothing, and where one file is there writes none', async () => {
    await latchkey.run(['init', folder, ...issuer]);
    const before = readFileSync(path.join(folder, '.env'), 'utf8');
    const again = await latchkey.run(['init', folder, ...issuer]);
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('.env, clients.json, resources.json') });
    expect(readFileSync(path.join(folder, '.env'), 'utf8')).toBe(before);
    rmSync(path.join(folder, '.env'));
    writeFileSync(path.join(folder, 'clients.json'), 'mine');
    rmSync(path.join(folder, 'resources.json'));
    expect((await latchkey.run(['init', folder, ...issuer])).code).toBe(1);
    expect(readdirSync(folder)).toEqual(['clients.json']);
  });

  it('names its own folder in it, whatever that is called', async () => {
    const odd = path.join(folder, "a #b 'c' %41?");
    expect((await latchkey.run(['init', odd, ...issuer])).code).toBe(0);
    const settings = parseEnv(readFileSync(path.join(odd, '.env'), 'utf8'));
    expect(settings).toMatchObject({ DATA_DIR: path.join(odd, 'data'), CLIENTS_FILE: path.join(odd, 'clients.json') });
    expect(sqliteFileOf(settings.DATABASE_URL ?? '')).toBe(path.join(odd, 'data', 'latchkey.db'));
    await runCli(['migrate'], {
      environment: { ...settings, SMTP_URL: 'smtps://user:password@mail.example.com' } as Record<string, string>,
    });
    expect(readdirSync(path.join(odd, 'data'))).toContain('latchkey.db');
    const impossible = await latchkey.run(['init', path.join(folder, 'line\nbreak'), ...issuer]);
    expect(impossible).toMatchObject({ code: 1, stderr: expect.stringContaining('without quotes') });
  });

  it.each([
    [['--issuer', 'http://login.example.com'], /ISSUER_URL must be https/],
    [['--issuer', 'nonsense'], /ISSUER_URL/],
    [[...issuer, '--database', 'mysql://x'], /DATABASE_URL must start with/],
  ])('writes nothing for %j, and says why', async (args, message) => {
    const { code, stderr } = await latchkey.run(['init', folder, ...args]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(existsSync(folder)).toBe(false);
  });

  it('makes what starts in production as it is, once there is a mail server', async () => {
    await ensureBuilt();
    await latchkey.run(['init', folder, ...issuer]);
    const file = path.join(folder, '.env');
    const main = path.resolve(import.meta.dirname, '../../dist/main.js');
    const unfinished = await runNode([`--env-file=${file}`, main]);
    expect(unfinished).toMatchObject({ code: 1, stderr: expect.stringMatching(/^The configuration has a fault:\n {2}- SMTP_URL /) });
    writeFileSync(file, readFileSync(file, 'utf8').replace('SMTP_URL=', 'SMTP_URL=smtps://user:password@mail.example.com'));
    const port = await freePort();
    const settings = parseEnv(readFileSync(file, 'utf8')) as Record<string, string>;
    const server = await startServerChild({ ...settings, PORT: String(port), LOG_FORMAT: 'json' });
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    // Not by that name: the proxy says the right one.
    expect((await fetch(`http://127.0.0.1:${port}/.well-known/openid-configuration`)).status).toBe(421);
    await server.kill('SIGTERM');
    expect(await runCli(['migrate', '--status'], { environment: settings })).toBe(0);
  });
});
