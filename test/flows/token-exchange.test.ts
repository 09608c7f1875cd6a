import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { databases } from '../support/database.js';
import { API, clients, declare, declaredResources, OPAQUE_API } from '../support/declarations.js';
import { createPerson } from '../support/people.js';
import { createRelyingParty, obtainTokens, type RelyingParty, refusalOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const WAREHOUSE = 'https://warehouse.example.com';
const PACKERS = 'https://packers.example.com';
const SECRET = 'a-secret-of-a-service-long-enough-to-be-one';

const invalidRequest = { status: 400, error: 'invalid_request' };
const invalidTarget = { status: 400, error: 'invalid_target' };

const serviceOf = (name: string, token_exchange: object) => ({
  client_id: name,
  client_secret: SECRET,
  client_name: name,
  redirect_uris: [],
  grant_types: ['client_credentials', EXCHANGE],
  profile: 'service',
  scope: 'orders:read orders:write',
  token_exchange,
});
const services = [
  // What the Orders API is, towards this server: it is shown tokens for itself, and asks others on behalf of whoever holds them.
  serviceOf('orders', { subject_audiences: [API], audiences: [WAREHOUSE, API], delegation: true }),
  serviceOf('warehouse', { subject_audiences: [WAREHOUSE], audiences: [PACKERS, WAREHOUSE], delegation: true, impersonation: true }),
  serviceOf('gateway', { subject_audiences: [API], audiences: [WAREHOUSE, OPAQUE_API], impersonation: true }),
];
const resources = [
  ...declaredResources,
  { identifier: WAREHOUSE, name: 'Warehouse', scopes: ['orders:read'], access_token_ttl_seconds: 3600 },
  { identifier: PACKERS, name: 'Packers', scopes: ['orders:read'] },
];

describe.each(databases)('token exchange (RFC 8693) on %s', (provider) => {
  let server: TestServer;
  let shop: RelyingParty;
  let person: { email: string; password: string };
  const browser = new Browserless();
  let configs: Record<string, oidc.Configuration>;
  const declared = declare({ clients: [...Object.values(clients), ...services], resources });
  beforeAll(async () => {
    server = await startDeclaredServer({ provider, env: declared.env });
    [shop, person] = await Promise.all([createRelyingParty(server, 'shop'), createPerson(server)]);
    configs = Object.fromEntries(await Promise.all(services.map(async ({ client_id: id }) => [id, await discover(id)])));
  });
  afterEach(() => void vi.useRealTimers());
  afterAll(async () => {
    await server?.close();
    declared.remove();
  });

  const discover = (id: string) =>
    oidc.discovery(new URL(server.url), id, undefined, oidc.ClientSecretBasic(SECRET), { execute: [oidc.allowInsecureRequests] });

  /** A person's token for the Orders API, as an application has it; the same person's, in the same browser, unless it is to be another's. */
  async function signIn({ scope = 'openid orders:read orders:write', another = false } = {}) {
    const signedIn = await obtainTokens(server, shop, {
      ...(another ? {} : { browser, person }),
      parameters: { scope, resource: API },
      tokenParameters: { resource: API },
    });
    return { ...signedIn, token: signedIn.tokens.access_token };
  }
  const ownToken = async (client: string) =>
    (await oidc.clientCredentialsGrant(configs[client] as oidc.Configuration, { resource: client === 'warehouse' ? WAREHOUSE : API }))
      .access_token;
  const exchange = (client: string, subject: string, parameters: Record<string, string> = {}) =>
    oidc.genericGrantRequest(configs[client] as oidc.Configuration, EXCHANGE, {
      subject_token: subject,
      subject_token_type: ACCESS_TOKEN,
      audience: WAREHOUSE,
      ...parameters,
    });
  const acting = async (client: string) => ({ actor_token: await ownToken(client), actor_token_type: ACCESS_TOKEN });
  const introspect = (client: string, token: string) => oidc.tokenIntrospection(configs[client] as oidc.Configuration, token);

  test('a service gets a token for another service, in which it stands as the actor for the person', async () => {
    const { token, accountId } = await signIn();
    const given = await exchange('orders', token, await acting('orders'));
    expect(given).toMatchObject({ issued_token_type: ACCESS_TOKEN, token_type: 'bearer', scope: 'orders:read' });
    expect(given.refresh_token).toBeUndefined();
    const claims = decodeJwt(given.access_token);
    expect(claims).toMatchObject({
      sub: accountId,
      aud: WAREHOUSE,
      client_id: 'orders',
      scope: 'orders:read',
      act: { sub: 'orders', client_id: 'orders' },
    });
    const as = configs.orders?.serverMetadata() as oauth.AuthorizationServer;
    const request = new Request(`${WAREHOUSE}/stock`, { headers: { authorization: `Bearer ${given.access_token}` } });
    expect(await oauth.validateJwtAccessToken(as, request, WAREHOUSE, { [oauth.allowInsecureRequests]: true })).toMatchObject({
      sub: accountId,
    });
    expect(await introspect('warehouse', given.access_token)).toMatchObject({ active: true, act: { sub: 'orders' }, sub: accountId });
    expect(await introspect('warehouse', given.access_token)).not.toHaveProperty('grant_client_id');
  });

  test('a chain of services stands in the token, the latest actor outermost', async () => {
    const { token } = await signIn();
    const first = await exchange('orders', token, await acting('orders'));
    const second = await exchange('warehouse', first.access_token, { ...(await acting('warehouse')), audience: PACKERS });
    expect(decodeJwt(second.access_token).act).toEqual({
      sub: 'warehouse',
      client_id: 'warehouse',
      act: { sub: 'orders', client_id: 'orders' },
    });
    // Who impersonates adds nobody to the chain, and takes nobody away.
    const third = await exchange('warehouse', first.access_token, { audience: PACKERS });
    expect(decodeJwt(third.access_token).act).toEqual({ sub: 'orders', client_id: 'orders' });
  });

  test('a chain ends at four', async () => {
    let { token } = await signIn();
    token = (await exchange('orders', token, await acting('orders'))).access_token;
    for (let length = 2; length <= 4; length += 1)
      token = (await exchange('warehouse', token, { ...(await acting('warehouse')), audience: WAREHOUSE })).access_token;
    const longer = exchange('warehouse', token, { ...(await acting('warehouse')), audience: WAREHOUSE });
    expect(await refusalOf(longer)).toEqual(invalidRequest);
  });

  test('impersonation and delegation are each for those whom the policy allows them', async () => {
    const { token, accountId } = await signIn();
    const given = await exchange('gateway', token);
    expect(decodeJwt(given.access_token)).toMatchObject({ sub: accountId, client_id: 'gateway' });
    expect(decodeJwt(given.access_token)).not.toHaveProperty('act');
    expect(await refusalOf(exchange('orders', token))).toEqual({ status: 400, error: 'unauthorized_client' });
    expect(await refusalOf(exchange('gateway', token, await acting('gateway')))).toEqual({ status: 400, error: 'unauthorized_client' });
  });

  test('what comes out is never more than what went in: scopes, and time', async () => {
    const { token } = await signIn({ scope: 'openid orders:write' });
    expect(await refusalOf(exchange('gateway', token))).toEqual({ status: 400, error: 'invalid_scope' });
    const { token: reading } = await signIn({ scope: 'openid orders:read' });
    for (const scope of ['orders:write', 'orders:read orders:write', 'openid', 'stock:read', 'x y'])
      expect(await refusalOf(exchange('gateway', reading, { scope })), scope).toEqual({ status: 400, error: 'invalid_scope' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 500_000 });
    const given = await exchange('gateway', reading, { scope: 'orders:read' });
    const [was, is] = [decodeJwt(reading), decodeJwt(given.access_token)];
    expect(is.exp).toBe(was.exp);
    expect(given.expires_in).toBeLessThanOrEqual(100);
  });

  test('everything ends with the sign-in it came from, at once, along the whole chain', async () => {
    const { token, accountId } = await signIn();
    const first = await exchange('orders', token, await acting('orders'));
    const second = await exchange('warehouse', first.access_token, { audience: PACKERS });
    await server.services.grants.revokeByAccountAndClient(accountId, 'shop');
    for (const { access_token: dead } of [first, second]) expect(await introspect('warehouse', dead)).toEqual({ active: false });
    const again = exchange('warehouse', first.access_token, { audience: PACKERS });
    expect(await refusalOf(again)).toEqual(invalidRequest);
  });

  test('revoking what was given ends that token alone, not the sign-in of the person', async () => {
    const { token } = await signIn();
    const given = await exchange('gateway', token);
    await oidc.tokenRevocation(configs.gateway as oidc.Configuration, given.access_token);
    expect(await introspect('warehouse', given.access_token)).toEqual({ active: false });
    expect(await introspect('warehouse', token)).toMatchObject({ active: true });
  });

  test('a service that is gone leaves no token behind', async () => {
    const { client, clientSecret } = await server.services.clients.create(
      { ...serviceOf('passing', { audiences: [WAREHOUSE], subject_audiences: [API], impersonation: true }) },
      { source: 'operator' },
    );
    configs.passing = await oidc.discovery(new URL(server.url), client.id, undefined, oidc.ClientSecretBasic(clientSecret ?? SECRET), {
      execute: [oidc.allowInsecureRequests],
    });
    const { token } = await signIn();
    const given = await exchange('passing', token);
    expect(await introspect('warehouse', given.access_token)).toMatchObject({ active: true });
    await server.services.clients.delete(client.id);
    expect(await introspect('warehouse', given.access_token)).toEqual({ active: false });
  });

  test('each exchange is audited: who, for whom, at whose application, for what', async () => {
    const { token, accountId } = await signIn();
    await exchange('orders', token, await acting('orders'));
    const [event] = await server.services.db.client.auditEvent.findMany({ where: { type: 'token.exchanged', subjectId: accountId } });
    expect(event).toMatchObject({ actorId: 'orders', clientId: 'orders', outcome: 'success' });
    expect(JSON.parse(String(event?.detail))).toMatchObject({ audience: WAREHOUSE, from_client: 'shop', delegation: true, actors: 1 });
  });

  describe('is refused', () => {
    test('for a token that was meant for somebody else', async () => {
      const { tokens } = await signIn();
      // An opaque one of the shop: for userinfo, and so for none of the services.
      const { tokens: plain } = await obtainTokens(server, shop, { browser, person });
      expect(await refusalOf(exchange('orders', plain.access_token, await acting('orders')))).toEqual(invalidRequest);
      expect(await refusalOf(exchange('warehouse', tokens.access_token))).toEqual(invalidRequest);
    });

    test('for what is no access token: an ID token, a refresh token, a code, nonsense', async () => {
      const { tokens } = await signIn();
      const values = [tokens.id_token, tokens.refresh_token, 'x', 'a.b.c', '..', 'é'.repeat(2000)];
      for (const value of values) expect(await refusalOf(exchange('gateway', String(value))), String(value)).toEqual(invalidRequest);
      for (const type of ['id_token', 'refresh_token', 'jwt', 'saml2']) {
        const subject_token_type = `urn:ietf:params:oauth:token-type:${type}`;
        expect(await refusalOf(exchange('gateway', tokens.access_token, { subject_token_type })), type).toEqual(invalidRequest);
      }
    });

    test("for a client's own token as the subject, and somebody else's as the actor", async () => {
      const { token } = await signIn();
      expect(await refusalOf(exchange('gateway', await ownToken('gateway'), { audience: WAREHOUSE }))).toEqual(invalidRequest);
      expect(await refusalOf(exchange('orders', token, await acting('warehouse')))).toEqual(invalidRequest);
      expect(await refusalOf(exchange('orders', token, { actor_token: token, actor_token_type: ACCESS_TOKEN }))).toEqual(invalidRequest);
      expect(await refusalOf(exchange('orders', token, { actor_token: await ownToken('orders') }))).toEqual(invalidRequest);
    });

    test('for a token that expired or was revoked, and for an account that was disabled', async () => {
      const expired = await signIn();
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 601_000 });
      expect(await refusalOf(exchange('gateway', expired.token))).toEqual(invalidRequest);
      vi.useRealTimers();
      const revoked = await signIn();
      await oidc.tokenRevocation(shop.config, revoked.token);
      expect(await refusalOf(exchange('gateway', revoked.token))).toEqual(invalidRequest);
      const disabled = await signIn({ another: true });
      await server.services.identity.accounts.disable(disabled.accountId);
      expect(await refusalOf(exchange('gateway', disabled.token))).toEqual(invalidRequest);
    });

    test('for audiences that the policy does not name, that are not known, that are several, or that have no JWTs', async () => {
      const { token } = await signIn();
      const targets = [PACKERS, 'https://nowhere.example.com', `${server.url}/api`, OPAQUE_API, '', 'x'];
      for (const audience of targets) expect(await refusalOf(exchange('gateway', token, { audience })), audience).toEqual(invalidTarget);
      expect(await refusalOf(exchange('gateway', token, { resource: PACKERS }))).toEqual(invalidTarget);
      expect(await exchange('gateway', token, { resource: WAREHOUSE })).toMatchObject({ scope: 'orders:read' });
    });

    test('for clients that no operator allowed it', async () => {
      const { token } = await signIn();
      const asShop = oidc.genericGrantRequest(shop.config, EXCHANGE, {
        subject_token: token,
        subject_token_type: ACCESS_TOKEN,
        audience: WAREHOUSE,
      });
      expect(await refusalOf(asShop)).toEqual(invalidRequest);
      const {
        client_id: _id,
        client_secret: _secret,
        ...metadata
      } = serviceOf('any', { audiences: [WAREHOUSE], subject_audiences: [API], impersonation: true });
      const { client, clientSecret = '' } = await server.services.clients.create(metadata, { source: 'registered' });
      const config = await oidc.discovery(new URL(server.url), client.id, undefined, oidc.ClientSecretBasic(String(clientSecret)), {
        execute: [oidc.allowInsecureRequests],
      });
      const asStranger = oidc.genericGrantRequest(config, EXCHANGE, {
        subject_token: token,
        subject_token_type: ACCESS_TOKEN,
        audience: WAREHOUSE,
      });
      expect(await refusalOf(asStranger)).toEqual({ status: 400, error: 'unauthorized_client' });
    });

    test('for a token that is bound to a key, without a proof of that key', async () => {
      const handle = oidc.getDPoPHandle(shop.config, await oidc.randomDPoPKeyPair());
      const { tokens } = await obtainTokens(server, shop, {
        browser,
        person,
        parameters: { scope: 'openid orders:read', resource: API },
        tokenParameters: { resource: API },
        tokenOptions: { DPoP: handle },
      });
      expect(tokens.token_type).toBe('dpop');
      expect(await refusalOf(exchange('gateway', tokens.access_token))).toEqual(invalidRequest);
      const withProofOf = (DPoP: oidc.DPoPHandle) =>
        oidc.genericGrantRequest(
          configs.gateway as oidc.Configuration,
          EXCHANGE,
          { subject_token: tokens.access_token, subject_token_type: ACCESS_TOKEN, audience: WAREHOUSE },
          { DPoP },
        );
      const another = oidc.getDPoPHandle(configs.gateway as oidc.Configuration, await oidc.randomDPoPKeyPair());
      expect(await refusalOf(withProofOf(another))).toEqual(invalidRequest);
      // Whoever has the key may: what comes out is bound to it as well.
      const given = await withProofOf(handle);
      expect(decodeJwt(given.access_token).cnf).toEqual(decodeJwt(tokens.access_token).cnf);
    });

    test('for what is missing, sent twice, or asked for in another form', async () => {
      const { token } = await signIn();
      const request = async (body: URLSearchParams) => {
        const authorization = `Basic ${Buffer.from(`gateway:${SECRET}`).toString('base64')}`;
        const response = await fetch(`${server.url}/token`, { method: 'POST', headers: { authorization }, body });
        return { status: response.status, error: ((await response.json()) as { error: string }).error };
      };
      const right = { grant_type: EXCHANGE, subject_token: token, subject_token_type: ACCESS_TOKEN, audience: WAREHOUSE };
      for (const missing of ['subject_token', 'subject_token_type']) {
        const body = new URLSearchParams(right);
        body.delete(missing);
        expect(await request(body), missing).toEqual(invalidRequest);
        body.append(missing, 'x');
        body.append(missing, 'y');
        expect(await request(body), missing).toEqual(invalidRequest);
      }
      const several = new URLSearchParams(right);
      several.append('audience', API);
      expect(await request(several)).toEqual(invalidTarget);
      const other = new URLSearchParams({ ...right, requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' });
      expect(await request(other)).toEqual(invalidRequest);
      const none = new URLSearchParams(right);
      none.delete('audience');
      expect(await request(none)).toEqual(invalidTarget);
    });
  });
});
