import type { SqlQuery } from '@prisma/driver-adapter-utils';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databases } from '../support/database.js';
import { API, clients, OPAQUE_API } from '../support/declarations.js';
import { createPerson } from '../support/people.js';
import { type Capture, captureStatements, fillTables, isExplainable, walkedTables } from '../support/query-plans.js';
import { createRelyingParty, locationOf, obtainTokens, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

/** May use both resources. */
const worker = { ...clients.worker, client_id: 'machine', scope: 'orders:read stock:read' };

/** What the server's own clockwork asks now and then. */
const BACKGROUND = /change_counters|outbox_messages|leases/;

/**
 * What an operation costs is decided by how often it asks the database: one statement too many is as dear as the protocol. Counted where each
 * statement passes once, below Prisma, with the beginnings and ends of transactions.
 */
describe.each(databases)('statements of an operation (%s)', (provider) => {
  let capture: Capture;
  let server: TestServer;
  let shop: RelyingParty;
  beforeAll(async () => {
    capture = captureStatements(provider);
    server = await startDeclaredServer({ provider });
    await server.services.clients.create(worker, { source: 'operator' });
    shop = await createRelyingParty(server, 'shop');
  });
  afterAll(async () => {
    await server.close();
    capture.stop();
  });

  /** Every statement that was counted. */
  const hot = new Set<string>();
  const sent = () => {
    const counted = capture.sent.filter((sql) => !BACKGROUND.test(sql));
    for (const sql of counted) hot.add(sql);
    return counted.map((sql) => sql.replaceAll(/\s+/g, ' ').trim());
  };

  /** From the second time on, when what is kept in memory is there; the fewest of three, since the server's own jobs ask for things as well. */
  async function count(operation: () => Promise<unknown>): Promise<string[]> {
    await operation();
    const rounds: string[][] = [];
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      capture.sent.length = 0;
      await operation();
      rounds.push(sent());
    }
    return rounds.sort((one, other) => one.length - other.length)[0] ?? [];
  }

  const clientCredentials = async (resource: string, scope: string) => {
    const { client_id, client_secret } = worker;
    const answer = await fetch(`${server.url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
    });
    expect(answer.status).toBe(200);
  };

  it('a client gets a JWT of its own without asking the database', async () => {
    expect(await count(() => clientCredentials(API, 'orders:read'))).toEqual([]);
  });

  it('an opaque token is one insert', async () => {
    expect(await count(() => clientCredentials(OPAQUE_API, 'stock:read'))).toHaveLength(1);
  });

  it('introspection is one statement: the token with its grant, whatever kind of token it may be', async () => {
    const { tokens } = await obtainTokens(server, shop);
    const statements = await count(async () =>
      expect(await oidc.tokenIntrospection(shop.config, tokens.access_token)).toMatchObject({ active: true }),
    );
    expect(statements).toHaveLength(1);
  });

  it('userinfo is one: the token with its grant, its session and its account', async () => {
    const { tokens, accountId } = await obtainTokens(server, shop);
    expect(await count(() => oidc.fetchUserInfo(shop.config, tokens.access_token, accountId))).toHaveLength(1);
  });

  it('an account that is read with a token is as it is now: changed, disabled, and enabled again', async () => {
    const { tokens, accountId } = await obtainTokens(server, shop);
    const ask = () => fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    const refresh = () => oidc.refreshTokenGrant(shop.config, tokens.refresh_token ?? '');
    // Past the service, which would end what the account has: the account itself decides here.
    const set = (data: object) => server.services.db.client.account.update({ where: { id: accountId }, data });
    const email = `renamed-${accountId}@example.com`;
    await set({ email });
    expect(await (await ask()).json()).toMatchObject({ sub: accountId, email });
    await set({ status: 'disabled' });
    expect((await ask()).status).toBe(401);
    await expect(refresh()).rejects.toMatchObject({ error: 'invalid_grant' });
    await set({ status: 'active' });
    expect((await ask()).status).toBe(200);
  });

  it('a refresh is two: the token with its grant and account, and the exchange for both new tokens', async () => {
    let { tokens } = await obtainTokens(server, shop);
    const statements = await count(async () => {
      tokens = await oidc.refreshTokenGrant(shop.config, tokens.refresh_token ?? '');
    });
    expect(statements).toHaveLength(2);
  });

  it('a sign-in of a session is four: the session with its account, the grant, the code, and its event in the audit log', async () => {
    const { browser } = await obtainTokens(server, shop);
    expect(await count(async () => locationOf(await browser.open((await shop.begin()).url.href)))).toHaveLength(4);
  });

  it('a code is two: the code with its grant, session and account, and its exchange for two tokens', async () => {
    const { browser } = await obtainTokens(server, shop);
    const counted: number[] = [];
    for (let round = 0; round < 3; round++) {
      const { url, checks } = await shop.begin();
      const location = locationOf(await browser.open(url.href));
      await new Promise((resolve) => setTimeout(resolve, 20));
      capture.sent.length = 0;
      await shop.finish(location, checks);
      counted.push(sent().length);
    }
    expect(Math.min(...counted)).toBe(2);
  });

  it('a sign-in over the API is nine, beside its password', async () => {
    const { email, password } = await createPerson(server);
    let device: string | null = null;
    const statements = await count(async () => {
      const answer = await fetch(`${server.url}/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(device === null ? {} : { 'x-device-token': device }) },
        body: JSON.stringify({ email, password }),
      });
      expect(answer.status).toBe(200);
      device = answer.headers.get('x-device-token') ?? device;
    });
    // The account, its locks before and after the password is judged, its device, the event, the grant, its rights, the refresh token, other sign-ins.
    expect(statements).toHaveLength(9);
  });

  it('each of these finds its rows by a key, however many others there are', async () => {
    await fillTables(server.services.db, 3000);
    const statements = [...hot].filter(isExplainable);
    expect(statements.length).toBeGreaterThan(6);
    for (const sql of statements) {
      const plan = await capture.explain(capture.statements.get(sql) as SqlQuery);
      expect(walkedTables(provider, sql, plan), `${sql}\n${plan.join('\n')}`).toEqual([]);
    }
  });
});
