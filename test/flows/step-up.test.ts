import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { API, OPAQUE_API } from '../support/declarations.js';
import { approve, createDevice } from '../support/devices.js';
import { callApi, signInByApi } from '../support/json-api.js';
import type { Listening } from '../support/listening.js';
import { createPerson, signIn } from '../support/people.js';
import {
  createRelyingParty,
  locationOf,
  obtainTokens,
  type Parameters,
  type RelyingParty,
  refusalOf,
  type SignedIn,
  startDeclaredServer,
  titleOf,
} from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { startSteppingUpApi } from '../support/stepping-up-api.js';

const PASSWORD_ACR = 'urn:latchkey:acr:password';
const STRONGER_ACR = 'urn:example:acr:phishing-resistant';
const ORDERS = { scope: 'openid orders:read orders:write', resource: API };

let server: TestServer;
let shop: RelyingParty;
let api: Listening;
let opaqueApi: Listening;
beforeAll(async () => {
  server = await startDeclaredServer();
  shop = await createRelyingParty(server, 'shop');
  const demands = {
    '/pay': { maxAgeSeconds: 300, acr: [STRONGER_ACR, PASSWORD_ACR] },
    '/vault': { acr: [STRONGER_ACR] },
  };
  api = await startSteppingUpApi(server.url, API, demands);
  opaqueApi = await startSteppingUpApi(server.url, OPAQUE_API, demands, {
    async tell(token) {
      const answer = await oidc.tokenIntrospection(shop.config, token);
      return answer.active && answer.aud === OPAQUE_API ? { ...answer } : null;
    },
  });
});
afterEach(() => void vi.useRealTimers());
afterAll(async () => {
  await Promise.all([api?.close(), opaqueApi?.close()]);
  await server?.close();
});

const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
const call = (token: string, path: string, url = api.url) => oidc.fetchProtectedResource(shop.config, token, new URL(path, url), 'GET');
/** The challenge of a refused call (RFC 9470, section 3). */
const challengeOf = async (refused: Promise<Response>) => {
  const error = await refused.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof oidc.WWWAuthenticateChallengeError)) throw error ?? new Error('it was not refused');
  return error.cause[0]?.parameters as Parameters;
};
const signInAt = async (options: { resource: string; scope: string }) => {
  const signedIn = await obtainTokens(server, shop, { parameters: options });
  const { access_token: token, refresh_token: refresh } = await oidc.refreshTokenGrant(shop.config, String(signedIn.tokens.refresh_token), {
    resource: options.resource,
  });
  return { ...signedIn, token, refresh: String(refresh) };
};
/** Sends the person back with what the challenge asks, and gets the token again. */
const stepUp = async ({ browser, email }: SignedIn, resource: string, scope: string, challenge: Parameters) => {
  const { url, checks } = await shop.begin({
    resource,
    scope,
    max_age: String(challenge.max_age),
    acr_values: String(challenge.acr_values),
  });
  const page = await browser.open(url.href);
  expect(titleOf(page)).toContain('Please sign in again');
  const back = locationOf(await signIn(browser, page, { email }));
  const tokens = await oidc.authorizationCodeGrant(shop.config, back, { ...checks, maxAge: Number(challenge.max_age) }, { resource });
  return tokens.access_token;
};
const authorize = async (parameters: Parameters, browser = new Browserless()) => {
  const { url, checks } = await shop.begin(parameters);
  return { page: await browser.open(url.href), checks };
};

