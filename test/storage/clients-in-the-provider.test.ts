import http from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Adapter, type ClientMetadata, type Configuration } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createRefreshUses } from '../../src/oidc/adapter/index.js';
import { extraClientMetadata, PROFILE_NAMES, restrictScope } from '../../src/oidc/clients/index.js';
import { createProviderExtensions } from '../../src/oidc/extensions.js';
import { createSigningKeys } from '../../src/oidc/signing-keys/index.js';
import { createSealer } from '../../src/platform/crypto/index.js';
import { createLogger } from '../../src/platform/log/index.js';
import { createMetrics } from '../../src/platform/metrics/index.js';
import { makeKey } from '../support/assertions.js';
import { openRegistry, type TestRegistry } from '../support/clients.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

const redirectUris: Record<(typeof PROFILE_NAMES)[number], string[]> = {
  default: ['https://app.example/cb', 'http://localhost:3000/cb'],
  spa: ['http://localhost:5173/cb'],
  native: ['com.example.app:/cb', 'http://127.0.0.1/cb', 'https://app.example/cb'],
  service: [],
  mcp: ['http://127.0.0.1/cb', 'cursor://cb'],
  fapi2: ['https://bank.example/cb'],
};

/** Tokens and the like are not kept: clients are what is looked at here. */
class Nothing implements Adapter {
  async upsert() {}
  async find(): Promise<undefined> {}
  async findByUserCode(): Promise<undefined> {}
  async findByUid(): Promise<undefined> {}
  async consume() {}
  async destroy() {}
  async revokeByGrantId() {}
}

