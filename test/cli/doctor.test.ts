import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { besideServer, type CommandLine, openInstallation } from '../support/command-line.js';
import { databases } from '../support/database.js';
import { startTestServer, type TestServer } from '../support/server.js';

let nobody: string;

/** An address where nobody listens: somebody did, and stopped. */
beforeAll(async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  nobody = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise((resolve) => server.close(resolve));
});

type Finding = { check: string; status: string; message: string; mend?: string };

async function examine(latchkey: CommandLine, env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await latchkey.run(['doctor', '--json'], { env });
  expect(stderr).toBe('');
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect(ok).toBe(code === 0);
  expect(findings.some(({ status }) => status === 'failure')).toBe(!ok);
  for (const { status, mend } of findings) expect(mend !== undefined).toBe(status === 'failure' || status === 'warning');
  const statusOf = Object.fromEntries(findings.map(({ check, status }) => [check, status]));
  return { code, statusOf, findings, find: (check: string) => findings.find((finding) => finding.check === check) };
}

describe.each(databases)('of an installation that runs (%s)', (provider) => {
  it('the doctor finds everything well and exits with 0', async () => {
    const server = await startTestServer({ provider });
    const { code, statusOf } = await examine(besideServer(server.config));
    expect(statusOf).toEqual({
      settings: 'ok',
      database: 'ok',
      migrations: 'ok',
      secrets: 'ok',
      'signing keys': 'ok',
      mail: 'ok',
      issuer: 'ok',
      discovery: 'ok',
    });
    expect(code).toBe(0);
    await server.close();
  });
});

describe('the doctor', () => {
  let server: TestServer;
  let latchkey: CommandLine;
  beforeAll(async () => {
    server = await startTestServer();
    latchkey = besideServer(server.config);
  });
  afterAll(() => server?.close());

  it('says of an installation that never ran what to do first, and makes nothing itself', async () => {
    const fresh = await openInstallation();
    const missing = await examine(fresh, { DATABASE_URL: `file:${fresh.folder}/none.db`, ISSUER_URL: nobody });
    expect(missing.statusOf).toMatchObject({ database: 'failure', migrations: 'skipped', secrets: 'skipped', issuer: 'failure' });
    expect(missing.find('database')?.mend).toContain('npm start');
    // Migrated, but no server has run on it: asked twice, it is still so.
    for (const _ of [1, 2]) {
      const empty = await examine(fresh, { ISSUER_URL: nobody });
      expect(empty.statusOf).toMatchObject({ database: 'ok', migrations: 'ok', secrets: 'failure', 'signing keys': 'skipped' });
    }
    await fresh.close();
  });

  it('lists every fault of the settings, each with its mend, and looks no further', async () => {
    const { code, findings } = await examine(latchkey, { PORT: 'x', LOG_LEVEL: 'loud' });
    expect(code).toBe(1);
    expect(findings.map(({ check, message }) => [check, message.split(' ')[0]])).toEqual([
      ['settings', 'PORT'],
      ['settings', 'LOG_LEVEL'],
    ]);
  });

  it('tells a key-encryption key that is not the one', async () => {
    const { code, find } = await examine(latchkey, {
      KEY_ENCRYPTION_KEY: Buffer.from('vutsrqponmlkjihgfedcba9876543210').toString('base64'),
    });
    expect(code).toBe(1);
    expect(find('secrets')?.message).toMatch(/^KEY_ENCRYPTION_KEY is not the one/);
  });

  it('tells a database that is not there, without its password', async () => {
    const { code, find, findings } = await examine(latchkey, { DATABASE_URL: 'postgresql://latchkey:hunter2@127.0.0.1:1/latchkey' });
    expect(code).toBe(1);
    expect(find('database')).toMatchObject({ status: 'failure', message: 'The database cannot be reached.' });
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });

  it('tells an issuer that nobody answers for, and one that another server answers for', async () => {
    expect((await examine(latchkey, { ISSUER_URL: nobody })).find('issuer')).toMatchObject({ status: 'failure' });
    const impostor = createServer((request, response) =>
      response.end(request.url === '/livez' ? 'ok' : JSON.stringify({ issuer: 'https://elsewhere.example.com' })),
    );
    await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
    const ISSUER_URL = `http://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
    const { statusOf, find } = await examine(latchkey, { ISSUER_URL });
    expect(statusOf).toMatchObject({ issuer: 'ok', discovery: 'failure' });
    expect(find('discovery')?.message).toContain('"https://elsewhere.example.com"');
    impostor.closeAllConnections();
    await new Promise((resolve) => impostor.close(resolve));
  });

  it('tries the mail server: its password is taken, refused, or nobody is there', async () => {
    const mails = new SMTPServer({
      hideSTARTTLS: true,
      allowInsecureAuth: true,
      onAuth: ({ password }, _session, done) => (password === 'right' ? done(null, { user: 'latchkey' }) : done(new Error('no'))),
      logger: false,
    });
    await new Promise<void>((resolve) => mails.listen(0, '127.0.0.1', resolve));
    const { port } = mails.server.address() as AddressInfo;
    const url = (password: string) => `smtp://latchkey:${password}@127.0.0.1:${port}`;
    const MAIL_FROM = 'Latchkey <login@example.com>';
    expect((await examine(latchkey, { SMTP_URL: url('right'), MAIL_FROM })).find('mail')).toMatchObject({ status: 'ok' });
    expect((await examine(latchkey, { SMTP_URL: url('right') })).find('mail')).toMatchObject({ status: 'warning', mend: 'Set MAIL_FROM.' });
    const refused = (await examine(latchkey, { SMTP_URL: url('hunter2'), MAIL_FROM })).find('mail');
    expect(refused).toMatchObject({ status: 'failure', message: 'The mail server does not take us (EAUTH 535).' });
    expect(JSON.stringify(refused)).not.toContain('hunter2');
    await new Promise<void>((resolve) => mails.close(resolve));
    expect((await examine(latchkey, { SMTP_URL: url('right'), MAIL_FROM })).find('mail')).toMatchObject({
      status: 'failure',
      message: expect.stringMatching(/ \((ECONNECTION|ESOCKET|ECONNREFUSED)\)\.$/),
    });
  });

  it('tells people the same in lines', async () => {
    const { code, stdout } = await latchkey.run(['doctor'], { env: { ISSUER_URL: nobody } });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok {7}settings: Valid, for development\.$/m);
    expect(stdout).toContain(`FAILURE  issuer: ${nobody}/livez cannot be reached (ECONNREFUSED).\n         -> Start the server`);
  });
});
