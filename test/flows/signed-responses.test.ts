import { decodeProtectedHeader } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Browserless, formsOf, type Page } from '../support/browserless.js';
import { clients } from '../support/declarations.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { createRelyingParty, locationOf, obtainTokens, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const elliptic = {
  ...clients.shop,
  client_id: 'elliptic',
  client_secret: 'a-secret-of-elliptic-long-enough-to-be-one',
  authorization_signed_response_alg: 'ES256',
  id_token_signed_response_alg: 'PS256',
};

// JWT Secured Authorization Response Mode for OAuth 2.0 (JARM).
describe('an authorization response as a signed JWT', () => {
  let server: TestServer;
  let as: oauth.AuthorizationServer;
  beforeAll(async () => {
    server = await startDeclaredServer({ env: { SIGNING_ALGS: 'RS256,PS256,ES256' } });
    await server.services.clients.create(elliptic, { source: 'operator' });
    as = await oauth
      .discoveryRequest(new URL(server.url), { [oauth.allowInsecureRequests]: true })
      .then((response) => oauth.processDiscoveryResponse(new URL(server.url), response));
  });
  afterAll(() => server?.close());

  const jwtParty = async (client: 'shop' | typeof elliptic) => {
    const party = await createRelyingParty(server, client);
    oidc.useJwtResponseMode(party.config);
    return party;
  };
  /** Goes the whole way and returns the last page, from which the browser goes on to the application. */
  async function answer(party: RelyingParty, parameters: Record<string, string>, decision: 'allow' | 'cancel' = 'allow') {
    const { url, checks } = await party.begin(parameters);
    const browser = new Browserless();
    const page = await signIn(browser, await browser.open(url.href), await createPerson(server));
    return { page: await consent(browser, page, decision), checks };
  }
  const responseIn = (page: Page) => {
    const location = locationOf(page);
    const parameters = location.hash ? new URLSearchParams(location.hash.slice(1)) : location.searchParams;
    expect([...parameters.keys()]).toEqual(['response']);
    return String(parameters.get('response'));
  };
  const validate = (parameters: URLSearchParams, state: string, client = 'shop') =>
    oauth.validateJwtAuthResponse(as, { client_id: client }, parameters, state, { [oauth.allowInsecureRequests]: true });

  it('signs a person in with openid-client, whatever else the client signs with', async () => {
    const { tokens } = await obtainTokens(server, await jwtParty('shop'));
    expect(tokens.claims()?.aud).toBe('shop');
    const { tokens: other } = await obtainTokens(server, await jwtParty(elliptic));
    expect(decodeProtectedHeader(String(other.id_token)).alg).toBe('PS256');
  });

  it.each(['jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'])('comes by response_mode %s with nothing beside the JWT', async (mode) => {
    const party = await createRelyingParty(server, 'shop');
    const { page, checks } = await answer(party, { response_mode: mode });
    if (mode === 'form_post.jwt') {
      const [form] = formsOf(page);
      expect({ action: form?.action, fields: Object.keys(form?.fields ?? {}) }).toEqual({
        action: party.redirectUri,
        fields: ['response'],
      });
      const parameters = await validate(new URLSearchParams(form?.fields), checks.expectedState);
      expect(parameters.get('code')).toBeTruthy();
      return;
    }
    expect(locationOf(page).href).toContain(mode === 'fragment.jwt' ? '#response=' : '?response=');
    const parameters = await validate(new URLSearchParams({ response: responseIn(page) }), checks.expectedState);
    expect(parameters.get('code')).toBeTruthy();
  });

  it('names its issuer and audience, lives for two minutes, and is signed as the client asks', async () => {
    const party = await createRelyingParty(server, elliptic);
    const { page } = await answer(party, { response_mode: 'query.jwt' });
    const response = responseIn(page);
    expect(decodeProtectedHeader(response).alg).toBe('ES256');
    const claims = JSON.parse(Buffer.from(response.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ iss: server.url, aud: 'elliptic', code: expect.any(String), state: expect.any(String) });
    expect(claims.exp - Math.floor(Date.now() / 1000)).toBeLessThanOrEqual(120);
  });

  it('is refused by a client when it is for another client, of another state, unsigned, altered or old', async () => {
    const { page, checks } = await answer(await createRelyingParty(server, 'shop'), { response_mode: 'query.jwt' });
    const response = responseIn(page);
    const [header = '', payload = '', signature = ''] = response.split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const altered = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload, 'base64url').toString()), code: 'x' })).toString(
      'base64url',
    );
    const refused = (text: string, state = checks.expectedState, client = 'shop') =>
      expect(validate(new URLSearchParams({ response: text }), state, client)).rejects.toThrow();
    await refused(response, checks.expectedState, 'till');
    await refused(response, 'another-state');
    await refused(`${none}.${payload}.`);
    await refused(`${header}.${altered}.${signature}`);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 180_000 });
    await refused(response).finally(() => vi.useRealTimers());
  });

  it('carries refusals as well', async () => {
    const { page, checks } = await answer(await createRelyingParty(server, 'shop'), { response_mode: 'query.jwt' }, 'cancel');
    await expect(validate(new URLSearchParams({ response: responseIn(page) }), checks.expectedState)).rejects.toMatchObject({
      error: 'access_denied',
    });
  });

  it('is offered in the metadata with the algorithms that the server has keys for, and only those can be registered', async () => {
    expect(as.response_modes_supported).toEqual(expect.arrayContaining(['jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt']));
    expect(as.authorization_signing_alg_values_supported).toEqual(['RS256', 'PS256', 'ES256']);
    expect(as.id_token_signing_alg_values_supported).toEqual(['RS256', 'PS256', 'ES256']);
    for (const alg of ['EdDSA', 'HS256', 'none']) {
      const metadata = { ...elliptic, client_id: undefined, authorization_signed_response_alg: alg };
      await expect(server.services.clients.create(metadata, { source: 'operator' })).rejects.toMatchObject({ code: 'clients.invalid' });
    }
  });
});
