import * as oauth from 'oauth4webapi';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { API, clients } from '../support/declarations.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { locationOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

// The same flow by a second, independent relying party, which checks each answer against the RFCs by itself.
const http = { [oauth.allowInsecureRequests]: true };
const client: oauth.Client = { client_id: clients.shop.client_id };
const authentication = oauth.ClientSecretBasic(clients.shop.client_secret);
const [redirectUri = ''] = clients.shop.redirect_uris;

let server: TestServer;
let as: oauth.AuthorizationServer;

beforeAll(async () => {
  server = await startDeclaredServer();
  const issuer = new URL(server.url);
  as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
});
afterEach(() => vi.useRealTimers());
afterAll(() => server?.close());

async function authorize({
  browser = new Browserless(),
  parameters = {},
  as: party = client,
  authentication: proof = authentication,
  redirect = redirectUri,
}: {
  browser?: Browserless;
  parameters?: Record<string, string>;
  as?: oauth.Client;
  authentication?: oauth.ClientAuth;
  redirect?: string;
} = {}) {
  const person = await createPerson(server);
  const verifier = oauth.generateRandomCodeVerifier();
  const nonce = oauth.generateRandomNonce();
  const state = oauth.generateRandomState();
  const url = new URL(as.authorization_endpoint ?? '');
  url.search = new URLSearchParams({
    client_id: party.client_id,
    response_type: 'code',
    redirect_uri: redirect,
    scope: 'openid profile email',
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  }).toString();
  const asked = await signIn(browser, await browser.open(url.href), person);
  const back = locationOf(await consent(browser, asked));
  const answer = oauth.validateAuthResponse(as, party, back, state);
  const response = await oauth.authorizationCodeGrantRequest(as, party, proof, answer, redirect, verifier, http);
  const tokens = await oauth.processAuthorizationCodeResponse(as, party, response, { expectedNonce: nonce, requireIdToken: true });
  return { tokens, person, response };
}

test('the code flow passes every check: discovery, iss, state, nonce, PKCE, the ID token and its signature', async () => {
  const { tokens, person, response } = await authorize();
  expect(oauth.getValidatedIdTokenClaims(tokens)?.sub).toBe(person.account.id);
  expect(response.headers.get('cache-control')).toBe('no-store');
  // This client leaves the signature to TLS unless it is asked to look.
  await oauth.validateApplicationLevelSignature(as, response, http);
  expect(tokens.token_type).toBe('bearer');
});

test('userinfo answers for the person of the ID token', async () => {
  const { tokens, person } = await authorize();
  const response = await oauth.userInfoRequest(as, client, tokens.access_token, http);
  expect(await oauth.processUserInfoResponse(as, client, person.account.id, response)).toMatchObject({ email: person.email });
});

test('a public client signs in by PKCE alone', async () => {
  const spa = { client_id: clients.spa.client_id };
  const { tokens, person } = await authorize({
    as: spa,
    authentication: oauth.None(),
    redirect: String(clients.spa.redirect_uris[0]),
  });
  expect(oauth.getValidatedIdTokenClaims(tokens)).toMatchObject({ aud: 'spa', sub: person.account.id });
});

test('a refresh rotates; the used token gets the same successor for a moment, and is refused after', async () => {
  const { tokens } = await authorize();
  const refresh = (token: string | undefined) =>
    oauth.refreshTokenGrantRequest(as, client, authentication, token ?? '', http).then((response) => {
      return oauth.processRefreshTokenResponse(as, client, response);
    });
  const second = await refresh(tokens.refresh_token);
  expect(second.refresh_token).not.toBe(tokens.refresh_token);
  expect((await refresh(tokens.refresh_token)).refresh_token).toBe(second.refresh_token);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11_000 });
  await expect(refresh(tokens.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant', status: 400 });
});

test('the JWT for an API is valid by RFC 9068, and only for that API', async () => {
  const { tokens, person } = await authorize({ parameters: { scope: 'openid orders:read', resource: API } });
  const response = await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token ?? '', {
    ...http,
    additionalParameters: { resource: API },
  });
  const api = await oauth.processRefreshTokenResponse(as, client, response);
  const request = () => new Request(`${API}/orders`, { headers: { authorization: `Bearer ${api.access_token}` } });
  const claims = await oauth.validateJwtAccessToken(as, request(), API, http);
  expect(claims).toMatchObject({ sub: person.account.id, client_id: 'shop', scope: 'orders:read' });
  await expect(oauth.validateJwtAccessToken(as, request(), 'https://other.example.com', http)).rejects.toThrow();
});

test('client credentials, introspection and revocation answer as the RFCs say', async () => {
  const worker = { client_id: clients.worker.client_id };
  const proof = oauth.ClientSecretBasic(clients.worker.client_secret);
  const parameters = { resource: API, scope: 'orders:read' };
  const granted = await oauth.clientCredentialsGrantRequest(as, worker, proof, parameters, http);
  expect(await oauth.processClientCredentialsResponse(as, worker, granted)).toMatchObject({ scope: 'orders:read' });
  const { tokens } = await authorize();
  const introspect = async () =>
    oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, authentication, tokens.access_token, http));
  expect(await introspect()).toMatchObject({ active: true, client_id: 'shop' });
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, tokens.access_token, http));
  expect(await introspect()).toEqual({ active: false });
});
