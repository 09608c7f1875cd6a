import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createClient } from '@libsql/client';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Database, migrate, readableBy } from '../../src/platform/db/index.js';
import { Browserless } from '../support/browserless.js';
import { createDatabaseUrl, databases } from '../support/database.js';
import { clients } from '../support/declarations.js';
import { projectData } from '../support/earlier-level.js';
import { PASSWORD } from '../support/people.js';
import { onServer } from '../support/postgres.js';
import { createRelyingParty, locationOf, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import { copyMigrations, findBreaks, migrationNames, readCatalogue } from '../support/schema-catalogue.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const isContract = (name: string) => /^\d{14}_contract_/.test(name);
let made = 0;

/** The shop's request to the token endpoint. */
const exchange = (issuer: string, fields: Record<string, string>) =>
  fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${clients.shop.client_id}:${clients.shop.client_secret}`).toString('base64')}` },
    body: new URLSearchParams(fields),
  });

/** Runs a script past the migrations, as whoever edits a database by hand. */
async function runScript(url: string, sql: string): Promise<void> {
  if (url.startsWith('file:')) {
    const client = createClient({ url });
    await client.executeMultiple(sql);
    return client.close();
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

describe.each(databases)('migrations only add (%s)', (provider: Database['provider']) => {
  let folder: string;
  const dropped: string[] = [];
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-levels-'));
  });
  afterEach(async () => {
    for (const name of dropped.splice(0)) await onServer(inject('postgresServer'), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    rmSync(folder, { recursive: true, force: true });
  });

  /** An empty database. */
  async function openEmpty(): Promise<string> {
    made += 1;
    if (provider === 'sqlite') return `file:${path.join(folder, `${made}.db`)}`;
    const name = `levels_${process.pid}_${made}`;
    await onServer(inject('postgresServer'), `CREATE DATABASE ${name}`);
    dropped.push(name);
    return `${inject('postgresServer')}/${name}`;
  }
  /** A database as the version that had the first `level` migrations left it. */
  async function openAt(level: number): Promise<string> {
    const url = await openEmpty();
    const names = migrationNames(provider).slice(0, level);
    await migrate({ url, directory: copyMigrations(provider, names, path.join(folder, `level-${made}`)) });
    return url;
  }

  it('each of them leaves all that the version before it reads and writes, unless its name says that it takes away', async () => {
    const names = migrationNames(provider);
    let before = await readCatalogue(await openAt(1));
    expect(before.columns.length).toBeGreaterThan(50);
    expect(before.unique.length).toBeGreaterThan(10);
    expect(before.constraints.length).toBeGreaterThan(5);
    for (let level = 2; level <= names.length; level++) {
      const name = names[level - 1] as string;
      const after = await readCatalogue(await openAt(level));
      const breaks = findBreaks(before, after);
      if (!isContract(name)) expect(breaks, `${name} must only add; see "Migrations only add" in DECISIONS.md`).toEqual([]);
      else expect(name).toMatch(/^\d{14}_contract_\d{14}_/);
      before = after;
    }
  });

  it('that rule finds a dropped table, a dropped, renamed, retyped or required column, a new duty, a new unique index', async () => {
    const before = await readCatalogue(await openAt(1));
    const cases: [sql: string, finding: string][] = [
      ['ALTER TABLE "accounts" RENAME COLUMN "full_name" TO "name"', 'accounts.full_name is gone'],
      ['DROP TABLE "leases"', 'leases.name is gone'],
      ['ALTER TABLE "clients" DROP COLUMN "name"', 'clients.name is gone'],
      ['CREATE UNIQUE INDEX "u" ON "accounts" ("created_at")', 'accounts (created_at) has to be unique'],
      ...(provider === 'postgresql'
        ? ([
            ['ALTER TABLE "accounts" ADD COLUMN "colour" TEXT NOT NULL', 'accounts.colour is new and has to be given'],
            ['ALTER TABLE "accounts" ALTER COLUMN "first_name" SET NOT NULL', 'accounts.first_name may not be null any more'],
            ['ALTER TABLE "accounts" ALTER COLUMN "last_name" TYPE VARCHAR(9)', 'accounts.last_name is character varying, was text'],
            ['ALTER TABLE "accounts" ADD CONSTRAINT "c" CHECK ("last_name" <> $$Bob$$)', 'accounts (last_name) has a new constraint'],
          ] as [string, string][])
        : []),
    ];
    const broken = await openAt(1);
    await runScript(broken, cases.map(([sql]) => `${sql};`).join('\n'));
    const found = findBreaks(before, await readCatalogue(broken));
    for (const [, finding] of cases) expect(found).toContain(finding);
    const url = await openAt(1);
    await runScript(
      url,
      `CREATE TABLE "t" ("id" TEXT NOT NULL PRIMARY KEY); ALTER TABLE "accounts" ADD COLUMN "a" TEXT;
       ALTER TABLE "accounts" ADD COLUMN "b" INTEGER NOT NULL DEFAULT 0; CREATE UNIQUE INDEX "u" ON "accounts" ("a"); CREATE INDEX "i" ON "accounts" ("created_at");`,
    );
    expect(findBreaks(before, await readCatalogue(url))).toEqual([]);
  });

  it('a version starts and works on the database of a newer one, in which every table has gained columns', async () => {
    const database = await createDatabaseUrl(provider, 'server');
    const tables = [...new Set((await readCatalogue(database.url)).columns.map(({ table }) => table))];
    const names = migrationNames(provider);
    const newer = '29990101000000_more';
    const directory = copyMigrations(provider, names, path.join(folder, 'newer'));
    mkdirSync(path.join(directory, provider, 'migrations', newer));
    const added = tables.map(
      (table) =>
        `ALTER TABLE "${table}" ADD COLUMN "later" TEXT; ALTER TABLE "${table}" ADD COLUMN "later_number" INTEGER NOT NULL DEFAULT 7;`,
    );
    writeFileSync(
      path.join(directory, provider, 'migrations', newer, 'migration.sql'),
      `${added.join('\n')}\nCREATE TABLE "later_things" ("id" TEXT NOT NULL PRIMARY KEY);\n`,
    );
    expect((await migrate({ url: database.url, directory })).applied).toEqual([newer]);
    const server = await startDeclaredServer({ databaseUrl: database.url });
    try {
      expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
      const shop = await createRelyingParty(server, 'shop');
      const { tokens } = await obtainTokens(server, shop);
      const refreshed = await exchange(server.url, { grant_type: 'refresh_token', refresh_token: String(tokens.refresh_token) });
      expect(refreshed.status).toBe(200);
      const { access_token } = (await refreshed.json()) as { access_token: string };
      expect((await fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${access_token}` } })).status).toBe(200);
    } finally {
      await server.close();
      await database.drop();
    }
  });

  it('a version refuses the database of a newer one that has taken away what it uses, and only that', () => {
    const newest = '20261201120000_mine';
    expect(readableBy(newest, '20270101000000_more')).toBe(true);
    expect(readableBy(newest, '20270101000000_contract_20261201120000_drop')).toBe(true);
    expect(readableBy(newest, '20270101000000_contract_20261115000000_drop')).toBe(true);
    expect(readableBy(newest, '20270101000000_contract_20261201120001_drop')).toBe(false);
    expect(readableBy(newest, '20270101000000_contract_drop')).toBe(false);
  });

  /** One address for whichever server runs: the issuer stays. */
  async function openAddress() {
    let port = 0;
    const proxy = await startTcpProxy(() => [{ host: 'localhost', port }]);
    const start = async (databaseUrl: string) => {
      const server = await startDeclaredServer({ databaseUrl, env: { ISSUER_URL: `http://127.0.0.1:${proxy.port}` } });
      ({ port } = server.config);
      return server;
    };
    return { start, close: proxy.close };
  }

  it('what an installation at each earlier level holds goes on working when this version starts: accounts, sign-ins, live tokens, keys', async () => {
    const source = await createDatabaseUrl(provider, 'server');
    const address = await openAddress();
    const before = await address.start(source.url);
    const held = await obtainTokens(before, await createRelyingParty(before, 'shop'));
    const keys = await (await fetch(`${before.url}/.well-known/jwks.json`)).text();
    await before.close();
    try {
      for (let level = 1; level < migrationNames(provider).length; level++) {
        const url = await openAt(level);
        await projectData(source.url, url);
        const after = await address.start(url);
        try {
          expect((await fetch(`${after.url}/readyz`)).status, `level ${level}`).toBe(200);
          expect(await (await fetch(`${after.url}/.well-known/jwks.json`)).text()).toBe(keys);
          const userinfo = await fetch(`${after.url}/userinfo`, { headers: { authorization: `Bearer ${held.tokens.access_token}` } });
          expect(await userinfo.json()).toMatchObject({ sub: held.accountId, email: held.email });
          const refreshed = await exchange(after.url, { grant_type: 'refresh_token', refresh_token: String(held.tokens.refresh_token) });
          expect(refreshed.status).toBe(200);
          const shop = await createRelyingParty(after, 'shop');
          const { url: again } = await shop.begin();
          // The browser is still signed in, and the consent is remembered.
          const browser = new Browserless();
          for (const [host, jar] of held.browser.cookies) browser.cookies.set(host, new Map(jar));
          expect(locationOf(await browser.open(again.href)).searchParams.get('code')).toBeTruthy();
          const anew = await obtainTokens(after, shop, { person: { email: held.email, password: PASSWORD } });
          expect(anew.accountId).toBe(held.accountId);
        } finally {
          await after.close();
        }
      }
    } finally {
      await address.close();
      await source.drop();
    }
  });
});
