import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Browserless } from '../support/browserless.js';
import { API, clients } from '../support/declarations.js';
import { type Answer, expectHardened, expectNoInternals, formType, postForm, send } from '../support/raw-http.js';
import { createRelyingParty, locationOf, obtainTokens, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
let shop: RelyingParty;
let browser: Browserless;
beforeAll(async () => {
  server = await startDeclaredServer();
  shop = await createRelyingParty(server, 'shop');
  ({ browser } = await obtainTokens(server, shop, { parameters: { scope: 'openid orders:read', resource: API } }));
});
afterAll(() => server?.close());

const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
});
const asShop = basic('shop', clients.shop.client_secret);
const asWorker = basic('worker', clients.worker.client_secret);

/** An OAuth error (RFC 6749, 5.2): JSON, kept by nobody, nothing of the inside in it. */
function expectError(answer: Answer, error: string | RegExp, status = 400): void {
  expect(answer.status, answer.body.slice(0, 300)).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
  expect(answer.headers['cache-control']).toContain('no-store');
  expectHardened(answer);
  expectNoInternals(answer);
  const body = JSON.parse(answer.body) as { error: string };
  if (typeof error === 'string') expect(body.error).toBe(error);
  else expect(body.error).toMatch(error);
}

/** A fresh code of the shop, with what redeems it. */
async function freshCode() {
  const { url, checks } = await shop.begin({ scope: 'openid orders:read', resource: API });
  const back = locationOf(await browser.open(url.href));
  return {
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    redirect_uri: shop.redirectUri,
    code_verifier: checks.pkceCodeVerifier,
  };
}
const redeem = (fields: Record<string, string>, headers: Record<string, string> = asShop) => postForm(server, '/token', fields, headers);

describe('a code', () => {
  test('of one client is worth nothing to another, whoever authenticates', async () => {
    const code = await freshCode();
    expectError(await redeem(code, basic('ours', clients.ours.client_secret)), 'invalid_grant');
    expectError(await redeem({ ...code, client_id: 'till', client_secret: clients.till.client_secret }, {}), 'invalid_grant');
    expectError(await redeem({ ...code, client_id: 'spa' }, {}), 'invalid_grant');
  });

  test.each<[string, Record<string, string>]>([
    ['a wrong verifier', { code_verifier: 'a'.repeat(43) }],
    ['a verifier that is too short', { code_verifier: 'short' }],
    ['the challenge in place of the verifier', { code_verifier: '<script>alert(1)</script>'.repeat(3) }],
    ['another redirect URI', { redirect_uri: 'https://evil.example.com/' }],
    ['a redirect URI that only looks the same', { redirect_uri: 'https://shop.example.com/callback/' }],
  ])('is not redeemed with %s', async (_what, change) => {
    expectError(await redeem({ ...(await freshCode()), ...change }), /invalid_(grant|request)/);
  });

  test('is not redeemed without a verifier, and the right one still redeems it', async () => {
    const code = await freshCode();
    const { code_verifier, ...without } = code;
    expectError(await redeem(without), 'invalid_grant');
    expect((await redeem({ ...without, code_verifier })).status).toBe(200);
  });

  test('that was guessed, cut, or is no code at all is refused alike', async () => {
    const { code, ...rest } = await freshCode();
    for (const guess of ['', 'x', code.slice(0, -1), `${code}x`, code.toUpperCase(), 'x'.repeat(10_000), "' OR 1=1 --", '\0', '__proto__'])
      expectError(await redeem({ ...rest, code: guess }), /invalid_(grant|request)/);
    expect((await redeem({ ...rest, code })).status).toBe(200);
  });

  test('is not exchanged for a resource that was not asked for', async () => {
    expectError(await redeem({ ...(await freshCode()), resource: 'https://opaque.example.com' }), 'invalid_target');
  });
});