describe.each(databases)('a client of the registry on %s, in oidc-provider,', (kind) => {
  let database: TestDatabase;
  let registry: TestRegistry;
  let provider: Provider;
  let server: http.Server;
  let issuer: string;
  const log = createLogger({ level: 'silent', format: 'json' });

  beforeAll(async () => {
    database = await createTestDatabase(kind);
    registry = await openRegistry(database);
    const { clients, changes } = registry;
    const keys = createSigningKeys({
      settings: { algs: ['RS256', 'ES256'] },
      db: database.db,
      sealer: createSealer(Buffer.alloc(32)),
      changes,
      log,
    });
    await keys.open();
    const configuration: Configuration = {
      adapter: (name) => (name === 'Client' ? Object.assign(new Nothing(), { find: clients.findProviderMetadata }) : new Nothing()),
      jwks: keys.current().jwks as NonNullable<Configuration['jwks']>,
      scopes: ['openid', 'offline_access', 'profile', 'email'],
      responseTypes: ['code'],
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      extraClientMetadata,
      ttl: { ClientCredentials: 600 },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: { enabled: true },
        revocation: { enabled: true },
        registration: { enabled: true },
      },
    };
    server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    provider = new Provider(issuer, configuration);
    const audit = { record: async () => {}, recordSoon() {} } as unknown as Parameters<typeof createProviderExtensions>[0]['audit'];
    const jwtAccessTokens = { find: async () => null, revoke: async () => ({ grantId: null }) };
    const extensions = createProviderExtensions({
      audit,
      log,
      forward: async () => {},
      askBeforeLeaving: async () => {},
      jwtAccessTokens,
      isPreviousSecret: clients.isPreviousSecret,
      noteClientUse() {},
      firstPartyGrant: { extension() {} },
      logoutNotices: { extension() {} },
      deviceFlow: { extensions: [] },
      pacePolling() {},
      tokenExchange: { extension() {} },
      refusals: { extension() {} },
      metrics: createMetrics(),
      refreshUses: createRefreshUses(),
    });
    for (const extend of extensions) extend(provider);
    server.on('request', provider.callback());
  });
  afterAll(async () => {
    vi.useRealTimers();
    await new Promise((resolve) => server.close(resolve));
    await registry.close();
    await database.drop();
  });

  const authenticate = async (id: string, secret: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    return (await fetch(`${issuer}/token`, { method: 'POST', headers: { authorization }, body })).status;
  };

  it.each(PROFILE_NAMES)('is accepted with the profile %s, every member as it was stored', async (profile) => {
    const { client } = await registry.clients.create(
      {
        profile,
        redirect_uris: redirectUris[profile],
        ...(profile === 'fapi2' ? { jwks: { keys: [(await makeKey()).publicJwk] } } : {}),
        client_name: 'Näme',
        scope: 'openid email orders:read',
        access_token_ttl_seconds: 120,
      },
      { source: 'operator' },
    );
    const found = await provider.Client.find(client.id);
    expect(found?.metadata()).toMatchObject({
      client_id: client.id,
      client_name: 'Näme',
      grant_types: client.grantTypes,
      response_types: client.grantTypes.includes('authorization_code') ? ['code'] : [],
      redirect_uris: redirectUris[profile],
      token_endpoint_auth_method: client.tokenEndpointAuthMethod,
      application_type: client.metadata.application_type,
    });
    expect(found).toMatchObject({
      profile,
      first_party: false,
      require_pkce: true,
      access_token_ttl_seconds: 120,
      client_source: 'operator',
    });
  });

  it('is allowed the OpenID scopes it has by the library, and a resource server’s by us', async () => {
    const make = async (scope: string | undefined) => {
      const { client } = await registry.clients.create({ profile: 'service', ...(scope ? { scope } : {}) }, { source: 'operator' });
      const found = await provider.Client.find(client.id);
      if (!found) throw new Error('the client was not found');
      return found;
    };
    const limited = await make('openid orders:read');
    expect(limited.scope).toBe('openid');
    expect(restrictScope(limited, ['orders:read', 'orders:write'])).toEqual(['orders:read']);
    // An empty scope would allow everything: a client of a resource server alone gets what gives nothing away.
    expect((await make('orders:read')).scope).toBe('openid');
    const unlimited = await make(undefined);
    expect(unlimited.scope).toBeUndefined();
    expect(restrictScope(unlimited, ['orders:read'])).toEqual(['orders:read']);
  });

  it('authenticates with its secret, with the one before until the grace time ends, and with no other', async () => {
    const { client, clientSecret: first = '' } = await registry.clients.create({ profile: 'service' }, { source: 'operator' });
    expect(await authenticate(client.id, first)).toBe(200);
    expect(await authenticate(client.id, `${first}x`)).toBe(401);
    const { clientSecret: second } = await registry.clients.rotateSecret(client.id, { graceSeconds: 60 });
    expect(await authenticate(client.id, second)).toBe(200);
    expect(await authenticate(client.id, first)).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
    expect(await authenticate(client.id, first)).toBe(401);
    expect(await authenticate(client.id, second)).toBe(200);
    vi.useRealTimers();
    await registry.clients.delete(client.id);
    expect(await authenticate(client.id, second)).toBe(401);
  });

  it('cannot be imitated by one that registers itself: our members are taken off, whatever it sends', async () => {
    const response = await fetch(`${issuer}/reg`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirect_uris: ['https://evil.example/cb'],
        ...Object.fromEntries(extraClientMetadata.properties.map((name) => [name, true])),
        first_party: true,
        require_pkce: false,
        client_source: 'built_in',
        registry_proof: { toJSON: 'registry' },
      }),
    });
    expect(response.status).toBe(201);
    const registered = (await response.json()) as Record<string, unknown>;
    for (const name of extraClientMetadata.properties) expect(registered).not.toHaveProperty(name);
    // A document that describes a client (CIMD) is built the same way, without a request.
    const Client = provider.Client as unknown as new (metadata: ClientMetadata) => object;
    const self = { client_id: 'described', client_secret: 's', redirect_uris: ['https://evil.example/cb'] };
    const described = new Client({ ...self, first_party: true, registry_proof: 'registry' });
    expect(described).not.toHaveProperty('first_party');
    expect(described).not.toHaveProperty('registry_proof');
  });

  it('is built once, and another with the next request after it was changed; none after it was deleted', async () => {
    const { client } = await registry.clients.create({ profile: 'service' }, { source: 'operator' });
    const found = await provider.Client.find(client.id);
    expect(found?.first_party).toBe(false);
    expect(await provider.Client.find(client.id)).toBe(found);
    await registry.clients.update(client.id, { first_party: true });
    const changed = await provider.Client.find(client.id);
    expect(changed?.first_party).toBe(true);
    expect(await provider.Client.find(client.id)).toBe(changed);
    await registry.clients.delete(client.id);
    expect(await provider.Client.find(client.id)).toBeUndefined();
  });
});