describe('a resource server that asks for a better sign-in (RFC 9470)', () => {
  test('takes a young sign-in, challenges an old one, and takes the token of the person who signed in again', async () => {
    const signedIn = await signInAt(ORDERS);
    expect(await (await call(signedIn.token, '/pay')).json()).toMatchObject({
      acr: PASSWORD_ACR,
      amr: ['pwd'],
      auth_time: expect.any(Number),
    });
    later(400);
    // A refreshed token tells of the same old sign-in.
    const refreshed = await oidc.refreshTokenGrant(shop.config, signedIn.refresh, { resource: API });
    expect(await (await call(refreshed.access_token, '/orders')).json()).toMatchObject({ sub: signedIn.accountId });
    const challenge = await challengeOf(call(refreshed.access_token, '/pay'));
    expect(challenge).toMatchObject({
      error: 'insufficient_user_authentication',
      max_age: '300',
      acr_values: `${STRONGER_ACR} ${PASSWORD_ACR}`,
    });
    const token = await stepUp(signedIn, API, ORDERS.scope, challenge);
    const passed = (await (await call(token, '/pay')).json()) as Record<string, unknown>;
    expect(passed).toMatchObject({ acr: PASSWORD_ACR, amr: ['pwd'], sub: signedIn.accountId });
    expect(Number(passed.auth_time)).toBeGreaterThanOrEqual(Math.floor(Date.now() / 1000) - 5);
  });

  test('learns the same of an opaque token by introspection (section 6.2)', async () => {
    const scope = 'openid stock:read';
    const signedIn = await signInAt({ scope, resource: OPAQUE_API });
    expect((await call(signedIn.token, '/pay', opaqueApi.url)).status).toBe(200);
    later(400);
    const challenge = await challengeOf(call(signedIn.token, '/pay', opaqueApi.url));
    const token = await stepUp(signedIn, OPAQUE_API, scope, challenge);
    expect(await (await call(token, '/pay', opaqueApi.url)).json()).toMatchObject({ acr: PASSWORD_ACR, amr: ['pwd'] });
  });

  test('sends nobody in circles: a class that cannot be had here is refused at once, in JARM, by PAR and with a session or without', async () => {
    const { token, browser } = await signInAt(ORDERS);
    const challenge = await challengeOf(call(token, '/vault'));
    const asked = { ...ORDERS, acr_values: String(challenge.acr_values) };
    for (const page of [(await authorize(asked, browser)).page, (await authorize(asked)).page])
      expect(Object.fromEntries(locationOf(page).searchParams)).toMatchObject({
        error: 'unmet_authentication_requirements',
        iss: server.url,
      });
    const { url } = await shop.begin(asked);
    const pushed = await oidc.buildAuthorizationUrlWithPAR(shop.config, url.searchParams);
    expect(locationOf(await browser.open(pushed.href)).searchParams.get('error')).toBe('unmet_authentication_requirements');
    const signed = locationOf((await authorize({ ...asked, response_mode: 'jwt' }, browser)).page).searchParams.get('response');
    expect(decodeJwt(String(signed))).toMatchObject({ error: 'unmet_authentication_requirements' });
  });

  test('of several classes one is enough', async () => {
    const { browser } = await signInAt(ORDERS);
    const { page, checks } = await authorize({ ...ORDERS, acr_values: `${STRONGER_ACR} ${PASSWORD_ACR}` }, browser);
    const tokens = await shop.finish(locationOf(page), checks, { resource: API });
    expect(decodeJwt(tokens.access_token)).toMatchObject({ acr: PASSWORD_ACR });
  });
});

describe('the sign-in behind a token', () => {
  test('is told in ID tokens, and in those of a refresh as it was', async () => {
    const { tokens } = await obtainTokens(server, shop);
    const first = tokens.claims();
    expect(first).toMatchObject({ acr: PASSWORD_ACR, amr: ['pwd'], auth_time: expect.any(Number) });
    later(1000);
    const refreshed = await oidc.refreshTokenGrant(shop.config, String(tokens.refresh_token));
    expect(refreshed.claims()).toMatchObject({ acr: PASSWORD_ACR, amr: ['pwd'], auth_time: first?.auth_time });
  });

  test('is told in the tokens of a device, and of our own API', async () => {
    const device = await createDevice(server);
    const person = await createPerson(server);
    const { deviceCode, userCode } = await device.ask({ scope: 'openid orders:read', resource: API });
    await approve(server, new Browserless(), userCode, person);
    const tokens = await device.poll(deviceCode);
    const expected = { acr: PASSWORD_ACR, amr: ['pwd'], auth_time: expect.any(Number) };
    expect(decodeJwt(String(tokens.id_token))).toMatchObject(expected);
    expect(await oidc.tokenIntrospection(shop.config, tokens.access_token)).toMatchObject({ active: true, ...expected });
    const { token, refreshToken } = await signInByApi(server, person.email);
    expect(decodeJwt(token)).toMatchObject(expected);
    later(60);
    const { body } = await callApi(server, 'POST', '/auth/refresh', { body: { refresh_token: refreshToken } });
    expect(decodeJwt(String(body.access_token)).auth_time).toBe(decodeJwt(token).auth_time);
  });

  test('is not told where nobody signed in', async () => {
    const worker = await createRelyingParty(server, 'worker');
    const { access_token: token } = await oidc.clientCredentialsGrant(worker.config, { resource: API, scope: 'orders:read' });
    const claims = decodeJwt(token);
    for (const name of ['acr', 'amr', 'auth_time']) expect(claims).not.toHaveProperty(name);
  });
});