describe('who asks at the token endpoint', () => {
  const fields = { grant_type: 'client_credentials', resource: API };

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['nobody', {}, {}],
    ['an unknown client', basic('nobody', 'secret'), {}],
    ['a wrong secret', basic('worker', 'wrong'), {}],
    ['an empty secret', basic('worker', ''), {}],
    ['a confidential client as a public one', {}, { client_id: 'worker' }],
    ['credentials that are not Basic', { authorization: 'Basic !!!' }, {}],
    ['credentials without a colon', { authorization: `Basic ${Buffer.from('worker').toString('base64')}` }, {}],
    ['another scheme', { authorization: 'Bearer x' }, {}],
    ['a scheme alone', { authorization: 'Basic' }, {}],
    ['a secret of 10000 characters', basic('worker', 'x'.repeat(10_000)), {}],
    ['a client named as a member of every object', basic('__proto__', 'x'), {}],
    ['two ways at once', asWorker, { client_id: 'worker', client_secret: clients.worker.client_secret }],
    ['two clients at once', asWorker, { client_id: 'shop' }],
    [
      'a made-up assertion',
      {},
      { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: 'e30.e30.' },
    ],
  ])('%s gets nothing', async (_what, headers, extra) => {
    const answer = await redeem({ ...fields, ...extra }, headers);
    expect([400, 401]).toContain(answer.status);
    expectError(answer, /invalid_(client|request)/, answer.status);
    expect(answer.body).not.toContain('access_token');
    if (answer.status === 401 && headers.authorization) expect(answer.headers['www-authenticate']).toBeDefined();
  });

  test('an unknown client and a wrong secret are told alike', async () => {
    const [unknown, wrong] = await Promise.all([redeem(fields, basic('nobody', 'x')), redeem(fields, basic('worker', 'x'))]);
    expect(unknown.body).toBe(wrong.body);
    expect(unknown.status).toBe(wrong.status);
  });
});

describe('how it is asked', () => {
  const fields = { grant_type: 'client_credentials', resource: API, scope: 'orders:read' };

  test.each([
    ['password', /unsupported_grant_type/],
    ['implicit', /unsupported_grant_type/],
    ['', /invalid_request/],
    ['constructor', /unsupported_grant_type/],
    ['__proto__', /unsupported_grant_type/],
    ['urn:ietf:params:oauth:grant-type:device_code', /invalid_request|unauthorized_client/],
    ['urn:ietf:params:oauth:grant-type:saml2-bearer', /unsupported_grant_type/],
    ['authorization_code', /invalid_request|unauthorized_client/],
    ['<script>', /unsupported_grant_type/],
  ])('grant type %j is refused', async (grant_type, error) => {
    expectError(await redeem({ ...fields, grant_type }, asWorker), error);
  });

  test.each(['grant_type', 'scope'])('%s given twice is refused', async (name) => {
    expectError(await postForm(server, '/token', `${new URLSearchParams(fields)}&${name}=x`, asWorker), 'invalid_request');
  });

  test('a scope or resource the client may not have is refused', async () => {
    expectError(await redeem({ ...fields, scope: 'offline_access' }, asWorker), 'invalid_scope');
    // Of an API's scopes, what the client may not have is left out (RFC 6749, 3.3).
    const narrowed = JSON.parse((await redeem({ ...fields, scope: 'orders:read orders:write' }, asWorker)).body) as {
      access_token: string;
    };
    expect(decodeJwt(narrowed.access_token).scope).toBe('orders:read');
    expectError(await redeem({ ...fields, resource: 'https://unknown.example.com' }, asWorker), 'invalid_target');
    expectError(await redeem({ ...fields, resource: 'javascript:alert(1)' }, asWorker), 'invalid_target');
  });

  test.each(['/token', '/introspect', '/revoke'])('%s takes forms only, of at most 64 KiB', async (path) => {
    const as = { ...asWorker };
    expectError(
      await send(server, { method: 'POST', path, headers: { ...as, 'content-type': 'application/json' }, body: JSON.stringify(fields) }),
      'invalid_request',
    );
    expectError(
      await send(server, { method: 'POST', path, headers: { ...as, 'content-type': 'multipart/form-data; boundary=x' }, body: '--x--' }),
      'invalid_request',
    );
    expectError(await send(server, { method: 'POST', path, headers: { ...as, ...formType } }), 'invalid_request');
    const large = await postForm(server, path, { ...fields, token: 'x'.repeat(70_000) }, as);
    expect([400, 413]).toContain(large.status);
    expectError(large, 'invalid_request', large.status);
  });

  test.each(['/token', '/introspect', '/revoke'])(
    '%s is not thrown off by 1000 fields, bad encoding or members of every object',
    async (path) => {
      for (const body of [
        Array.from({ length: 1000 }, (_, i) => `f${i}=1`).join('&'),
        '%E0%A4%A=1&token=%ZZ&grant_type=%',
        '__proto__=1&constructor=1&toString=1&__proto__[x]=1&token[$ne]=1',
        '\0=\0&token=\0',
        '&&&===&=&',
        'token[]=a&token[0][b]=c',
      ]) {
        const answer = await postForm(server, path, body, asWorker);
        expect(answer.status, body.slice(0, 60)).toBeLessThan(500);
        expectNoInternals(answer);
      }
      expect(({} as Record<string, unknown>).x).toBeUndefined();
    },
  );
});

