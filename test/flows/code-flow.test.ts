import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless, formsOf } from '../support/browserless.js';
import { clients } from '../support/declarations.js';
import { consent, createPerson, PASSWORD, signIn } from '../support/people.js';
import {
  createRelyingParty,
  locationOf,
  obtainTokens,
  type RelyingParty,
  refusalOf,
  startDeclaredServer,
  titleOf,
} from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
let shop: RelyingParty;

beforeAll(async () => {
  server = await startDeclaredServer();
  shop = await createRelyingParty(server, 'shop');
});
afterAll(() => server?.close());

describe('discovery', () => {
  test('names every endpoint under the issuer, in both documents alike', async () => {
    const [openid, oauth] = await Promise.all(
      ['openid-configuration', 'oauth-authorization-server'].map(async (name) => {
        const response = await fetch(`${server.url}/.well-known/${name}`);
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toMatch(/^application\/json/);
        return (await response.json()) as Record<string, unknown>;
      }),
    );
    expect(oauth).toEqual(openid);
    expect(openid).toMatchObject({
      issuer: server.url,
      authorization_endpoint: `${server.url}/authorize`,
      token_endpoint: `${server.url}/token`,
      userinfo_endpoint: `${server.url}/userinfo`,
      introspection_endpoint: `${server.url}/introspect`,
      revocation_endpoint: `${server.url}/revoke`,
      end_session_endpoint: `${server.url}/logout`,
      jwks_uri: `${server.url}/.well-known/jwks.json`,
    });
  });

  test('advertises what works and nothing that is refused', async () => {
    const metadata = shop.config.serverMetadata();
    expect(metadata.response_types_supported).toEqual(['code']);
    expect(metadata.code_challenge_methods_supported).toEqual(['S256']);
    expect(metadata.authorization_response_iss_parameter_supported).toBe(true);
    expect(metadata.grant_types_supported).toEqual(expect.arrayContaining(['authorization_code', 'client_credentials', 'refresh_token']));
    for (const refused of ['implicit', 'password']) expect(metadata.grant_types_supported).not.toContain(refused);
    expect(metadata.id_token_signing_alg_values_supported).toEqual(['RS256', 'ES256']);
    expect(metadata.scopes_supported).toEqual(expect.arrayContaining(['openid', 'profile', 'email', 'offline_access']));
    expect(metadata.token_endpoint_auth_methods_supported).not.toContain('client_secret_jwt');
  });
});

describe('the authorization code flow', () => {
  test('leads a person from the application over sign-in and consent back to it', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const { url, checks } = await shop.begin();
    const login = await browser.open(url.href);
    expect(login.status).toBe(200);
    expect(titleOf(login)).toContain('Sign in to continue to Example Shop');
    const asked = await signIn(browser, login, person);
    expect(titleOf(asked)).toContain('Example Shop asks for access');
    expect(asked.body).toContain('See your email address');
    const back = locationOf(await consent(browser, asked));
    expect(back.origin + back.pathname).toBe('https://shop.example.com/callback');
    expect(Object.fromEntries(back.searchParams)).toEqual({ code: expect.any(String), state: checks.expectedState, iss: server.url });
    const tokens = await shop.finish(back, checks);
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'openid profile email' });
    expect(tokens.expires_in).toBe(900);
    expect(tokens.claims()).toMatchObject({ iss: server.url, aud: 'shop', nonce: checks.expectedNonce, sub: person.account.id });
    expect(tokens.claims()?.exp).toBe((tokens.claims()?.iat ?? 0) + 3600);
  });

  test.each(['shop', 'till', 'spa'] as const)('works for %s with its way of authenticating', async (name) => {
    const party = await createRelyingParty(server, name);
    const { tokens } = await obtainTokens(server, party);
    expect(tokens.claims()?.aud).toBe(name);
    expect(tokens.refresh_token).toEqual(expect.any(String));
  });

  test('signs in by username as by email', async () => {
    const { email, account } = await createPerson(server, { email: 'named@example.com', username: 'named-person' });
    const first = await obtainTokens(server, shop, { person: { email, password: PASSWORD } });
    const second = await obtainTokens(server, shop, { person: { email: 'named-person', password: PASSWORD } });
    expect([first.accountId, second.accountId]).toEqual([account.id, account.id]);
  });

  test('gives the application an error and no code when the person cancels', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const first = await shop.begin();
    const login = await browser.open(first.url.href);
    const cancelledLogin = locationOf(await browser.submit(login, '/cancel'));
    expect(cancelledLogin.searchParams.get('error')).toBe('access_denied');
    expect(cancelledLogin.searchParams.get('iss')).toBe(server.url);
    expect(cancelledLogin.searchParams.has('code')).toBe(false);
    const second = await shop.begin();
    const asked = await signIn(browser, await browser.open(second.url.href), person);
    const cancelled = locationOf(await consent(browser, asked, 'cancel'));
    expect(await refusalOf(shop.finish(cancelled, second.checks))).toMatchObject({ error: 'access_denied' });
    expect(cancelled.searchParams.get('state')).toBe(second.checks.expectedState);
  });

  test('keeps a wrong password on the sign-in page, with what was typed and without the password', async () => {
    const { email } = await createPerson(server);
    const browser = new Browserless();
    const login = await browser.open((await shop.begin()).url.href);
    const refused = await signIn(browser, login, { email, password: 'not the password at all' });
    expect(refused.status).toBe(401);
    expect(titleOf(refused)).toMatch(/^Error: /);
    expect(refused.body).not.toContain('not the password at all');
    expect(formsOf(refused).find(({ fields }) => 'identifier' in fields)?.fields.identifier).toBe(email);
    const asked = await signIn(browser, refused, { email });
    expect(titleOf(asked)).toContain('asks for access');
  });
});

