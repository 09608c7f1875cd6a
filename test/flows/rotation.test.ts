import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { createDatabaseUrl } from '../support/database.js';
import { API } from '../support/declarations.js';
import { createPerson } from '../support/people.js';
import { createRelyingParty, locationOf, obtainTokens, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const cleanups: (() => Promise<unknown>)[] = [];
let alone: TestServer;
beforeAll(async () => {
  alone = await start();
});
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function start(options: Parameters<typeof startDeclaredServer>[0] = {}): Promise<TestServer> {
  const server = await startDeclaredServer(options);
  cleanups.push(server.close);
  return server;
}

type Jwks = { keys: { kid: string }[] };
const fetchJwks = async (server: { url: string }, headers: Record<string, string> = {}) => {
  const response = await fetch(`${server.url}/.well-known/jwks.json`, { headers });
  return { response, jwks: response.status === 200 ? ((await response.json()) as Jwks) : undefined };
};
const kidsOf = async (server: { url: string }) => (await fetchJwks(server)).jwks?.keys.map(({ kid }) => kid) ?? [];
const kidOf = (token: string | undefined) => String(decodeProtectedHeader(token ?? '').kid);
const verify = (server: { url: string }, token: string | undefined, audience: string) =>
  jwtVerify(token ?? '', createRemoteJWKSet(new URL(`${server.url}/.well-known/jwks.json`)), { issuer: server.url, audience });

/** Repeats `step` until told to stop; every failure is kept. */
function keepDoing(step: () => Promise<unknown>) {
  const failures: unknown[] = [];
  let done = 0;
  let running = true;
  const finished = (async () => {
    while (running) {
      try {
        await step();
        done += 1;
      } catch (error) {
        failures.push(error);
      }
    }
  })();
  const stop = () => {
    running = false;
    return finished;
  };
  return { failures, done: () => done, stop };
}

/** Applications at work: whole code flows, refreshes, userinfo calls, and services that look for new keys. */
async function startLoad(server: TestServer, party: RelyingParty) {
  const { browser, tokens, accountId } = await obtainTokens(server, party, { parameters: { scope: 'openid orders:read', resource: API } });
  const issued: string[] = [];
  const keep = (token: string | undefined) => token && issued.push(token);
  const line = { refreshToken: tokens.refresh_token ?? '', accessToken: '' };
  const workers = [
    ...[1, 2].map(() =>
      keepDoing(async () => {
        const { url, checks } = await party.begin({ scope: 'openid orders:read', resource: API });
        const fresh = await party.finish(locationOf(await browser.open(url.href)), checks);
        keep(fresh.id_token);
        expect(await oidc.fetchUserInfo(party.config, fresh.access_token, accountId)).toMatchObject({ sub: accountId });
      }),
    ),
    keepDoing(async () => {
      const fresh = await oidc.refreshTokenGrant(party.config, line.refreshToken, { resource: API });
      line.refreshToken = fresh.refresh_token ?? '';
      keep(fresh.access_token);
    }),
    keepDoing(async () => {
      const { response } = await fetchJwks(server);
      expect(response.status).toBe(200);
    }),
  ];
  const done = () => workers.map((worker) => worker.done());
  return {
    issued,
    done,
    /** Waits until every worker has done something more. */
    async progress() {
      const before = done();
      await vi.waitFor(() => expect(done().every((count, index) => count > (before[index] ?? 0))).toBe(true), { timeout: 20_000 });
    },
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      return workers.flatMap(({ failures }) => failures);
    },
  };
}

