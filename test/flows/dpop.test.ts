import { generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { databases } from '../support/database.js';
import { API, clients } from '../support/declarations.js';
import { athOf, createDpopKey, type DpopKey, nonceOf } from '../support/dpop.js';
import { createRelyingParty, obtainTokens, type RelyingParty, refusalOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { times } from '../support/storage.js';

const bound = {
  ...clients.shop,
  client_id: 'bound',
  client_secret: 'a-secret-of-bound-long-enough-to-be-one',
  dpop_bound_access_tokens: true,
};
const invalidGrant = { status: 400, error: 'invalid_grant' };

// RFC 9449.
describe.each(databases)('a token bound to a key (DPoP) on %s', (provider) => {
  let server: TestServer;
  let shop: RelyingParty;
  let spa: RelyingParty;
  let nonce: string;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    await server.services.clients.create(bound, { source: 'operator' });
    [shop, spa] = await Promise.all([createRelyingParty(server, 'shop'), createRelyingParty(server, 'spa')]);
    nonce = await nonceOf(server);
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => server?.close());

  const newHandle = async ({ config } = spa) => oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const userinfo = (headers: Record<string, string>) => fetch(`${server.url}/userinfo`, { headers });
  const signInBound = async (party = spa) => {
    const handle = await newHandle(party);
    const signedIn = await obtainTokens(server, party, { tokenOptions: { DPoP: handle } });
    return { ...signedIn, handle, refreshToken: String(signedIn.tokens.refresh_token) };
  };
  /** A sign-in whose key proves itself by hand. */
  const signInByHand = async () => {
    const key = await createDpopKey();
    const { url, checks } = await spa.begin();
    const { browser } = await obtainTokens(server, spa);
    const code = new URL(String((await browser.open(url.href)).headers.get('location'))).searchParams.get('code');
    const response = await fetch(`${server.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: 'spa',
        code: String(code),
        redirect_uri: spa.redirectUri,
        code_verifier: checks.pkceCodeVerifier,
      }),
      headers: { dpop: await key.prove(`${server.url}/token`, { nonce }) },
    });
    const body = (await response.json()) as { access_token: string; refresh_token: string; token_type: string };
    expect(body).toMatchObject({ token_type: 'DPoP' });
    return { key, accessToken: body.access_token, refreshToken: body.refresh_token };
  };
  const proveAtUserinfo = (key: DpopKey, accessToken: string, claims: Record<string, unknown> = {}) =>
    key.prove(`${server.url}/userinfo`, { htm: 'GET', nonce, ath: athOf(accessToken), ...claims });

  it('is given, used, refreshed and introspected with openid-client, nonces and all', async () => {
    const { tokens, handle, accountId, refreshToken } = await signInBound();
    expect(tokens.token_type).toBe('dpop');
    expect(await oidc.fetchUserInfo(spa.config, tokens.access_token, accountId, { DPoP: handle })).toMatchObject({ sub: accountId });
    const next = await oidc.refreshTokenGrant(spa.config, refreshToken, undefined, { DPoP: handle });
    expect(next.token_type).toBe('dpop');
    expect(await oidc.tokenIntrospection(shop.config, next.access_token)).toMatchObject({
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: await handle.calculateThumbprint() },
    });
  });

  it('is a JWT for an API that checks its key by RFC 9449, and is introspected as one', async () => {
    const key = await generateKeyPair('ES256', { extractable: true });
    const pair = { privateKey: key.privateKey, publicKey: key.publicKey };
    const handle = oidc.getDPoPHandle(shop.config, pair);
    const { tokens } = await obtainTokens(server, shop, {
      parameters: { scope: 'openid orders:read', resource: API },
      tokenParameters: { resource: API },
      tokenOptions: { DPoP: handle },
    });
    const as = await oauth
      .discoveryRequest(new URL(server.url), { [oauth.allowInsecureRequests]: true })
      .then((response) => oauth.processDiscoveryResponse(new URL(server.url), response));
    let asked: Request | undefined;
    await oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(`${API}/orders`), undefined, undefined, {
      DPoP: oauth.DPoP({}, pair),
      [oauth.customFetch]: async (url, init) => {
        asked = new Request(url, init as RequestInit);
        return new Response();
      },
    });
    const options = { [oauth.allowInsecureRequests]: true, requireDPoP: true };
    const claims = await oauth.validateJwtAccessToken(as, (asked as Request).clone(), API, options);
    const cnf = { jkt: await handle.calculateThumbprint() };
    expect(claims).toMatchObject({ client_id: 'shop', cnf });
    const asBearer = new Request(`${API}/orders`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    await expect(oauth.validateJwtAccessToken(as, asBearer, API, options)).rejects.toThrow();
    expect(await oidc.tokenIntrospection(shop.config, tokens.access_token)).toMatchObject({ active: true, token_type: 'DPoP', cnf });
  });

  it('opens userinfo once for a proof, and only with the right one', async () => {
    const { key, accessToken } = await signInByHand();
    const authorization = `DPoP ${accessToken}`;
    const other = await createDpopKey();
    const bad: Record<string, Record<string, string>> = {
      'no proof': { authorization },
      'as a bearer token': { authorization: `Bearer ${accessToken}` },
      'as a bearer token beside a proof': { authorization: `Bearer ${accessToken}`, dpop: await proveAtUserinfo(key, accessToken) },
      'another key': { authorization, dpop: await proveAtUserinfo(other, accessToken) },
      'no ath': { authorization, dpop: await proveAtUserinfo(key, accessToken, { ath: undefined }) },
      'the ath of another token': { authorization, dpop: await proveAtUserinfo(key, 'another') },
      'another method': { authorization, dpop: await proveAtUserinfo(key, accessToken, { htm: 'POST' }) },
      'another address': { authorization, dpop: await proveAtUserinfo(key, accessToken, { htu: `${server.url}/token` }) },
      'no nonce': { authorization, dpop: await proveAtUserinfo(key, accessToken, { nonce: undefined }) },
    };
    for (const [what, headers] of Object.entries(bad)) {
      const { status } = await userinfo(headers);
      expect({ what, refused: status === 401 || status === 400 }).toEqual({ what, refused: true });
    }
    const headers = { authorization, dpop: await proveAtUserinfo(key, accessToken) };
    const statuses = await Promise.all(times(8, async () => (await userinfo(headers)).status));
    expect(statuses.sort()).toEqual([200, ...times(7, () => 401)]);
  });

  it('is another thing than a bearer token, which no proof makes one of', async () => {
    const { tokens } = await obtainTokens(server, spa);
    const key = await createDpopKey();
    const response = await userinfo({
      authorization: `DPoP ${tokens.access_token}`,
      dpop: await proveAtUserinfo(key, tokens.access_token),
    });
    expect(response.status).toBe(401);
  });

  it('of a public client is refreshed with its key only, and another key ends nothing', async () => {
    const { refreshToken, handle } = await signInBound();
    const refresh = (options?: oidc.DPoPOptions) => oidc.refreshTokenGrant(spa.config, refreshToken, undefined, options);
    expect(await refusalOf(refresh())).toEqual(invalidGrant);
    expect(await refusalOf(refresh({ DPoP: await newHandle() }))).toEqual(invalidGrant);
    expect((await refresh({ DPoP: handle })).token_type).toBe('dpop');
  });

  it.each(['spa', 'shop'] as const)(
    'of %s: a retry gets the same successor with the same key, a plain refusal with another',
    async (name) => {
      const party = name === 'spa' ? spa : shop;
      const { refreshToken, handle } = await signInBound(party);
      const refresh = (DPoP: oidc.DPoPHandle) => oidc.refreshTokenGrant(party.config, refreshToken, undefined, { DPoP });
      const first = await refresh(handle);
      const again = await Promise.all(times(6, () => refresh(handle)));
      expect(new Set(again.map(({ refresh_token }) => refresh_token))).toEqual(new Set([first.refresh_token]));
      expect(await refusalOf(refresh(await newHandle(party)))).toEqual(invalidGrant);
      const next = await oidc.refreshTokenGrant(party.config, String(first.refresh_token), undefined, { DPoP: handle });
      expect(await oidc.tokenIntrospection(shop.config, next.access_token)).toMatchObject({ active: true });
    },
  );

  it('is the only kind that a client with dpop_bound_access_tokens gets', async () => {
    const party = await createRelyingParty(server, bound);
    expect(await refusalOf(obtainTokens(server, party))).toEqual(invalidGrant);
    const { tokens, refreshToken } = await signInBound(party);
    expect(tokens.token_type).toBe('dpop');
    expect(await refusalOf(oidc.refreshTokenGrant(party.config, refreshToken))).toEqual(invalidGrant);
  });

  it('comes of a code that was bound to a key, by that key alone (section 10)', async () => {
    const handle = await newHandle();
    const parameters = { dpop_jkt: await handle.calculateThumbprint() };
    expect(await refusalOf(obtainTokens(server, spa, { parameters }))).toEqual(invalidGrant);
    expect(await refusalOf(obtainTokens(server, spa, { parameters, tokenOptions: { DPoP: await newHandle() } }))).toEqual(invalidGrant);
    expect((await obtainTokens(server, spa, { parameters, tokenOptions: { DPoP: handle } })).tokens.token_type).toBe('dpop');
  });

  it('comes of a code whose request was pushed with a proof, by that key alone (section 10.1)', async () => {
    const handle = await newHandle();
    const pushing = (DPoP: oidc.DPoPHandle, extra = {}): RelyingParty => ({
      ...spa,
      async begin(given) {
        const { url, checks } = await spa.begin({ ...given, ...extra });
        url.searchParams.delete('client_id');
        return { url: await oidc.buildAuthorizationUrlWithPAR(spa.config, url.searchParams, { DPoP }), checks };
      },
    });
    expect(await refusalOf(obtainTokens(server, pushing(handle), { tokenOptions: { DPoP: await newHandle() } }))).toEqual(invalidGrant);
    expect((await obtainTokens(server, pushing(handle), { tokenOptions: { DPoP: handle } })).tokens.token_type).toBe('dpop');
    const mismatch = obtainTokens(server, pushing(handle, { dpop_jkt: 'A'.repeat(43) }));
    expect(await refusalOf(mismatch)).toEqual({ status: 400, error: 'invalid_request' });
  });

  it('is nothing at our own APIs as a bearer token', async () => {
    const house = {
      ...clients.ours,
      client_id: 'house',
      client_secret: 'a-secret-of-the-house-long-enough-to-be-one',
      scope: 'openid account',
    };
    await server.services.clients.create(house, { source: 'operator' });
    const party = await createRelyingParty(server, house);
    const resource = `${server.url}/api`;
    const asked = { parameters: { scope: 'openid account', resource }, tokenParameters: { resource } };
    const free = await obtainTokens(server, party, asked);
    expect(await server.app.firstParty.authenticate(free.tokens.access_token)).toMatchObject({ accountId: free.accountId });
    const tied = await obtainTokens(server, party, { ...asked, tokenOptions: { DPoP: await newHandle(party) } });
    expect(await server.app.firstParty.authenticate(tied.tokens.access_token)).toBeNull();
  });

  it('can be asked for by a page on the application: the preflight allows the proof, and the nonce is readable', async () => {
    const origin = 'https://spa.example.com';
    const preflight = await fetch(`${server.url}/token`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'dpop' },
    });
    expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('dpop');
    const response = await fetch(`${server.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'spa', refresh_token: 'x' }),
      headers: { origin, dpop: await (await createDpopKey()).prove(`${server.url}/token`) },
    });
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    expect(response.headers.get('access-control-expose-headers')).toContain('DPoP-Nonce');
    expect(response.headers.get('dpop-nonce')).toBeTruthy();
  });
});
