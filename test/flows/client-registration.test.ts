import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askRegistration, callback, type Registered, registerClient } from '../support/client-registration.js';
import { databases } from '../support/database.js';
import { API } from '../support/declarations.js';
import { createRelyingParty, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const publicClient = { token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] };

describe.each(databases)('a client that registers itself (RFC 7591, RFC 7592; %s)', (provider) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider, env: { LIMIT_CLIENT_REGISTRATIONS_PER_HOUR: '1000' } });
  });
  afterAll(() => server?.close());

  const rowOf = (id: string) => server.services.db.client.client.findUniqueOrThrow({ where: { id } });
  const introspect = async (token: string) => {
    const party = await createRelyingParty(server, 'shop');
    return (await oidc.tokenIntrospection(party.config, token)).active;
  };
  const read = ({ registration_client_uri: uri }: Registered, token: string) => askRegistration(uri, { method: 'GET', token });
  const replace = ({ client_id, registration_client_uri: uri }: Registered, token: string, metadata: object = {}) =>
    askRegistration(uri, { method: 'PUT', token, body: { client_id, redirect_uris: [callback], ...metadata } });

  it('gets an id and a secret by openid-client, signs a person in, and refreshes', async () => {
    const config = await oidc.dynamicClientRegistration(
      new URL(server.url),
      { redirect_uris: [callback], client_name: 'By openid-client', grant_types: ['authorization_code', 'refresh_token'] },
      undefined,
      { execute: [oidc.allowInsecureRequests] },
    );
    const { client_id: id, client_secret: secret } = config.clientMetadata();
    const party = await createRelyingParty(server, { client_id: id, client_secret: String(secret), redirect_uris: [callback] });
    const { tokens } = await obtainTokens(server, party, { parameters: { scope: 'openid orders:read', resource: API } });
    expect(tokens.token_type).toBe('bearer');
    expect((await oidc.refreshTokenGrant(party.config, String(tokens.refresh_token))).access_token).toBeTruthy();
  });

  it('answers as oauth4webapi reads it, with the defaults of the RFC and without a member of ours', async () => {
    const issuer = new URL(server.url);
    const as = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', [oauth.allowInsecureRequests]: true }),
    );
    const response = await oauth.dynamicClientRegistrationRequest(
      as,
      { redirect_uris: [callback] },
      { [oauth.allowInsecureRequests]: true },
    );
    const client = await oauth.processDynamicClientRegistrationResponse(response);
    expect(client).toMatchObject({
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: [callback],
      client_secret_expires_at: 0,
    });
    expect(Object.keys(client).filter((name) => /profile|first_party|require_pkce|resource|exchange|ttl|source|proof/.test(name))).toEqual(
      [],
    );
  });

  it('never sets what is for an operator to say, by registering or by an update', async () => {
    const ours = {
      ...{ profile: 'default', first_party: true, require_pkce: false, default_resource: API, access_token_ttl_seconds: 86400 },
      ...{ refresh_token_ttl_seconds: 31_000_000, id_token_ttl_seconds: 86400, source: 'operator', client_source: 'operator' },
      ...{
        token_exchange: { audiences: [API], impersonation: true },
        registry_proof: {},
        client_id: 'shop',
        client_secret: 'of-my-own-choice',
      },
      allowed_scope: 'orders:write',
      authorization_details_types: ['payment_initiation'],
    };
    const registered = await registerClient(server, { ...ours, scope: 'openid roles permissions orders:read' });
    expect(registered.client_id).not.toBe('shop');
    expect(registered.client_secret).not.toBe('of-my-own-choice');
    expect(registered.scope).toBe('openid orders:read');
    const { client_id: _id, client_secret: _secret, ...rest } = ours;
    const updated = await replace(registered, registered.registration_access_token, rest);
    expect(updated.status).toBe(200);
    expect(await rowOf(registered.client_id)).toMatchObject({
      ...{ source: 'registered', profile: 'mcp', firstParty: false, requirePkce: true, defaultResource: null },
      ...{ accessTokenTtlSeconds: null, refreshTokenTtlSeconds: null, idTokenTtlSeconds: null },
    });
    expect((await rowOf(registered.client_id)).metadata).not.toMatch(/exchange|proof|source|details/);
    const known = await server.app.provider.current.Client.find(registered.client_id);
    expect(known).toMatchObject({ first_party: false, client_source: 'registered' });
  });

  it('has the two grants in which a person is asked, and is told so', async () => {
    const wanted = ['authorization_code', 'client_credentials', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];
    const registered = await registerClient(server, { grant_types: wanted });
    expect(registered.grant_types).toEqual(['authorization_code', 'refresh_token']);
    const none = await askRegistration(`${server.url}/connect/register`, { body: { grant_types: ['client_credentials'] } });
    expect([none.status, none.body.error]).toEqual([400, 'invalid_client_metadata']);
  });

  it('keeps neither its token nor its secret at rest in clear', async () => {
    const registered = await registerClient(server);
    const row = JSON.stringify(await rowOf(registered.client_id));
    expect(row).not.toContain(registered.registration_access_token);
    expect(row).not.toContain(registered.client_secret);
  });

  it('reads itself, again and again, with its secret', async () => {
    const registered = await registerClient(server);
    for (let time = 0; time < 2; time++) {
      const answer = await read(registered, registered.registration_access_token);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.body).toEqual(registered);
    }
  });

  it('replaces all its metadata, keeps its secret, and gets another token; the old one is dead', async () => {
    const registered = await registerClient(server, { client_uri: 'https://client.example.net', scope: 'openid email' });
    const answer = await replace(registered, registered.registration_access_token, {
      client_name: 'Renamed',
      client_secret: registered.client_secret,
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ client_name: 'Renamed', client_secret: registered.client_secret });
    expect(answer.body.client_uri).toBeUndefined();
    expect(answer.body.scope).toBeUndefined();
    const renewed = String(answer.body.registration_access_token);
    expect(renewed).not.toBe(registered.registration_access_token);
    expect((await read(registered, registered.registration_access_token)).status).toBe(401);
    expect((await read(registered, renewed)).status).toBe(200);
  });

  it('is updated by one of many requests with one token', async () => {
    const registered = await registerClient(server);
    const names = Array.from({ length: 8 }, (_, index) => `Name ${index}`);
    const answers = await Promise.all(
      names.map((client_name) => replace(registered, registered.registration_access_token, { client_name })),
    );
    const done = answers.filter(({ status }) => status === 200);
    expect(done).toHaveLength(1);
    for (const { status, body } of answers) if (status !== 200) expect([status, body.error]).toEqual([401, 'invalid_token']);
    const now = await read(registered, String(done[0]?.body.registration_access_token));
    expect(now.body.client_name).toBe(done[0]?.body.client_name);
  });

  it('is not found, and not managed, by anybody else’s token, and all of them hear the same', async () => {
    const [one, other] = [await registerClient(server), await registerClient(server)];
    const uri = (id: string) => `${server.url}/connect/register/${id}`;
    const answers = await Promise.all(
      [uri(one.client_id), uri('nobody'), uri('shop'), uri('latchkey-account')].flatMap((address) =>
        ['GET', 'DELETE', 'PUT'].flatMap((method) =>
          [other.registration_access_token, 'x', undefined].map(async (token) => {
            const body = method === 'PUT' ? { client_id: one.client_id, redirect_uris: [callback] } : undefined;
            const answer = await askRegistration(address, { method, ...(token ? { token } : {}), ...(body ? { body } : {}) });
            return [answer.status, answer.body.error, answer.headers.get('www-authenticate')?.startsWith('Bearer')];
          }),
        ),
      ),
    );
    for (const answer of answers) expect(answer).toEqual([401, 'invalid_token', true]);
    expect((await read(one, one.registration_access_token)).status).toBe(200);
  });

  it.each([
    ['another id', (own: Registered) => ({ client_id: `${own.client_id}x` })],
    ['no id', () => ({ client_id: undefined })],
    ['another secret', () => ({ client_secret: 'another' })],
    ['its own token', (own: Registered) => ({ registration_access_token: own.registration_access_token })],
    ['a time of its own', () => ({ client_secret_expires_at: 0 })],
  ])('cannot update itself with %s, and its token stays good', async (_what, change) => {
    const registered = await registerClient(server);
    const answer = await replace(registered, registered.registration_access_token, change(registered));
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_client_metadata']);
    expect((await read(registered, registered.registration_access_token)).status).toBe(200);
  });

  it('deletes itself, and its tokens and grants end at once', async () => {
    const registered = await registerClient(server, publicClient);
    const party = await createRelyingParty(server, {
      client_id: registered.client_id,
      token_endpoint_auth_method: 'none',
      redirect_uris: [callback],
    });
    const { tokens, browser } = await obtainTokens(server, party);
    const jwt = await obtainTokens(server, party, { browser, parameters: { scope: 'openid orders:read', resource: API } });
    for (const token of [tokens.access_token, jwt.tokens.access_token]) expect(await introspect(token)).toBe(true);
    const uri = registered.registration_client_uri;
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => askRegistration(uri, { method: 'DELETE', token: registered.registration_access_token })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401, 401, 401]);
    for (const token of [tokens.access_token, jwt.tokens.access_token]) expect(await introspect(token)).toBe(false);
    await expect(oidc.refreshTokenGrant(party.config, String(tokens.refresh_token))).rejects.toMatchObject({ error: 'invalid_client' });
    expect((await read(registered, registered.registration_access_token)).status).toBe(401);
  });

  it('learns of its own tokens by introspection, and of nobody else’s', async () => {
    const registered = await registerClient(server);
    const own = await createRelyingParty(server, { ...registered, redirect_uris: [callback] } as never);
    const shop = await createRelyingParty(server, 'shop');
    const [mine, theirs] = [await obtainTokens(server, own), await obtainTokens(server, shop)];
    expect((await oidc.tokenIntrospection(own.config, mine.tokens.access_token)).active).toBe(true);
    expect(await oidc.tokenIntrospection(own.config, theirs.tokens.access_token)).toEqual({ active: false });
  });
});
