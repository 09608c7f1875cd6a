import { Writable } from 'node:stream';
import pino from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRefusedOrigins } from '../../src/platform/http/index.js';
import { Browserless } from '../support/browserless.js';
import { clients } from '../support/declarations.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { createRelyingParty, locationOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const OWN = 'https://spa.example.com';
const ADDED = 'https://staging.example.com:8443';
const OTHER = 'https://evil.example.com';

let server: TestServer;
let lines: Record<string, unknown>[];
beforeAll(async () => {
  const log = pino(
    { level: 'warn' },
    new Writable({
      write: (line, _encoding, done) => {
        lines.push(JSON.parse(String(line)));
        done();
      },
    }),
  );
  lines = [];
  server = await startDeclaredServer({ log });
  await server.services.clients.update('spa', { allowed_cors_origins: [ADDED] });
});
beforeEach(() => {
  lines.length = 0;
});
afterAll(() => server?.close());

const at = (path: string) => `${server.url}${path}`;
/** What a browser asks before it sends a page's request. */
const preflight = (path: string, origin: string, method = 'POST', headers = 'authorization, content-type, dpop') =>
  fetch(at(path), {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': headers },
  });
/** Whether a browser would let the page send such a request, and read the answer. */
const passes = (response: Response, origin: string, method: string) => {
  const allowed = response.headers.get('access-control-allow-origin');
  const methods = response.headers.get('access-control-allow-methods')?.split(/, ?/) ?? [];
  return response.status < 300 && (allowed === '*' || allowed === origin) && methods.includes(method);
};
const readable = (response: Response, origin: string) => ['*', origin].includes(response.headers.get('access-control-allow-origin') ?? '');
const post = (path: string, origin: string, body: Record<string, string>) =>
  fetch(at(path), { method: 'POST', headers: { origin }, body: new URLSearchParams(body) });
const refusals = () => lines.filter(({ reason }) => reason === 'cors.origin_refused');

/** A code of the single-page application, and what redeems it. */
async function code() {
  const party = await createRelyingParty(server, 'spa');
  const { url, checks } = await party.begin();
  const browser = new Browserless();
  const page = await signIn(browser, await browser.open(url.href), await createPerson(server));
  const back = locationOf(await consent(browser, page));
  return {
    grant_type: 'authorization_code',
    client_id: 'spa',
    code: String(back.searchParams.get('code')),
    code_verifier: checks.pkceCodeVerifier,
    redirect_uri: party.redirectUri,
  };
}

describe('a browser asks first (a preflight, which names no client)', () => {
  test.each([
    ['/token', 'POST'],
    ['/userinfo', 'GET'],
    ['/userinfo', 'POST'],
    ['/revoke', 'POST'],
    ['/introspect', 'POST'],
    ['/par', 'POST'],
    ['/device/auth', 'POST'],
    ['/connect/register', 'POST'],
    ['/.well-known/openid-configuration', 'GET'],
    ['/.well-known/oauth-authorization-server', 'GET'],
    ['/.well-known/jwks.json', 'GET'],
  ])('%s lets a page of any origin ask by %s, without cookies', async (path, method) => {
    const answer = await preflight(path, OWN, method);
    expect(passes(answer, OWN, method)).toBe(true);
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    expect(answer.headers.get('access-control-allow-headers')?.toLowerCase()).toMatch(/^\*$|content-type/);
    expect(refusals()).toEqual([]);
  });

  test('pages of people are for no other origin', async () => {
    for (const path of ['/', '/authorize', '/interaction/x', '/account', '/logout', '/register', '/dev/mailbox'])
      expect(readable(await preflight(path, OWN, 'GET'), OWN), path).toBe(false);
  });
});