describe('claims', () => {
  test('open by scope at userinfo: each scope its own, and nothing more', async () => {
    const { account } = await createPerson(server, { email: 'claims@example.com', username: 'claims' });
    await server.services.identity.accounts.updateProfile(account.id, { firstName: 'Amélie', lastName: '山田' });
    const person = { email: 'claims@example.com', password: PASSWORD };
    const by = async (scope: string) => {
      const { tokens } = await obtainTokens(server, shop, { person, parameters: { scope } });
      return oidc.fetchUserInfo(shop.config, tokens.access_token, account.id);
    };
    expect(await by('openid')).toEqual({ sub: account.id });
    expect(await by('openid email')).toEqual({ sub: account.id, email: 'claims@example.com', email_verified: true });
    expect(await by('openid profile')).toEqual({
      sub: account.id,
      name: 'Amélie 山田',
      given_name: 'Amélie',
      family_name: '山田',
      preferred_username: 'claims',
      updated_at: expect.any(Number),
    });
  });

  test('travel in the ID token by scope where the access token is for an API, which userinfo would refuse', async () => {
    const { account, email } = await createPerson(server);
    const resource = 'https://api.example.com';
    const { tokens } = await obtainTokens(server, shop, {
      person: { email, password: PASSWORD },
      parameters: { scope: 'openid email orders:read', resource },
      tokenParameters: { resource },
    });
    expect(decodeProtectedHeader(tokens.access_token).typ).toBe('at+jwt');
    expect(tokens.claims()).toMatchObject({ sub: account.id, email, email_verified: true });
    expect(tokens.claims()).not.toHaveProperty('name');
  });

  test('the subject is the same for every client, and no email address', async () => {
    const person = await createPerson(server);
    const one = await obtainTokens(server, shop, { person });
    const other = await obtainTokens(server, await createRelyingParty(server, 'till'), { person });
    expect(one.accountId).toBe(other.accountId);
    expect(one.accountId).not.toContain('@');
  });
});

describe('the access token', () => {
  test('is opaque without a resource: nothing can be read from it', async () => {
    const { tokens, accountId } = await obtainTokens(server, shop);
    expect(tokens.access_token).toMatch(/^[\w-]{40,}$/);
    expect(() => decodeJwt(tokens.access_token)).toThrow();
    expect(await oidc.fetchUserInfo(shop.config, tokens.access_token, accountId)).toMatchObject({ sub: accountId });
  });

  test('client credentials give a service a JWT of its own, without a refresh or ID token', async () => {
    const worker = await createRelyingParty(server, 'worker');
    const tokens = await oidc.clientCredentialsGrant(worker.config, { resource: 'https://api.example.com', scope: 'orders:read' });
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      aud: 'https://api.example.com',
      client_id: 'worker',
      sub: 'worker',
      scope: 'orders:read',
    });
    expect(tokens.refresh_token).toBeUndefined();
    expect(tokens.id_token).toBeUndefined();
  });

  test('a wrong client secret gives nobody anything', async () => {
    const config = await oidc.discovery(new URL(server.url), 'shop', undefined, oidc.ClientSecretBasic('a-wrong-secret'), {
      execute: [oidc.allowInsecureRequests],
    });
    const { url, checks } = await shop.begin();
    const person = await createPerson(server);
    const browser = new Browserless();
    const back = locationOf(await consent(browser, await signIn(browser, await browser.open(url.href), person)));
    expect(await refusalOf(oidc.authorizationCodeGrant(config, back, checks))).toEqual({ error: 'invalid_client', status: 401 });
    // The code is still the shop's.
    expect((await shop.finish(back, checks)).claims()?.sub).toBe(person.account.id);
    expect(clients.shop.client_secret).not.toBe('a-wrong-secret');
  });
});