describe('userinfo', () => {
  const ask = (headers: Record<string, string>, path = '/userinfo') => send(server, { path, headers });

  test.each<[string, Record<string, string>]>([
    ['no token', {}],
    ['a made-up token', { authorization: 'Bearer made-up' }],
    ['a token of the wrong scheme', { authorization: 'Basic eDp5' }],
    ['a token without its scheme', { authorization: 'abc' }],
    ['two words too many', { authorization: 'Bearer a b c' }],
    ['an empty token', { authorization: 'Bearer ' }],
    ['a token of 8000 characters', { authorization: `Bearer ${'x'.repeat(8000)}` }],
    ['an unsigned JWT', { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.' }],
    ['a DPoP token that is none', { authorization: 'DPoP abc' }],
  ])('%s is refused with a challenge', async (_what, headers) => {
    const answer = await ask(headers);
    expect([400, 401]).toContain(answer.status);
    expectError(answer, /invalid_(token|request)/, answer.status);
    if (answer.status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
  });

  test('a token in the address is refused: addresses are kept in logs', async () => {
    const { tokens } = await obtainTokens(server, shop);
    expectError(await ask({}, `/userinfo?access_token=${tokens.access_token}`), 'invalid_request');
  });

  test('is readable from the origin of the application and from no other', async () => {
    const { tokens } = await obtainTokens(server, await createRelyingParty(server, 'spa'));
    const from = (origin: string) => ask({ origin, authorization: `Bearer ${tokens.access_token}` });
    expect((await from('https://spa.example.com')).headers['access-control-allow-origin']).toBe('https://spa.example.com');
    const evil = await from('https://evil.example.com');
    expect(evil.headers['access-control-allow-origin']).not.toBe('https://evil.example.com');
    expect(evil.headers['access-control-allow-origin']).not.toBe('*');
    expect(evil.headers['access-control-allow-credentials']).toBeUndefined();
  });
});

test('a token, a code or a refresh token of one kind is not taken for another', async () => {
  const { tokens } = await obtainTokens(server, shop);
  const { code } = await freshCode();
  expectError(await redeem({ grant_type: 'refresh_token', refresh_token: tokens.access_token }), 'invalid_grant');
  expectError(await redeem({ grant_type: 'refresh_token', refresh_token: code }), 'invalid_grant');
  const asCode = { ...(await freshCode()), code: tokens.refresh_token ?? '' };
  expectError(await redeem(asCode), 'invalid_grant');
  for (const token of [tokens.refresh_token ?? '', code, tokens.id_token ?? ''])
    expect((await send(server, { path: '/userinfo', headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
  expect((await oidc.tokenIntrospection(shop.config, tokens.access_token)).active).toBe(true);
});
