import { decodeProtectedHeader } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeKey, type SigningKey } from '../support/assertions.js';
import { Browserless } from '../support/browserless.js';
import { API, clients } from '../support/declarations.js';
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

const { client_secret: _secret, client_id: _id, token_endpoint_auth_method: _method, ...base } = clients.shop;

// Each test carries the numbers of the requirements in the FAPI 2.0 Security Profile (Final) that it is about.
describe('a client of the profile fapi2', () => {
  let server: TestServer;
  let key: SigningKey;
  let bank: RelyingParty;
  let handle: oidc.DPoPHandle;
  let metadata: Record<string, unknown>;
  beforeAll(async () => {
    // A code is to live longer than the profile allows, so that it shows who limits it.
    [server, key] = await Promise.all([startDeclaredServer({ env: { CODE_TTL_SECONDS: '600' } }), makeKey('ES256')]);
    const client = { ...base, client_id: 'bank', profile: 'fapi2', jwks: { keys: [key.publicJwk] } };
    await server.services.clients.create(client, { source: 'operator' });
    metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
    bank = pushing(await createRelyingParty(server, client, oidc.PrivateKeyJwt({ key: key.privateKey, kid: key.kid })));
    handle = oidc.getDPoPHandle(bank.config, await oidc.randomDPoPKeyPair());
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => server?.close());

  /** The same party with its requests pushed. */
  const pushing = (party: RelyingParty): RelyingParty => ({
    ...party,
    async begin(parameters) {
      const { url, checks } = await party.begin(parameters);
      url.searchParams.delete('client_id');
      return { url: await oidc.buildAuthorizationUrlWithPAR(party.config, url.searchParams), checks };
    },
  });
  const signInBound = (options: Parameters<typeof obtainTokens>[2] = {}) =>
    obtainTokens(server, bank, { tokenOptions: { DPoP: handle }, ...options });
  const registering = (members: Record<string, unknown>) =>
    server.services.clients.create({ ...base, profile: 'fapi2', jwks: { keys: [key.publicJwk] }, ...members }, { source: 'operator' });
  const faultsOf = async (members: Record<string, unknown>): Promise<string[]> => {
    const error = await registering(members).then(
      () => undefined,
      (reason: { details?: { path: string }[] }) => reason,
    );
    return error?.details?.map(({ path }) => path) ?? [];
  };
  const algOf = (token: unknown) => decodeProtectedHeader(String(token)).alg;
  /** Goes to the page that asks for consent and answers it. */
  async function authorize(url: URL) {
    const browser = new Browserless();
    const asked = await signIn(browser, await browser.open(url.href), await createPerson(server));
    return { asked, answered: await consent(browser, asked) };
  }

  it('5.3.2.1-1: is told of everything by metadata', () => {
    expect(metadata).toMatchObject({ issuer: server.url, pushed_authorization_request_endpoint: `${server.url}/par` });
    expect(metadata.token_endpoint_auth_methods_supported).toContain('private_key_jwt');
    expect(metadata.dpop_signing_alg_values_supported).toEqual(expect.arrayContaining(['ES256', 'PS256']));
  });

  it('5.3.2.1-2: there is no password grant, and no other one that the profile does not know', async () => {
    expect(metadata.grant_types_supported).not.toContain('password');
    expect(await faultsOf({ grant_types: ['password'] })).toContain('grant_types[0]');
    expect(await faultsOf({ grant_types: ['urn:ietf:params:oauth:grant-type:device_code'] })).toContain('grant_types');
  });

  it('5.3.2.1-3 and -6: is confidential, and authenticates by mutual TLS or private_key_jwt only', async () => {
    for (const method of ['none', 'client_secret_basic', 'client_secret_post'])
      expect(await faultsOf({ token_endpoint_auth_method: method })).toContain('token_endpoint_auth_method');
    const { client } = await registering({});
    expect(client).toMatchObject({ tokenEndpointAuthMethod: 'private_key_jwt', hasSecret: false });
  });

  it('5.3.2.1-4 and -5: gets sender-constrained access tokens only, by DPoP or mutual TLS', async () => {
    expect(await faultsOf({ dpop_bound_access_tokens: false })).toContain('dpop_bound_access_tokens');
    expect(await refusalOf(obtainTokens(server, bank))).toEqual({ status: 400, error: 'invalid_grant' });
    const { tokens, accountId } = await signInBound();
    expect(tokens.token_type).toBe('dpop');
    expect(await oidc.fetchUserInfo(bank.config, tokens.access_token, accountId, { DPoP: handle })).toMatchObject({ sub: accountId });
    expect((await fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } })).status).toBe(401);
    const introspected = await oidc.tokenIntrospection(bank.config, tokens.access_token);
    expect(introspected).toMatchObject({ active: true, cnf: { jkt: await handle.calculateThumbprint() } });
  });

  it('5.3.2.1-7: nobody is sent to an address that is not registered', async () => {
    expect(await refusalOf(bank.begin({ redirect_uri: 'https://attacker.example.com/' }))).toMatchObject({ status: 400 });
    const url = new URL(`/authorize?client_id=bank&response_type=code&redirect_uri=https://attacker.example.com/`, server.url);
    const page = await new Browserless().open(url.href);
    expect({ status: page.status, location: page.headers.get('location') }).toEqual({ status: 400, location: null });
  });

  it('5.3.2.1-8: names the issuer, as a text, as the audience of its assertions', async () => {
    const claims = (aud: unknown) => ({
      [oidc.modifyAssertion](_header: object, payload: Record<string, unknown>) {
        payload.aud = aud;
      },
    });
    for (const [aud, refused] of [
      [server.url, false],
      [[server.url], true],
      [`${server.url}/token`, true],
      [`${server.url}/par`, true],
    ] as const) {
      const method = oidc.PrivateKeyJwt({ key: key.privateKey, kid: key.kid }, claims(aud));
      const party = pushing(await createRelyingParty(server, { client_id: 'bank', redirect_uris: base.redirect_uris }, method));
      const outcome = party.begin();
      if (refused) expect(await refusalOf(outcome)).toEqual({ status: 401, error: 'invalid_client' });
      else expect((await outcome).url.searchParams.get('request_uri')).toMatch(/^urn:/);
    }
  });

  it('5.3.2.1-9: keeps its refresh token', async () => {
    const { tokens } = await signInBound();
    const used = String(tokens.refresh_token);
    for (let round = 0; round < 3; round++)
      expect((await oidc.refreshTokenGrant(bank.config, used, undefined, { DPoP: handle })).refresh_token ?? used).toBe(used);
    expect(await refusalOf(oidc.refreshTokenGrant(bank.config, used))).toMatchObject({ status: 400 });
  });

  it('5.3.2.1-11 and 5.3.2.2-9: has 60 seconds for a code, whatever the installation allows, and uses it once', async () => {
    const late = await bank.begin();
    const page = (await authorize(late.url)).answered;
    const now = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: now + 61_000 });
    const call = bank.finish(locationOf(page), late.checks, undefined, { DPoP: handle });
    expect(await refusalOf(call)).toEqual({ status: 400, error: 'invalid_grant' });
    vi.useRealTimers();
    const { url, checks } = await bank.begin();
    const { answered } = await authorize(url);
    const redeem = () => bank.finish(locationOf(answered), checks, undefined, { DPoP: handle });
    const { access_token: token } = await redeem();
    expect(await refusalOf(redeem())).toEqual({ status: 400, error: 'invalid_grant' });
    expect(await oidc.tokenIntrospection(bank.config, token)).toEqual({ active: false });
  });

  it('5.3.2.1-12: may bind a code to its key', async () => {
    const parameters = { dpop_jkt: await handle.calculateThumbprint() };
    const other = oidc.getDPoPHandle(bank.config, await oidc.randomDPoPKeyPair());
    expect(await refusalOf(signInBound({ parameters, tokenOptions: { DPoP: other } }))).toEqual({ status: 400, error: 'invalid_grant' });
    expect((await signInBound({ parameters })).tokens.token_type).toBe('dpop');
  });

  it('5.3.2.1-13: may have a clock that is ten seconds ahead, not more than a minute', async () => {
    const ahead = (seconds: number) => ({
      [oidc.modifyAssertion]: (_header: object, payload: Record<string, unknown>) => {
        Object.assign(payload, { iat: Number(payload.iat) + seconds, nbf: Number(payload.iat) + seconds });
      },
    });
    for (const [seconds, refused] of [
      [9, false],
      [70, true],
    ] as const) {
      const method = oidc.PrivateKeyJwt({ key: key.privateKey, kid: key.kid }, ahead(seconds));
      const party = pushing(await createRelyingParty(server, { client_id: 'bank', redirect_uris: base.redirect_uris }, method));
      const outcome = party.begin();
      if (refused) expect(await refusalOf(outcome)).toEqual({ status: 401, error: 'invalid_client' });
      else expect((await outcome).url.href).toContain('request_uri=');
    }
  });

  it('5.3.2.2-1, -5 and -6: asks for a code, with PKCE by S256 and its redirect URI', async () => {
    expect(await refusalOf(bank.begin({ response_type: 'id_token' }))).toMatchObject({ status: 400 });
    expect(await refusalOf(bank.begin({ code_challenge_method: 'plain' }))).toMatchObject({ status: 400 });
    expect(await refusalOf(bank.begin({ code_challenge: '' }))).toMatchObject({ status: 400 });
    expect(await refusalOf(bank.begin({ redirect_uri: '' }))).toMatchObject({ status: 400 });
    expect(await faultsOf({ require_pkce: false })).toContain('require_pkce');
  });

  it('5.3.2.2-2, -3 and -4: pushes its requests and authenticates for it; a plain one is refused', async () => {
    expect(await faultsOf({ require_pushed_authorization_requests: false })).toContain('require_pushed_authorization_requests');
    const plain = await createRelyingParty(server, { client_id: 'bank', redirect_uris: base.redirect_uris }, oidc.None());
    const { url } = await plain.begin();
    expect(locationOf(await new Browserless().open(url.href)).searchParams.get('error')).toBe('invalid_request');
    expect(await refusalOf(pushing(plain).begin())).toEqual({ status: 401, error: 'invalid_client' });
  });

  it('5.3.2.2-7: finds the issuer in the answer', async () => {
    const { answered } = await authorize((await bank.begin()).url);
    expect(locationOf(answered).searchParams.get('iss')).toBe(server.url);
    expect(metadata.authorization_response_iss_parameter_supported).toBe(true);
  });

  it('5.3.2.2-8: is answered over https only', async () => {
    expect(await faultsOf({ redirect_uris: ['http://localhost/callback'] })).toContain('redirect_uris');
  });

  it('5.3.2.2-10 and -11: a form with a password is never sent on by 307', async () => {
    const browser = new Browserless();
    const page = await browser.open((await bank.begin()).url.href);
    const action = /action="([^"]*\/login)"/.exec(page.body)?.[1];
    const fields = Object.fromEntries(
      [...page.body.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    );
    const person = await createPerson(server);
    const body = new URLSearchParams({ ...fields, identifier: person.email, password: person.password } as Record<string, string>);
    const response = await browser.request(new URL(String(action), page.url).href, {
      method: 'POST',
      body,
      headers: { origin: server.url, 'sec-fetch-site': 'same-origin' },
    });
    expect(response.status).toBe(303);
  });

  it('5.3.2.2-12: has less than ten minutes for a pushed request, and begins with it once', async () => {
    const { url } = await bank.begin();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 599_000 });
    expect((await new Browserless().open(url.href)).status).toBe(400);
  });

  it('5.3.2.2-13: people read who asks for what', async () => {
    const { asked } = await authorize((await bank.begin()).url);
    expect(asked.body).toContain('Example Shop');
    expect(asked.body).toContain('name="decision"');
  });

  it('5.4.1: everything signed for it is signed by PS256, ES256 or EdDSA, and so is what it signs', async () => {
    const { tokens } = await signInBound({
      parameters: { scope: 'openid orders:read', resource: API },
      tokenParameters: { resource: API },
    });
    expect([algOf(tokens.id_token), algOf(tokens.access_token)]).toEqual(['ES256', 'ES256']);
    for (const member of ['id_token_signed_response_alg', 'authorization_signed_response_alg', 'request_object_signing_alg'])
      expect((await faultsOf({ [member]: 'RS256' })).length).toBeGreaterThan(0);
    expect((await faultsOf({ token_endpoint_auth_signing_alg: 'RS256' })).length).toBeGreaterThan(0);
    const { answered } = await authorize((await bank.begin({ response_mode: 'query.jwt' })).url);
    expect(algOf(locationOf(answered).searchParams.get('response'))).toBe('ES256');
  });

  it('5.4.1: needs a server with keys for one of them', async () => {
    const other = await startDeclaredServer({ env: { SIGNING_ALGS: 'RS256' } });
    try {
      const client = { ...base, profile: 'fapi2', jwks: { keys: [key.publicJwk] } };
      const registered = other.services.clients.create(client, { source: 'operator' });
      await expect(registered).rejects.toMatchObject({ code: 'clients.invalid' });
    } finally {
      await other.close();
    }
  });
});