describe('the request that follows', () => {
  test('is answered to the origins of redirect URIs and to those that the operator added, to no other, and nothing of it is done', async () => {
    for (const origin of [OWN, ADDED]) {
      const request = await code();
      for (const wrong of [OTHER, 'null', `${OWN}:8443`, OWN.replace('https', 'http'), 'https://spa.example.com.evil.example']) {
        const refused = await post('/token', wrong, request);
        expect([refused.status, readable(refused, wrong), await refused.json()]).toMatchObject([400, false, { error: 'invalid_request' }]);
      }
      const answered = await post('/token', origin, request);
      expect([answered.status, readable(answered, origin)]).toEqual([200, true]);
      expect(answered.headers.get('access-control-expose-headers')).toMatch(/DPoP-Nonce.*WWW-Authenticate/);
      const { access_token: token, refresh_token: refreshToken } = (await answered.json()) as Record<string, string>;
      const userinfo = (from: string) => fetch(at('/userinfo'), { headers: { origin: from, authorization: `Bearer ${token}` } });
      expect(readable(await userinfo(origin), origin)).toBe(true);
      expect(readable(await userinfo(OTHER), OTHER)).toBe(false);
      const revocation = { client_id: 'spa', token: String(refreshToken) };
      expect((await post('/revoke', OTHER, revocation)).status).toBe(400);
      expect((await post('/revoke', origin, revocation)).status).toBe(200);
    }
  });

  test('that is refused is explained in the log, once, with client and origin and nothing else of it', async () => {
    const request = await code();
    for (let time = 0; time < 3; time += 1) await post('/token', OTHER, { ...request, client_id: 'native' });
    expect(refusals()).toEqual([
      expect.objectContaining({
        reason: 'cors.origin_refused',
        client_id: 'native',
        origin: OTHER,
        path: '/token',
        msg: expect.stringContaining('allowed_cors_origins'),
      }),
    ]);
    const text = JSON.stringify(lines);
    for (const secret of [request.code, request.code_verifier, clients.shop.client_secret]) expect(text).not.toContain(secret);
  });
});

describe('our own API', () => {
  test('refuses a preflight of an origin it does not know, and the log says which', async () => {
    const refused = await preflight('/auth/login', OTHER);
    expect(readable(refused, OTHER)).toBe(false);
    expect(refusals()).toEqual([
      expect.objectContaining({ origin: OTHER, path: '/auth/login', msg: expect.stringContaining('FIRST_PARTY_ORIGINS') }),
    ]);
    expect(refusals()[0]).not.toHaveProperty('client_id');
  });

  test('knows what the operator added to a first-party application', async () => {
    const origin = 'https://preview.example.com';
    expect(readable(await preflight('/auth/login', origin), origin)).toBe(false);
    await server.services.clients.update('ours', { allowed_cors_origins: [origin] });
    expect(passes(await preflight('/auth/login', origin), origin, 'POST')).toBe(true);
    await server.services.clients.update('ours', { allowed_cors_origins: null });
    expect(readable(await preflight('/auth/login', origin), origin)).toBe(false);
  });
});

describe('allowed_cors_origins', () => {
  const redirect_uris = ['https://app.example.com/cb'];
  const create = (origins: unknown) =>
    server.services.clients.create({ redirect_uris, allowed_cors_origins: origins }, { source: 'operator' });

  test.each([
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://*.example.com',
    '*',
    'null',
    'http://app.example.com',
    'HTTPS://app.example.com',
    'https://app.example.com:443',
    'com.example.app:',
    'https://user@app.example.com',
    'https://bücher.example',
  ])('%s is no origin to allow', async (origin) => {
    await expect(create([origin])).rejects.toMatchObject({
      code: 'clients.invalid',
      details: [expect.objectContaining({ path: 'allowed_cors_origins[0]' })],
    });
  });

  test('takes https origins, and http ones of this machine', async () => {
    const origins = ['https://app.example.com', 'https://app.example.com:8443', 'http://localhost:5173', 'http://127.0.0.1:5173'];
    expect((await create(origins)).client.metadata.allowed_cors_origins).toEqual(origins);
  });

  test('is not for a client to say of itself', async () => {
    const body = JSON.stringify({ redirect_uris, allowed_cors_origins: [OTHER], token_endpoint_auth_method: 'none' });
    const registered = await fetch(at('/connect/register'), { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const { client_id: id } = (await registered.json()) as { client_id: string };
    expect(registered.status).toBe(201);
    const refused = await post('/token', OTHER, { grant_type: 'refresh_token', refresh_token: 'x', client_id: id });
    expect(readable(refused, OTHER)).toBe(false);
  });
});

test('whoever sends a thousand origins fills no log', () => {
  const written: unknown[] = [];
  const refused = createRefusedOrigins({ log: { warn: (...line: unknown[]) => void written.push(line) } });
  for (let count = 0; count < 1000; count += 1) refused.note({ origin: `https://${count}.example.com`, path: '/token' });
  expect(written).toHaveLength(30);
  refused.note({ origin: 'x'.repeat(10_000), path: '/token' });
  expect(JSON.stringify(written).length).toBeLessThan(30 * 500);
});
