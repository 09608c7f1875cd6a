import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { checkRedirectUris } from '../../src/cli/doctor/clients.js';
import { judgeDatabaseClock, judgeLatency } from '../../src/cli/doctor/storage.js';
import { besideServer, type CommandLine, openInstallation } from '../support/command-line.js';
import { createDatabaseUrl, databases } from '../support/database.js';
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
      'database latency': expect.stringMatching(/ok|warning/),
      'database clock': 'ok',
      migrations: 'ok',
      secrets: 'ok',
      'signing keys': 'ok',
      mail: 'ok',
      issuer: 'ok',
      server: 'ok',
      proxy: 'ok',
      'client address': 'ok',
      'long headers': 'ok',
      clock: 'ok',
      discovery: 'ok',
      host: 'ok',
      jwks: 'ok',
      'sign-in page': 'ok',
      cookies: 'ok',
      'redirect URIs': 'ok',
      cors: 'ok',
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
    expect(`${find('secrets')?.message} ${find('secrets')?.mend}`).toMatch(/^KEY_ENCRYPTION_KEY is not the one.*_PREVIOUS/);
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

  it('tells a server that runs on another database, or with another key', async () => {
    const { url: databaseUrl, drop } = await createDatabaseUrl('sqlite');
    const other = await startTestServer({ databaseUrl });
    const { find } = await examine(latchkey, { ISSUER_URL: other.url });
    expect(find('server')).toMatchObject({ status: 'failure', mend: expect.stringContaining('DATABASE_URL') });
    await other.close();
    await drop();
  });

  it('tells clocks that differ, that of the server and that of the database', async () => {
    for (const [skewSeconds, status] of [
      [8, 'warning'],
      [300, 'failure'],
    ] as const) {
      // Another machine's clock: the server answers in its own time, whatever the one who asks believes.
      const slow = createServer((request, response) => {
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - skewSeconds * 1000 });
        server.app.handle(request, response);
        vi.useRealTimers();
      });
      await new Promise<void>((resolve) => slow.listen(0, 'localhost', resolve));
      const { port } = slow.address() as AddressInfo;
      const { find } = await examine(latchkey, { ISSUER_URL: `http://localhost:${port}` });
      expect(find('clock')).toMatchObject({ status, message: expect.stringMatching(/differ by (7|8|9|299|300|301) s/) });
      slow.closeAllConnections();
      await new Promise((resolve) => slow.close(resolve));
    }
    expect(judgeDatabaseClock(4000).status).toBe('ok');
    expect(judgeDatabaseClock(6000)).toMatchObject({ status: 'warning', mend: expect.stringContaining('NTP') });
  });

  it('tells a slow database', () => {
    expect([judgeLatency(2), judgeLatency(80), judgeLatency(400)].map(({ status }) => status)).toEqual(['ok', 'warning', 'failure']);
  });

  it('tells secrets that are still sealed under the key before, and a key before that nothing needs', async () => {
    const NEXT_KEY = Buffer.from('vutsrqponmlkjihgfedcba9876543210').toString('base64');
    const installation = await openInstallation();
    await installation.json(['keys', 'list']);
    const before = installation.environment.KEY_ENCRYPTION_KEY ?? '';
    const env = { KEY_ENCRYPTION_KEY: NEXT_KEY, KEY_ENCRYPTION_KEY_PREVIOUS: before, ISSUER_URL: nobody };
    expect((await examine(installation, env)).find('secrets')).toMatchObject({
      status: 'warning',
      mend: expect.stringContaining('secrets reseal'),
    });
    expect(await installation.json(['secrets', 'reseal'], { env })).toEqual({ resealed: 5, total: 5 });
    expect((await examine(installation, env)).find('secrets')).toMatchObject({
      status: 'warning',
      mend: expect.stringContaining('Take KEY_ENCRYPTION_KEY_PREVIOUS away'),
    });
    expect((await examine(installation, { ...env, KEY_ENCRYPTION_KEY_PREVIOUS: '' })).statusOf.secrets).toBe('ok');
    await installation.close();
  });

  it('tells redirect URIs that are a risk, each with its client', async () => {
    const client = (id: string, redirectUris: string[], applicationType = 'web') => ({
      ...{ id, source: 'operator', profile: 'default', tokenEndpointAuthMethod: 'none', redirectUris, applicationType },
    });
    const judge = (uris: string[], type?: string) =>
      checkRedirectUris([client('shop', uris, type)], {
        production: true,
        resolve: async (name) => (name === 'gone.example.com' ? 'no' : 'yes'),
      });
    for (const [uris, status, message] of [
      [['http://shop.example.com/cb'], 'failure', /plain http/],
      [['https://*.example.com/cb'], 'failure', /wildcard/],
      [['http://127.0.0.1:4000/cb'], 'warning', /visitor's machine/],
      [['https://gone.example.com/cb'], 'warning', /there is no gone\.example\.com/],
    ] as const) {
      const [finding] = await judge([...uris]);
      expect(finding).toMatchObject({ status, message: expect.stringMatching(message), mend: expect.any(String) });
      expect(finding?.message).toMatch(/^shop: /);
    }
    expect(await judge(['https://shop.example.com/cb'])).toMatchObject([{ status: 'ok' }]);
    expect(await judge(['http://127.0.0.1/cb', 'com.example.app:/cb'], 'native')).toMatchObject([{ status: 'ok' }]);
  });

  it("tells a JWKS that lacks the key which signs, and an answer that repeats a name which is not the issuer's", async () => {
    let served: TestServer | undefined;
    const between = createServer((request, response) => {
      const { host } = request.headers;
      if (host === 'doctor.invalid') return response.end(JSON.stringify({ issuer: `http://${host}` }));
      if (request.url === '/.well-known/jwks.json') return response.end('{"keys": []}');
      return served?.app.handle(request, response);
    });
    await new Promise<void>((resolve) => between.listen(0, 'localhost', resolve));
    served = await startTestServer({ env: { ISSUER_URL: `http://localhost:${(between.address() as AddressInfo).port}` } });
    const { find } = await examine(besideServer(served.config));
    expect(find('jwks')).toMatchObject({ status: 'failure', message: expect.stringContaining('is not published') });
    expect(find('host')).toMatchObject({ status: 'failure', mend: expect.stringContaining('444') });
    expect(find('proxy')).toMatchObject({ status: 'ok' });
    between.closeAllConnections();
    await new Promise((resolve) => between.close(resolve));
    await served.close();
  });

  it('tells a proxy that is trusted and not there, so that clients write their own address', async () => {
    const trusting = await startTestServer({ env: { TRUST_PROXY: '1' } });
    expect((await examine(besideServer(trusting.config))).find('client address')).toMatchObject({
      status: 'failure',
      message: expect.stringContaining('there is no proxy'),
    });
    await trusting.close();
  });

  it('tells an active key that is late', async () => {
    const { signingKeys, db } = server.services;
    const [active] = signingKeys.current().active;
    const row = await db.client.signingKey.findUniqueOrThrow({ where: { kid: active?.kid ?? '' } });
    const put = (activatedAt: Date | null) => db.client.signingKey.update({ where: { kid: row.kid }, data: { activatedAt } });
    await put(new Date(Date.now() - 60 * 86_400_000));
    expect((await examine(latchkey)).find('signing keys')).toMatchObject({
      status: 'warning',
      mend: expect.stringContaining('rotates the keys'),
    });
    await put(row.activatedAt);
  });

  it('sends a test mail where it is asked to, and only there', async () => {
    const received: string[] = [];
    const mails = new SMTPServer({
      ...{ hideSTARTTLS: true, authOptional: true, logger: false },
      onRcptTo: ({ address }, _session, done) => (address.startsWith('refused') ? done(new Error('no such person')) : done()),
      onData: (stream, session, done) => {
        received.push(...session.envelope.rcptTo.map(({ address }) => address));
        stream.resume().on('end', () => done());
      },
    });
    await new Promise<void>((resolve) => mails.listen(0, '127.0.0.1', resolve));
    const env = { SMTP_URL: `smtp://127.0.0.1:${(mails.server.address() as AddressInfo).port}`, MAIL_FROM: 'Latchkey <login@example.com>' };
    const testMail = async (address: string) => {
      const { stdout } = await latchkey.run(['doctor', '--json', '--test-mail', address], { env });
      return (JSON.parse(stdout) as { findings: Finding[] }).findings.find(({ check }) => check === 'test mail');
    };
    expect(await testMail('ann@example.com')).toMatchObject({ status: 'ok' });
    expect(await testMail('refused@example.com')).toMatchObject({
      status: 'failure',
      message: expect.stringContaining('EENVELOPE'),
      mend: expect.any(String),
    });
    expect((await examine(latchkey, env)).statusOf).not.toHaveProperty('test mail');
    expect(received).toEqual(['ann@example.com']);
    await new Promise<void>((resolve) => mails.close(resolve));
  });

  it('tells people the same in lines', async () => {
    const { code, stdout } = await latchkey.run(['doctor'], { env: { ISSUER_URL: nobody } });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok {7}settings: Valid, for development\.$/m);
    expect(stdout).toContain(`FAILURE  issuer: ${nobody}/livez cannot be reached (ECONNREFUSED).\n         -> Start the server`);
  });
});
