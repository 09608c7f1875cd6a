import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { migrate } from '../../src/platform/db/index.js';
import { withLease } from '../../src/platform/leases/index.js';
import { clients } from '../support/declarations.js';
import { createPerson } from '../support/people.js';
import { type Pooler, pgbouncer, startPooler } from '../support/pooler.js';
import { onServer } from '../support/postgres.js';
import { createRelyingParty, locationOf, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { times } from '../support/storage.js';

const directory = path.resolve(import.meta.dirname, '../../prisma');

/** What depends on the connection staying the same: locks, prepared statements, settings. A pooler changes it after every transaction. */
describe.runIf(pgbouncer)('PostgreSQL behind a pooler in transaction mode', () => {
  const name = `pooled_${process.pid}`;
  let pooler: Pooler;
  let servers: TestServer[];
  let first: TestServer;
  let second: TestServer;
  beforeAll(async () => {
    await onServer(inject('postgresServer'), `CREATE DATABASE ${name}`);
    pooler = await startPooler(inject('postgresServer'));
  });
  afterAll(async () => {
    await Promise.all((servers ?? []).map((server) => server.close()));
    await pooler?.stop();
    await onServer(inject('postgresServer'), `DROP DATABASE ${name} WITH (FORCE)`);
  });

  const token = (server: TestServer, fields: Record<string, string>) =>
    fetch(`${server.url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clients.shop.client_id}:${clients.shop.client_secret}`).toString('base64')}` },
      body: new URLSearchParams(fields),
    });

  it('migrations are applied once by processes that start together', async () => {
    const url = pooler.url(name);
    const reports = await Promise.all(times(6, () => migrate({ url, directory })));
    expect(reports.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
  });

  it('two servers that start together on the empty database agree on keys and secrets, and make one administrator', async () => {
    servers = await Promise.all(times(2, () => startDeclaredServer({ databaseUrl: pooler.url(name) })));
    [first, second] = servers as [TestServer, TestServer];
    const [one, other] = await Promise.all(
      servers.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).json() as Promise<{ keys: { kid: string }[] }>),
    );
    expect(one?.keys.map(({ kid }) => kid).sort()).toEqual(other?.keys.map(({ kid }) => kid).sort());
    expect(await first.services.db.client.account.count()).toBe(1);
  });

  it('somebody signs in, and of 40 parallel refreshes at two servers all get the same one successor', async () => {
    const { tokens } = await obtainTokens(first, await createRelyingParty(first, 'shop'));
    const fields = { grant_type: 'refresh_token', refresh_token: String(tokens.refresh_token) };
    const answers = await Promise.all(times(40, (index) => token(index % 2 ? first : second, fields)));
    expect(answers.map(({ status }) => status)).toEqual(times(40, () => 200));
    const successors = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { refresh_token: string }).refresh_token));
    expect(new Set(successors).size).toBe(1);
  });

  it('a code is redeemed once out of 30 parallel tries', async () => {
    const party = await createRelyingParty(first, 'shop');
    const { browser } = await obtainTokens(first, party);
    const { url, checks } = await party.begin();
    const code = String(locationOf(await browser.open(url.href)).searchParams.get('code'));
    const fields = { grant_type: 'authorization_code', code, redirect_uri: party.redirectUri, code_verifier: checks.pkceCodeVerifier };
    const statuses = await Promise.all(times(30, async () => (await token(first, fields)).status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(29);
  });

  it('leases are held by one, changes are heard by the other server, accounts are made in parallel transactions', async () => {
    const held = await Promise.all(
      times(8, () => withLease(first.services.db, 'pooled', 60, () => new Promise<void>((resolve) => setTimeout(resolve, 200)))),
    );
    expect(held.filter((outcome) => outcome.held)).toHaveLength(1);
    await second.services.changes.poll();
    await first.services.clients.update('shop', { client_name: 'Renamed' });
    await second.services.changes.poll();
    expect((await second.services.findClient('shop'))?.name).toBe('Renamed');
    const people = await Promise.all(times(20, (index) => createPerson(index % 2 ? first : second)));
    expect(new Set(people.map(({ account }) => account.id)).size).toBe(20);
  });
});
