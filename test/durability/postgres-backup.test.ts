import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Application, createApplication, PERSON } from '../support/application.js';
import { ensureBuilt, runNode } from '../support/built.js';
import { type InstalledPostgres, installedPostgres, startInstalledPostgres } from '../support/installed-postgres.js';
import { PASSWORD } from '../support/people.js';
import { onServer } from '../support/postgres.js';
import { createInstallation, type Installation } from './installation.js';
import { acknowledgedIn, emptyLedger, load } from './ledger.js';

if (!installedPostgres)
  console.warn(
    'SKIPPED: backup and restore of PostgreSQL. There is no PostgreSQL with pg_dump here (Debian: apt-get install postgresql; or set POSTGRESQL_BIN).',
  );

const main = path.resolve(import.meta.dirname, '../../dist/main.js');
const WITHIN = { timeout: 60_000, interval: 100 };
const OTHER_KEY = Buffer.from('vutsrqponmlkjihgfedcba9876543210').toString('base64');

describe.runIf(installedPostgres)('a PostgreSQL database that is dumped while its server runs, and restored', () => {
  let postgres: InstalledPostgres;
  let installation: Installation;
  let app: Application;
  let folder: string;
  const databaseUrl = (name: string) => `${postgres.url}/${name}`;
  const restored = () => ({ DATABASE_URL: databaseUrl('restored') });
  beforeAll(async () => {
    await ensureBuilt();
    folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-dump-'));
    postgres = await startInstalledPostgres();
    for (const name of ['latchkey', 'careless', 'restored']) await onServer(postgres.url, `CREATE DATABASE ${name}`);
    installation = await createInstallation(databaseUrl('latchkey'));
    app = createApplication(installation);
  });
  afterAll(async () => {
    await installation?.close();
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const call = async (route: string, { body, headers = {} }: { body?: object; headers?: Record<string, string> } = {}) => {
    const response = await fetch(`${installation.url}${route}`, {
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
      headers: { 'content-type': 'application/json', ...headers },
    });
    const text = await response.text();
    return { status: response.status, body: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown> };
  };
  const kids = async () => ((await call('/.well-known/jwks.json')).body.keys as { kid: string }[]).map(({ kid }) => kid).sort();
  const verifyAudit = async (env: Record<string, string>, ...options: string[]) => {
    const { code, stdout, stderr } = await installation.latchkey(['audit', 'verify', '--json', ...options], { env });
    expect(stderr).toBe('');
    return { code, ...(JSON.parse(stdout) as { ok: boolean; fault_count: number; events: number; head: string }) };
  };
  /** How many events are in the chain by now. */
  const chained = async () => {
    const client = new pg.Client({ connectionString: databaseUrl('latchkey') });
    await client.connect();
    const { rows } = await client.query<{ chained: string }>('SELECT count(*) AS chained FROM audit_events WHERE sequence IS NOT NULL');
    await client.end();
    return Number(rows[0]?.chained);
  };
  const obtain = async (browser: Awaited<ReturnType<Application['signIn']>>) => {
    const { issued } = await app.authorize(browser);
    if (!issued) throw new Error('no code');
    return issued;
  };

  // What the older state has, and what became of it before the server was lost.
  let dump: string;
  let keysThen: string[];
  let headAfter: string;
  let apiKey: string;
  const used: Record<string, string> = {};
  let browser: Awaited<ReturnType<Application['signIn']>>;
  let code: Awaited<ReturnType<typeof obtain>>;
  let verified: string[];

  it('is dumped by the documented command while writes go on', async () => {
    const server = await installation.start();
    browser = await app.signIn();
    const login = await call('/auth/login', { body: { email: PERSON, password: PASSWORD } });
    const bearer = { authorization: `Bearer ${login.body.access_token}` };
    apiKey = String((await call('/auth/api-keys', { body: { name: 'export', permissions: ['profile:read'] }, headers: bearer })).body.key);
    const { refreshToken } = await app.redeem(await obtain(browser));
    used.before = refreshToken ?? '';
    used.api = String(login.body.refresh_token);
    keysThen = await kids();
    // Until events are in the chain, so that there is something to be cut off.
    await expect.poll(chained, WITHIN).toBeGreaterThan(0);

    const ledger = emptyLedger();
    const work = load(app, await app.signIn(), ledger);
    await expect.poll(() => ledger.verified.length, WITHIN).toBeGreaterThan(0);
    code = await obtain(browser);
    verified = ledger.verified.map(({ email }) => email);
    dump = path.join(folder, 'latchkey.dump');
    let meanwhile = 0;
    while (meanwhile === 0) {
      const acknowledged = acknowledgedIn(ledger);
      await postgres.run('pg_dump', ['--format=custom', `--file=${dump}`, databaseUrl('latchkey')]);
      meanwhile = acknowledgedIn(ledger) - acknowledged;
    }
    const chainedThen = await chained();

    // After it: what can be used once is used, and somebody's session ends.
    expect((await app.redeem(code)).status).toBe(200);
    const next = await app.refresh(used.before ?? '');
    expect(next.status).toBe(200);
    used.after = next.refreshToken ?? '';
    expect((await call('/auth/refresh', { body: { refresh_token: used.api } })).status).toBe(200);
    await expect.poll(chained, WITHIN).toBeGreaterThan(chainedThen);
    await server.kill('SIGTERM');
    await work;
    const later = await verifyAudit({});
    expect(later).toMatchObject({ code: 0, ok: true });
    headAfter = later.head;
    console.log(`PostgreSQL ${postgres.version}: ${meanwhile} writes were acknowledged while it was dumped`);
  });

  it('is a state in which what was used since works again, until it is finished', async () => {
    for (const name of ['careless', 'restored'])
      await postgres.run('pg_restore', ['--clean', '--if-exists', '--no-owner', `--dbname=${databaseUrl(name)}`, dump]);
    const server = await installation.start({ env: { DATABASE_URL: databaseUrl('careless') } });
    expect((await app.refresh(used.before ?? '')).status).toBe(200);
    expect((await app.authorize(browser)).issued).toBeDefined();
    await server.kill();

    const asked = await installation.latchkey(['restore', '--in-place'], { env: restored() });
    expect(asked).toMatchObject({ code: 1, stderr: expect.stringContaining('Add --yes') });
    const { code: ended, stdout, stderr } = await installation.latchkey(['restore', '--in-place', '--yes', '--json'], { env: restored() });
    expect({ ended, stderr }).toEqual({ ended: 0, stderr: '' });
    const told = JSON.parse(stdout) as { ended: Record<string, number>; api_keys: object };
    expect(told.ended.grants).toBeGreaterThan(1);
    expect(told.ended.sessions).toBeGreaterThan(1);
    expect(told.api_keys).toEqual({ living: 1, revoked: 0 });
  });

  it('does not start without the key-encryption key, or with another, and says so in plain words', async () => {
    // An installation elsewhere, which would make itself new secrets.
    const { KEY_ENCRYPTION_KEY: _lost, ...rest } = installation.environment;
    const start = async (env: Record<string, string>) => {
      const { code: ended, stderr } = await runNode([main], { env: { ...rest, DATA_DIR: folder, ...restored(), ...env }, cwd: folder });
      expect(ended).toBe(1);
      expect(stderr).not.toContain('\n    at ');
      return stderr;
    };
    const words = 'Latchkey cannot start: KEY_ENCRYPTION_KEY is not the one this database was sealed with. Set the original key';
    expect(await start({})).toContain(words);
    expect(await start({ KEY_ENCRYPTION_KEY: OTHER_KEY })).toContain(words);
    expect(await start({ LATCHKEY_ENV: 'production' })).toMatch(/^ {2}- KEY_ENCRYPTION_KEY .*must be set in production\./m);
  });

  it('has its accounts, passwords, clients and keys, and no sign-in that was made before', async () => {
    const server = await installation.start({ env: restored() });
    expect((await app.readiness()).status).toBe(200);
    expect(await kids()).toEqual(keysThen);
    for (const token of [used.before, used.after]) expect((await app.refresh(token ?? '')).status).toBe(400);
    expect((await app.redeem(code)).status).toBe(400);
    expect((await call('/auth/refresh', { body: { refresh_token: used.api } })).status).toBe(401);
    expect((await app.authorize(browser)).issued).toBeUndefined();

    const again = await app.signIn();
    const { status, refreshToken } = await app.redeem(await obtain(again));
    expect(status).toBe(200);
    expect((await app.refresh(refreshToken ?? '')).status).toBe(200);
    for (const email of verified) expect((await call('/auth/login', { body: { email, password: PASSWORD } })).status, email).toBe(200);
    expect((await call('/auth/me', { headers: { 'x-api-key': apiKey } })).status).toBe(200);
    expect((await call('/auth/login', { body: { email: PERSON, password: 'not the password' } })).status).toBe(401);
    await server.kill('SIGTERM');
  });

  it('has an audit log that is whole in itself, and that a later head shows to be an older one', async () => {
    const alone = await verifyAudit(restored());
    expect(alone).toMatchObject({ code: 0, ok: true, fault_count: 0 });
    expect(await verifyAudit(restored(), '--head', headAfter)).toMatchObject({ code: 1, ok: false });
    const { stdout } = await installation.latchkey(['audit', 'list', '--type', 'database.restored', '--json'], { env: restored() });
    expect((JSON.parse(stdout) as { events: object[] }).events).toHaveLength(1);
  });
});
