import { decodeJwt, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { databases } from '../support/database.js';
import { API, clients } from '../support/declarations.js';
import {
  createRelyingParty,
  locationOf,
  obtainTokens,
  type RelyingParty,
  refusalOf,
  startDeclaredServer,
} from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const forApi = { parameters: { scope: 'openid profile orders:read', resource: API }, tokenParameters: { resource: API } };

describe.each(databases)('a JWT access token on %s', (provider) => {
  let server: TestServer;
  let shop: RelyingParty;
  let till: RelyingParty;
  let worker: RelyingParty;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    [shop, till, worker] = await Promise.all([
      createRelyingParty(server, 'shop'),
      createRelyingParty(server, 'till'),
      createRelyingParty(server, 'worker'),
    ]);
  });
  afterAll(() => server?.close());
  afterEach(() => void vi.useRealTimers());

  const introspect = (party: RelyingParty, token: string) => oidc.tokenIntrospection(party.config, token);
  const active = async (party: RelyingParty, token: string) => (await introspect(party, token)).active;
  const own = async () => (await oidc.clientCredentialsGrant(worker.config, { scope: 'orders:read', resource: API })).access_token;
  const issue = async () => {
    const signedIn = await obtainTokens(server, shop, forApi);
    return { ...signedIn, token: signedIn.tokens.access_token, grantId: String(decodeJwt(signedIn.tokens.access_token).grant_id) };
  };
  const basic = (name: 'shop' | 'worker' | 'till') => `Basic ${Buffer.from(`${name}:${clients[name].client_secret}`).toString('base64')}`;
  const post = async (path: string, form: Record<string, string> | string, headers: Record<string, string> = {}) => {
    const response = await fetch(server.url + path, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: 'client_id' in Object(form) ? headers : { authorization: basic('shop'), ...headers },
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
  };

  test('is given for a code once, also where nothing is stored beside it, and ends with a second use', async () => {
    const client = { ...clients.shop, client_id: 'without-refresh', grant_types: ['authorization_code'] };
    await server.services.clients.create(client, { source: 'operator' });
    const party = await createRelyingParty(server, client);
    const { browser } = await obtainTokens(server, party, forApi);
    const { url, checks } = await party.begin(forApi.parameters);
    const location = locationOf(await browser.open(url.href));
    const answers = await Promise.allSettled(Array.from({ length: 6 }, () => party.finish(location, checks, forApi.tokenParameters)));
    const given = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    expect(given).toHaveLength(1);
    expect(given[0]?.refresh_token).toBeUndefined();
    expect(await active(shop, String(given[0]?.access_token))).toBe(false);
  });

  describe('introspected', () => {
    test('is active and tells what it says, without our private claim', async () => {
      const { token, accountId } = await issue();
      const { status, body, headers } = await post('/introspect', { token, token_type_hint: 'access_token' });
      expect({ status, cache: headers.get('cache-control') }).toEqual({ status: 200, cache: 'no-store' });
      const { iat, exp, jti } = decodeJwt(token);
      expect(body).toEqual({
        active: true,
        acr: 'urn:latchkey:acr:password',
        amr: ['pwd'],
        auth_time: expect.any(Number),
        iss: server.url,
        aud: API,
        sub: accountId,
        client_id: 'shop',
        scope: 'orders:read',
        token_type: 'Bearer',
        iat,
        exp,
        jti,
      });
    });

    test('by a service that the operator made is active, too; by a public client or one that registered itself never', async () => {
      const { token } = await issue();
      expect(await active(worker, token)).toBe(true);
      expect((await post('/introspect', { token, client_id: 'spa' })).body).toEqual({ active: false });
      const { id } = (
        await server.services.clients.create(
          {
            client_name: 'Stranger',
            client_secret: 'a-secret-of-a-stranger-long-enough-to-be-one',
            redirect_uris: ['https://stranger.example.com/'],
          },
          { source: 'registered' },
        )
      ).client;
      const authorization = `Basic ${Buffer.from(`${id}:a-secret-of-a-stranger-long-enough-to-be-one`).toString('base64')}`;
      expect(await post('/introspect', { token }, { authorization })).toMatchObject({ status: 200, body: { active: false } });
      const opaque = await obtainTokens(server, shop);
      expect((await post('/introspect', { token: opaque.tokens.access_token }, { authorization })).body).toEqual({ active: false });
    });

    test("is inactive at once when its grant, its account, its consent or its person's sessions end", async () => {
      const ends: [string, (signedIn: Awaited<ReturnType<typeof issue>>) => Promise<unknown>][] = [
        ['grant', ({ grantId }) => server.services.grants.revoke(grantId)],
        ['refresh token revoked', ({ tokens }) => oidc.tokenRevocation(shop.config, tokens.refresh_token ?? '')],
        ['consent', ({ accountId }) => server.services.grants.revokeByAccountAndClient(accountId, 'shop')],
        ['sign out everywhere', ({ accountId }) => server.services.sessions.endAll(accountId)],
        ['disabled', ({ accountId }) => server.services.identity.accounts.disable(accountId)],
        ['deleted', ({ accountId }) => server.services.identity.accounts.delete(accountId)],
      ];
      for (const [name, end] of ends) {
        const signedIn = await issue();
        expect(await active(shop, signedIn.token), name).toBe(true);
        await end(signedIn);
        expect(await introspect(shop, signedIn.token), name).toEqual({ active: false });
        expect(await server.services.jwtAccessTokens.find(signedIn.token), name).toBeNull();
      }
    });

    test('is inactive from the second on in which it expires', async () => {
      const { token } = await issue();
      const { exp = 0 } = decodeJwt(token);
      vi.useFakeTimers({ toFake: ['Date'], now: exp * 1000 - 1 });
      expect(await active(shop, token)).toBe(true);
      vi.setSystemTime(exp * 1000);
      expect(await active(shop, token)).toBe(false);
    });

    test('outlives the key that signed it, as long as that is published', async () => {
      const { token } = await issue();
      await server.services.signingKeys.rotate({ force: true });
      expect(await active(shop, token)).toBe(true);
      expect(await active(shop, (await issue()).token)).toBe(true);
    });

    test('is not known by its jti, nor by what we keep of a revoked one', async () => {
      const { token } = await issue();
      const { jti = '' } = decodeJwt(token);
      const mine = await own();
      await oidc.tokenRevocation(worker.config, mine);
      for (const value of [jti, String(decodeJwt(mine).jti), `revoked token ${decodeJwt(mine).jti}`]) {
        expect(await introspect(shop, value)).toEqual({ active: false });
        await oidc.tokenRevocation(shop.config, value);
      }
      expect(await active(shop, token)).toBe(true);
    });

    test('of another key, issuer, type or algorithm, altered, or an ID token, is inactive', async () => {
      const { token, tokens } = await issue();
      const claims = decodeJwt(token);
      const ours = server.services.signingKeys.current().jwks.keys[0];
      const key = await importJWK(ours ?? {}, 'RS256');
      const sign = (payload: object, header: object, with_ = key) =>
        new SignJWT({ ...payload }).setProtectedHeader({ alg: 'RS256', kid: String(ours?.kid), typ: 'at+jwt', ...header }).sign(with_);
      const { privateKey, publicKey } = await generateKeyPair('RS256');
      const [header = '', payload = '', signature = ''] = token.split('.');
      const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
      const wider = Buffer.from(JSON.stringify({ ...claims, scope: 'orders:write' })).toString('base64url');
      const hmac = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: String(ours?.kid) });
      const { grant_id: _none, ...ungranted } = claims;
      const bad = {
        'somebody else signed it': await sign(claims, {}, privateKey),
        'brings its own key': await sign(claims, { jwk: await exportJWK(publicKey), kid: undefined }, privateKey),
        'another issuer': await sign({ ...claims, iss: 'https://other.example' }, {}),
        'another type': await sign(claims, { typ: 'JWT' }),
        'no type': await sign(claims, { typ: undefined }),
        'no end': await sign({ ...claims, exp: undefined }, {}),
        'another client of the grant': await sign({ ...claims, client_id: 'till' }, {}),
        'an unknown grant': await sign({ ...claims, grant_id: 'nobody' }, {}),
        'a person without a grant': await sign(ungranted, {}),
        'an unknown client': await sign({ ...ungranted, client_id: 'gone', sub: 'gone' }, {}),
        unsigned: `${none}.${payload}.`,
        'keyed with the public key': await hmac.sign(Buffer.from(String(ours?.n))),
        altered: `${header}.${wider}.${signature}`,
        'cut off': `${header}.${payload}.`,
        'no payload': `${header}..${signature}`,
        'an ID token': tokens.id_token ?? '',
      };
      // The control: signed so, it is active.
      expect(await active(shop, await sign(claims, {}))).toBe(true);
      for (const [name, value] of Object.entries(bad)) {
        expect(await post('/introspect', { token: value }), name).toMatchObject({ status: 200, body: { active: false } });
        expect(await post('/revoke', { token: value }), name).toMatchObject({ status: 200, body: '' });
      }
      expect(await active(shop, token)).toBe(true);
    });

    test("needs a client that authenticates, one token, and gets programs' errors whatever they accept", async () => {
      const { token } = await issue();
      for (const path of ['/introspect', '/revoke']) {
        const wrong = { authorization: `Basic ${Buffer.from('shop:wrong').toString('base64')}` };
        expect(await post(path, { token }, wrong), path).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
        expect(await post(path, `token=${token}&token=${token}`), path).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
        expect(await post(path, {}), path).toMatchObject({
          status: 400,
          body: { error: 'invalid_request', error_description: "missing required parameter 'token'" },
        });
        expect(await post(path, {}, { accept: 'text/html' }), path).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
        const browser = await post(path, { token }, { accept: 'text/html', origin: 'https://evil.example' });
        expect(browser, path).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
        expect(browser.headers.get('access-control-allow-origin'), path).toBeNull();
      }
      expect(await post('/introspect', { token }, { accept: 'text/html' })).toMatchObject({ status: 200, body: { active: true } });
    });
  });

  describe('revoked', () => {
    test('by its client ends its grant: refresh token, userinfo and every other token of it', async () => {
      const { token, tokens, accountId } = await issue();
      const opaque = await oidc.refreshTokenGrant(shop.config, tokens.refresh_token ?? '');
      expect(await post('/revoke', { token, token_type_hint: 'access_token' })).toMatchObject({ status: 200, body: '' });
      expect(await active(shop, token)).toBe(false);
      expect(await refusalOf(oidc.fetchUserInfo(shop.config, opaque.access_token, accountId))).toMatchObject({ error: 'invalid_token' });
      expect(await refusalOf(oidc.refreshTokenGrant(shop.config, opaque.refresh_token ?? ''))).toMatchObject({ error: 'invalid_grant' });
      await server.services.audit.flush();
      const events = await server.services.db.client.auditEvent.findMany({ where: { type: 'grant.revoked', clientId: 'shop' } });
      expect(events.some(({ detail }) => detail?.includes(String(decodeJwt(token).grant_id)))).toBe(true);
    });

    test('by another client nothing happens, and the answer is that of a token that never was', async () => {
      const { token } = await issue();
      const opaque = await obtainTokens(server, shop);
      for (const value of [token, opaque.tokens.access_token, 'never-issued', `${token}x`]) {
        expect(await post('/revoke', { token: value }, { authorization: basic('worker') })).toMatchObject({ status: 200, body: '' });
      }
      expect(await active(shop, token)).toBe(true);
      expect(await active(shop, opaque.tokens.access_token)).toBe(true);
      await oidc.tokenRevocation(till.config, token);
      expect(await active(shop, token)).toBe(true);
    });

    test('by the browser of a single-page application works from its own origin', async () => {
      const spa = await createRelyingParty(server, 'spa');
      const { tokens } = await obtainTokens(server, spa);
      const jwt = (await issue()).token;
      for (const token of [tokens.access_token, jwt]) {
        const answer = await post('/revoke', { token, client_id: 'spa' }, { origin: 'https://spa.example.com' });
        expect(answer).toMatchObject({ status: 200, body: '' });
        expect(answer.headers.get('access-control-allow-origin')).toBe('https://spa.example.com');
      }
      expect(await active(shop, tokens.access_token)).toBe(false);
      expect(await active(shop, jwt)).toBe(true);
    });

    test('of a client of its own ends that token alone, until the purge finds it expired', async () => {
      const [first, second] = [await own(), await own()];
      await oidc.tokenRevocation(shop.config, first);
      expect(await active(worker, first)).toBe(true);
      await Promise.all([oidc.tokenRevocation(worker.config, first), oidc.tokenRevocation(worker.config, first)]);
      expect(await introspect(worker, first)).toEqual({ active: false });
      expect(await introspect(worker, second)).toMatchObject({ active: true, sub: 'worker', client_id: 'worker', scope: 'orders:read' });
    });

    test('a client that is told to begin anew, or is deleted and made again, has none of its old tokens', async () => {
      const { client, clientSecret } = await server.services.clients.create(
        { client_name: 'Short-lived', profile: 'service', scope: 'orders:read' },
        { source: 'operator' },
      );
      const config = await oidc.discovery(new URL(server.url), client.id, undefined, oidc.ClientSecretBasic(clientSecret), {
        execute: [oidc.allowInsecureRequests],
      });
      const get = async () => (await oidc.clientCredentialsGrant(config, { scope: 'orders:read', resource: API })).access_token;
      const token = await get();
      expect(await active(shop, token)).toBe(true);
      await server.services.grants.revokeByClient(client.id);
      expect(await active(shop, token)).toBe(false);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1000 });
      const next = await get();
      expect(await active(shop, next)).toBe(true);
      await server.services.clients.delete(client.id);
      expect(await active(shop, next)).toBe(false);
      vi.setSystemTime(Date.now() + 1000);
      await server.services.clients.create(
        { client_id: client.id, client_name: 'Again', profile: 'service', scope: 'orders:read' },
        { source: 'operator' },
      );
      expect(await active(shop, next)).toBe(false);
    });
  });
});