describe('signing keys rotate under load', () => {
  test('and no request fails, tokens from before still verify, and new ones carry the new key', async () => {
    const server = alone;
    const shop = await createRelyingParty(server, 'shop');
    const load = await startLoad(server, shop);
    await load.progress();
    const signedBy: string[] = [server.services.signingKeys.current().active[0]?.kid ?? ''];
    for (let rotation = 0; rotation < 3; rotation += 1) {
      const published = await kidsOf(server);
      await server.services.signingKeys.rotate({ force: true });
      const active = server.services.signingKeys.current().active[0]?.kid ?? '';
      expect(signedBy).not.toContain(active);
      // What signs now was published before it signed.
      expect(published).toContain(active);
      signedBy.push(active);
      await load.progress();
    }
    expect(await load.stop()).toEqual([]);
    const kids = new Set(load.issued.map(kidOf));
    expect([...kids].sort()).toEqual([...signedBy].sort());
    expect(kidOf(load.issued.at(-1))).toBe(signedBy.at(-1));
    for (const kid of signedBy) {
      const token = load.issued.find((candidate) => kidOf(candidate) === kid);
      const isAccessToken = decodeProtectedHeader(token ?? '').typ === 'at+jwt';
      await verify(server, token, isAccessToken ? API : 'shop');
    }
  });

  test('a second process over the same database notices, and neither refuses what the other signed', async () => {
    const database = await createDatabaseUrl('postgresql');
    cleanups.push(() => database.drop());
    const first = await start({ databaseUrl: database.url });
    // The same issuer, answered by two processes: what one signs, the other's JWKS has to name.
    const second = await start({ databaseUrl: database.url });
    expect(await kidsOf(second)).toEqual(await kidsOf(first));
    const party = await createRelyingParty(second, 'shop');
    const load = await startLoad(second, party);
    await load.progress();
    for (let rotation = 0; rotation < 2; rotation += 1) {
      await first.services.signingKeys.rotate({ force: true });
      const active = first.services.signingKeys.current().active[0]?.kid ?? '';
      // What the first process signs with from now on was published by the second before.
      expect(await kidsOf(second)).toContain(active);
      await vi.waitFor(() => expect(second.services.signingKeys.current().active[0]?.kid).toBe(active), { timeout: 5000 });
      await load.progress();
      expect(await kidsOf(second)).toEqual(await kidsOf(first));
    }
    expect(await load.stop()).toEqual([]);
    expect(kidOf(load.issued.at(-1))).toBe(first.services.signingKeys.current().active[0]?.kid);
  });

  test('an authorization begun before a rotation ends after it', async () => {
    const server = alone;
    const shop = await createRelyingParty(server, 'shop');
    const person = await createPerson(server);
    const browser = new Browserless();
    const { url, checks } = await shop.begin();
    const login = await browser.open(url.href);
    await server.services.signingKeys.rotate({ force: true });
    const asked = await browser.submit(login, '/login', { identifier: person.email, password: person.password });
    await server.services.signingKeys.rotate({ force: true });
    const back = locationOf(await browser.submit(asked, '/consent', { decision: 'allow' }));
    await server.services.signingKeys.rotate({ force: true });
    const tokens = await shop.finish(back, checks);
    expect(kidOf(tokens.id_token)).toBe(server.services.signingKeys.current().active[0]?.kid);
  });
});

describe('the JWKS', () => {
  test('may be cached for as long as a key is published before it signs, and says so', async () => {
    const server = alone;
    const { response, jwks } = await fetchJwks(server);
    expect(response.headers.get('content-type')).toMatch(/^application\/jwk-set\+json/);
    expect(response.headers.get('cache-control')).toBe('public, max-age=3600');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('set-cookie')).toBeNull();
    const keys = await server.services.signingKeys.list();
    expect(jwks?.keys.map(({ kid }) => kid).sort()).toEqual(keys.map(({ kid }) => kid).sort());
    const next = keys.find(({ state }) => state === 'next');
    const ahead = ((next?.maySignFrom?.getTime() ?? 0) - (next?.createdAt.getTime() ?? 0)) / 1000;
    expect(ahead).toBeGreaterThanOrEqual(3600);
  });

  test('answers 304 to whoever has it already, and 200 once a key has changed', async () => {
    const server = alone;
    const { response } = await fetchJwks(server);
    const etag = response.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    const again = await fetchJwks(server, { 'if-none-match': etag });
    expect(again.response.status).toBe(304);
    expect(again.response.headers.get('etag')).toBe(etag);
    expect(again.response.headers.get('cache-control')).toBe('public, max-age=3600');
    await server.services.signingKeys.rotate({ force: true });
    const changed = await fetchJwks(server, { 'if-none-match': etag });
    expect(changed.response.status).toBe(200);
    expect(changed.response.headers.get('etag')).not.toBe(etag);
    const head = await fetch(`${server.url}/.well-known/jwks.json`, { method: 'HEAD' });
    expect([head.status, head.headers.get('etag')]).toEqual([200, changed.response.headers.get('etag')]);
  });
});
