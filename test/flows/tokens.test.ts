import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { API, OPAQUE_API } from '../support/declarations.js';
import { consent, createPerson, signIn } from '../support/people.js';
import {
  createRelyingParty,
  locationOf,
  obtainTokens,
  type RelyingParty,
  refusalOf,
  startDeclaredServer,
} from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
let shop: RelyingParty;
let till: RelyingParty;

beforeAll(async () => {
  server = await startDeclaredServer();
  [shop, till] = await Promise.all([createRelyingParty(server, 'shop'), createRelyingParty(server, 'till')]);
});
afterEach(() => vi.useRealTimers());
afterAll(() => server?.close());

const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });

const forApi = { scope: 'openid profile orders:read', resource: API };
const refresh = (party: RelyingParty, token: string | undefined, parameters = {}) =>
  oidc.refreshTokenGrant(party.config, token ?? '', parameters);
const active = async (party: RelyingParty, token: string | undefined) => (await oidc.tokenIntrospection(party.config, token ?? '')).active;

describe('a refresh token', () => {
  test('works once and has one successor, which a retry gets again; using it later ends them all', async () => {
    const { tokens } = await obtainTokens(server, shop);
    const second = await refresh(shop, tokens.refresh_token);
    expect(second.refresh_token).not.toBe(tokens.refresh_token);
    expect(second.access_token).not.toBe(tokens.access_token);
    expect(second.claims()?.sub).toBe(tokens.claims()?.sub);
    const retry = await refresh(shop, tokens.refresh_token);
    expect(retry.refresh_token).toBe(second.refresh_token);
    expect(retry.access_token).not.toBe(second.access_token);
    later(11);
    expect(await refusalOf(refresh(shop, tokens.refresh_token))).toEqual({ error: 'invalid_grant', status: 400 });
    expect(await refusalOf(refresh(shop, second.refresh_token))).toEqual({ error: 'invalid_grant', status: 400 });
    expect(await active(shop, second.access_token)).toBe(false);
  });

  test('is of no use to another client', async () => {
    const { tokens } = await obtainTokens(server, shop);
    expect(await refusalOf(refresh(till, tokens.refresh_token))).toEqual({ error: 'invalid_grant', status: 400 });
    expect((await refresh(shop, tokens.refresh_token)).access_token).toEqual(expect.any(String));
  });

  test('narrows the scope on request and never widens it', async () => {
    const { tokens } = await obtainTokens(server, shop, { parameters: { scope: 'openid email' } });
    const narrowed = await refresh(shop, tokens.refresh_token, { scope: 'openid' });
    expect(narrowed.scope).toBe('openid');
    expect(await refusalOf(refresh(shop, narrowed.refresh_token, { scope: 'openid profile' }))).toMatchObject({ error: 'invalid_scope' });
  });

  test('of one sign-in ends without ending those of another sign-in of the same person', async () => {
    const person = await createPerson(server);
    const phone = await obtainTokens(server, shop, { person });
    const desk = await obtainTokens(server, shop, { person });
    await refresh(shop, phone.tokens.refresh_token);
    later(11);
    await refusalOf(refresh(shop, phone.tokens.refresh_token));
    expect((await refresh(shop, desk.tokens.refresh_token)).access_token).toEqual(expect.any(String));
  });

  test('is of no use to a client without the refresh grant', async () => {
    const worker = await createRelyingParty(server, 'worker');
    const { tokens } = await obtainTokens(server, shop);
    // RFC 6749 would have unauthorized_client here; the library says it in this word.
    expect(await refusalOf(refresh(worker, tokens.refresh_token))).toEqual({ error: 'invalid_request', status: 400 });
    expect(await active(shop, tokens.refresh_token)).toBe(true);
  });
});