describe('what an application asks of a sign-in by OpenID Connect', () => {
  const claimed = (acr: unknown) => ({ claims: JSON.stringify({ id_token: { acr } }) });

  test('acr_values without a resource is a wish: what was reached is told, not what was asked', async () => {
    const { tokens } = await obtainTokens(server, shop, { parameters: { acr_values: STRONGER_ACR } });
    expect(tokens.claims()?.acr).toBe(PASSWORD_ACR);
    const voluntary = await obtainTokens(server, shop, { parameters: claimed({ values: [STRONGER_ACR] }) });
    expect(voluntary.tokens.claims()?.acr).toBe(PASSWORD_ACR);
  });

  test('an essential acr that cannot be met is refused, and one that can is met', async () => {
    const { browser } = await obtainTokens(server, shop);
    for (const acr of [
      { essential: true, value: STRONGER_ACR },
      { essential: true, values: [STRONGER_ACR, '0'] },
    ]) {
      const parameters = claimed(acr);
      for (const extra of [{}, { prompt: 'none' }, { acr_values: PASSWORD_ACR }] as Parameters[]) {
        const { page } = await authorize({ ...parameters, ...extra }, browser);
        expect(locationOf(page).searchParams.get('error')).toBe('unmet_authentication_requirements');
      }
    }
    const { tokens } = await obtainTokens(server, shop, { parameters: claimed({ essential: true, values: [STRONGER_ACR, PASSWORD_ACR] }) });
    expect(tokens.claims()?.acr).toBe(PASSWORD_ACR);
  });

  test('a claims parameter that is not one is refused, whatever it is', async () => {
    const deep = `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`;
    const malformed = [
      '{"id_token":{"sub":"x"}}',
      '{"id_token":{"acr":"x"}}',
      '{"id_token":{"acr":{"essential":"yes","value":"x"}}}',
      '{"id_token":{"acr":{"essential":true,"values":"x"}}}',
      '{"id_token":{"acr":{"essential":true,"value":{}}}}',
      '{"id_token":{"sub":{"value":["x"]}}}',
      '{"id_token":{"constructor":{"essential":true}}}',
      '{"userinfo":[]}',
      '{"id_token":{"email":1}}',
      '[]',
      'x',
      `{"id_token":{${Array.from({ length: 60 }, (_, at) => `"c${at}":null`).join()}}}`,
      `{"id_token":{"acr":{"values":[${'"x",'.repeat(100)}"x"]}}}`,
    ];
    for (const claims of malformed) {
      const { page } = await authorize({ claims });
      expect(locationOf(page).searchParams.get('error'), claims.slice(0, 60)).toBe('invalid_request');
    }
    // Deep, but where nobody looks.
    expect((await authorize({ claims: `{"id_token":{"other":{"x":${deep}}}}` })).page.status).toBe(200);
  });

  test('a single claim is asked for in words, and told; one outside of the scopes a client may have is not', async () => {
    const person = await createPerson(server);
    const claims = JSON.stringify({ id_token: { email: { essential: true }, roles: null }, userinfo: { name: null, permissions: null } });
    const browser = new Browserless();
    const { page, checks } = await authorize({ scope: 'openid', claims }, browser);
    const asked = await signIn(browser, page, person);
    expect(asked.body).toContain('See your email address');
    expect(asked.body).not.toContain('roles');
    expect(asked.body).not.toContain('Your answer is kept');
    const tokens = await shop.finish(locationOf(await browser.submit(asked, '/consent', { decision: 'allow' })), checks);
    expect(tokens.claims()).toMatchObject({ email: person.email });
    expect(tokens.claims()).not.toHaveProperty('roles');
    const info = await oidc.fetchUserInfo(shop.config, tokens.access_token, person.account.id);
    expect(Object.keys(info)).not.toContain('permissions');
  });

  test('a claim that an allowed scope opens anyway is not asked again', async () => {
    const { browser } = await obtainTokens(server, shop, { parameters: { scope: 'openid email' } });
    const { page, checks } = await authorize({ scope: 'openid email', claims: '{"id_token":{"email":null}}', prompt: 'none' }, browser);
    expect((await shop.finish(locationOf(page), checks)).claims()).toHaveProperty('email');
    const more = await authorize({ scope: 'openid email', claims: '{"id_token":{"name":null}}', prompt: 'none' }, browser);
    expect(locationOf(more.page).searchParams.get('error')).toBe('consent_required');
  });

  test('the metadata names the classes that can be had, and default_acr_values takes no other', async () => {
    expect(shop.config.serverMetadata()).toMatchObject({ acr_values_supported: [PASSWORD_ACR], claims_parameter_supported: true });
    const metadata = { client_name: 'App', redirect_uris: ['https://app.example.com/cb'] };
    const create = (acr: string) => server.services.clients.create({ ...metadata, default_acr_values: [acr] }, { source: 'operator' });
    await expect(create(STRONGER_ACR)).rejects.toMatchObject({ code: 'clients.invalid' });
    expect((await create(PASSWORD_ACR)).client.metadata).toMatchObject({ default_acr_values: [PASSWORD_ACR] });
  });

  test('prompt=none with a sign-in that is too old is login_required', async () => {
    const { browser } = await obtainTokens(server, shop);
    later(100);
    const { page } = await authorize({ max_age: '60', prompt: 'none' }, browser);
    expect(
      await refusalOf(
        shop.finish(locationOf(page), {
          pkceCodeVerifier: '',
          expectedState: String(locationOf(page).searchParams.get('state')),
          expectedNonce: '',
        }),
      ),
    ).toMatchObject({ error: 'login_required' });
  });
});