describe('with a resource', () => {
  test('a refresh gives an RFC 9068 JWT for that API', async () => {
    const { tokens, accountId } = await obtainTokens(server, shop, { parameters: forApi });
    const api = await refresh(shop, tokens.refresh_token, { resource: API });
    expect(decodeProtectedHeader(api.access_token)).toMatchObject({ typ: 'at+jwt', alg: 'RS256', kid: expect.any(String) });
    const claims = decodeJwt(api.access_token);
    expect(claims).toMatchObject({
      iss: server.url,
      aud: API,
      sub: accountId,
      client_id: 'shop',
      scope: 'orders:read',
      jti: expect.any(String),
      grant_id: expect.any(String),
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(600);
    expect(api.expires_in).toBe(600);
    expect(claims).not.toHaveProperty('email');
  });

  test('the same refresh token goes on serving userinfo without one', async () => {
    const { tokens, accountId } = await obtainTokens(server, shop, { parameters: forApi });
    const api = await refresh(shop, tokens.refresh_token, { resource: API });
    const plain = await refresh(shop, api.refresh_token);
    expect(() => decodeJwt(plain.access_token)).toThrow();
    expect(await oidc.fetchUserInfo(shop.config, plain.access_token, accountId)).toMatchObject({ sub: accountId });
  });

  test('userinfo refuses the JWT', async () => {
    const { tokens, accountId } = await obtainTokens(server, shop, { parameters: forApi });
    const api = await refresh(shop, tokens.refresh_token, { resource: API });
    expect(await refusalOf(oidc.fetchUserInfo(shop.config, api.access_token, accountId))).toEqual({ error: 'invalid_token', status: 401 });
  });

  test('a resource that was not agreed to, or is unknown, is refused', async () => {
    const { tokens } = await obtainTokens(server, shop, { parameters: forApi });
    expect(await refusalOf(refresh(shop, tokens.refresh_token, { resource: OPAQUE_API }))).toEqual({
      error: 'invalid_target',
      status: 400,
    });
    const fresh = await obtainTokens(server, shop, { parameters: forApi });
    expect(await refusalOf(refresh(shop, fresh.tokens.refresh_token, { resource: 'https://unknown.example.com' }))).toMatchObject({
      error: 'invalid_target',
    });
  });

  test('declared as opaque, the token is opaque and introspection names the audience', async () => {
    const { tokens } = await obtainTokens(server, shop, { parameters: { scope: 'openid stock:read', resource: OPAQUE_API } });
    const stock = await refresh(shop, tokens.refresh_token, { resource: OPAQUE_API });
    expect(() => decodeJwt(stock.access_token)).toThrow();
    expect(await oidc.tokenIntrospection(shop.config, stock.access_token)).toMatchObject({
      active: true,
      aud: OPAQUE_API,
      scope: 'stock:read',
      client_id: 'shop',
    });
  });
});

describe('introspection and revocation', () => {
  test('introspection tells of a live token, and of a dead or strange one only that it is not active', async () => {
    const { tokens, accountId } = await obtainTokens(server, shop);
    expect(await oidc.tokenIntrospection(shop.config, tokens.access_token)).toMatchObject({
      active: true,
      sub: accountId,
      client_id: 'shop',
      scope: 'openid profile email',
      iss: server.url,
      token_type: 'Bearer',
    });
    expect(await active(shop, tokens.refresh_token)).toBe(true);
    expect(await oidc.tokenIntrospection(shop.config, 'never-issued')).toEqual({ active: false });
  });

  test('introspection names no grant, whatever the format of the token', async () => {
    const { tokens } = await obtainTokens(server, shop, { parameters: forApi });
    const jwt = await refresh(shop, tokens.refresh_token, { resource: API });
    for (const token of [tokens.access_token, jwt.access_token]) {
      const told = await oidc.tokenIntrospection(shop.config, token);
      expect(told.active).toBe(true);
      expect(told).not.toHaveProperty('grant_id');
    }
  });

  test('a revoked access token is dead at once and ends its grant, but not the session or what was allowed', async () => {
    const { browser, tokens, accountId } = await obtainTokens(server, shop);
    await oidc.tokenRevocation(shop.config, tokens.access_token);
    expect(await active(shop, tokens.access_token)).toBe(false);
    expect(await refusalOf(oidc.fetchUserInfo(shop.config, tokens.access_token, accountId))).toEqual({
      error: 'invalid_token',
      status: 401,
    });
    expect(await refusalOf(refresh(shop, tokens.refresh_token))).toEqual({ error: 'invalid_grant', status: 400 });
    const { url, checks } = await shop.begin({ prompt: 'none' });
    expect((await shop.finish(locationOf(await browser.open(url.href)), checks)).claims()?.sub).toBe(accountId);
  });

  test('revoking the refresh token ends its access tokens too', async () => {
    const { tokens } = await obtainTokens(server, shop);
    await oidc.tokenRevocation(shop.config, tokens.refresh_token ?? '', { token_type_hint: 'refresh_token' });
    expect(await refusalOf(refresh(shop, tokens.refresh_token))).toEqual({ error: 'invalid_grant', status: 400 });
    expect(await active(shop, tokens.access_token)).toBe(false);
  });

  test('a client cannot revoke what belongs to another', async () => {
    const { tokens } = await obtainTokens(server, shop);
    await oidc.tokenRevocation(till.config, tokens.access_token).catch(() => undefined);
    expect(await active(shop, tokens.access_token)).toBe(true);
  });

  test('both ask who is asking', async () => {
    for (const path of ['/introspect', '/revoke']) {
      const response = await fetch(server.url + path, { method: 'POST', body: new URLSearchParams({ token: 'x', client_id: 'shop' }) });
      expect(response.status, path).toBe(401);
      expect(await response.json(), path).toMatchObject({ error: 'invalid_client' });
    }
  });
});

describe('a code', () => {
  const replays = () => server.services.db.client.auditEvent.count({ where: { type: 'code.replayed', clientId: 'shop' } });

  test('is good once: a second redemption is refused and revokes what the first gave', async () => {
    const person = await createPerson(server);
    const { url, checks } = await shop.begin();
    const browser = new Browserless();
    const back = locationOf(await consent(browser, await signIn(browser, await browser.open(url.href), person)));
    const tokens = await shop.finish(back, checks);
    expect(await refusalOf(shop.finish(back, checks))).toEqual({ error: 'invalid_grant', status: 400 });
    expect(await active(shop, tokens.access_token)).toBe(false);
    expect(await refusalOf(refresh(shop, tokens.refresh_token))).toEqual({ error: 'invalid_grant', status: 400 });
    await expect.poll(() => replays()).toBe(1);
  });

  test('is good for one of 10 redemptions at the same moment, which is audited', async () => {
    const person = await createPerson(server);
    const { url, checks } = await shop.begin();
    const browser = new Browserless();
    const back = locationOf(await consent(browser, await signIn(browser, await browser.open(url.href), person)));
    const before = await replays();
    const tries = await Promise.allSettled(Array.from({ length: 10 }, () => shop.finish(back, checks)));
    const won = tries.filter((attempt) => attempt.status === 'fulfilled');
    expect(won).toHaveLength(1);
    expect(await active(shop, won[0]?.value.access_token)).toBe(false);
    await expect.poll(() => replays()).toBeGreaterThan(before);
  });
});
