import type { Client } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resourceServerFor, resourceServerOf } from '../../src/oidc/resource-access.js';
import { parseResources } from '../../src/oidc/resources/index.js';
import { Browserless } from '../support/browserless.js';
import { callback, registerClient } from '../support/client-registration.js';
import { API, declare, declaredResources } from '../support/declarations.js';
import { createPerson, signIn } from '../support/people.js';
import { createRelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe('a resource server', () => {
  const BARE = 'https://bare.example.com';
  let server: TestServer;
  let more: ReturnType<typeof declare>;
  beforeAll(async () => {
    more = declare({ resources: [...declaredResources, { identifier: BARE, name: 'Notes & <b>more</b>' }] });
    server = await startDeclaredServer({ env: { RESOURCES_FILE: more.env.RESOURCES_FILE } });
  });
  afterAll(async () => {
    await server?.close();
    more?.remove();
  });

  const clientCredentials = async (metadata: Record<string, unknown>, fields: Record<string, string>) => {
    const { client, clientSecret } = await server.services.clients.create(
      { client_name: 'Robot', profile: 'service', ...metadata },
      { source: 'operator' },
    );
    const response = await fetch(`${server.url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client.id}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...fields }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };

  it('gives a machine the scopes that it is registered for', async () => {
    const { status, body } = await clientCredentials({ scope: 'orders:read' }, { resource: API, scope: 'orders:read orders:write' });
    expect(status).toBe(200);
    expect(body.scope).toBe('orders:read');
  });

  it.each([
    ['for none at all', {}],
    ['for others only', { scope: 'stock:read' }],
  ])('gives a machine nothing when it is registered %s', async (_which, metadata) => {
    const { status, body } = await clientCredentials(metadata, { resource: API, scope: 'orders:read orders:write' });
    expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_target' });
  });

  it('is no audience for an application that may have none of its scopes, so that an API which looks at the audience alone is safe', async () => {
    const query = new URLSearchParams({
      client_id: 'spa',
      redirect_uri: 'https://spa.example.com/',
      response_type: 'code',
      scope: 'openid',
      resource: API,
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    const response = await fetch(`${server.url}/authorize?${query}`, { redirect: 'manual' });
    expect(response.status).toBe(303);
    expect(new URL(String(response.headers.get('location'))).searchParams.get('error')).toBe('invalid_target');
  });

  it('is named to the person also where no scope of it is asked for, or it has none: a token for it is given all the same', async () => {
    const metadata = { token_endpoint_auth_method: 'none', redirect_uris: [callback] };
    const { client_id } = await registerClient(server, metadata);
    const party = await createRelyingParty(server, { ...metadata, client_id });
    const browser = new Browserless();
    const { url } = await party.begin({ scope: 'openid' });
    for (const each of [API, BARE]) url.searchParams.append('resource', each);
    const page = await signIn(browser, await browser.open(url.href), await createPerson(server));
    const told = page.body.replaceAll(/<\/?(strong|bdi|section|ul|li|h2)>/g, ' ').replaceAll(/\s+/g, ' ');
    expect(told).toContain('What it can do in Orders Use it in your name');
    expect(told).toContain('What it can do in Notes &amp; &lt;b&gt;more&lt;/b&gt; Use it in your name');
    const { url: named } = await party.begin({ scope: 'openid orders:read', resource: API });
    const other = await browser.open(named.href);
    expect(other.body).toContain('See your orders');
    expect(other.body).not.toContain('Use it in your name');
  });
});

describe('a resource server that is kept from clients that nobody here made', () => {
  it.each([
    ['registered itself', 'registered', false],
    ['describes itself', 'document', false],
    ['comes from outside of the registry', undefined, false],
    ['an operator made', 'operator', true],
    ['was declared', 'declared', true],
  ])('for one that %s', (_which, client_source, allowed) => {
    const [declared] = parseResources([{ identifier: API, name: 'Orders', scopes: ['orders:read'], unverified_clients: false }]);
    const ask = () => resourceServerFor(resourceServerOf(declared ?? null), { client_source } as unknown as Client, 'authorization_code');
    if (allowed) expect(ask().scope).toBe('orders:read');
    else expect(ask).toThrow(expect.objectContaining({ error: 'invalid_target' }));
  });
});

describe('CORS', () => {
  it('does not know the origin null, which anybody’s sandboxed frame sends', async () => {
    const server = await startDeclaredServer();
    const { client } = await server.services.clients.create(
      { client_name: 'App', profile: 'native', redirect_uris: ['com.example.app:/callback'] },
      { source: 'operator' },
    );
    const response = await fetch(`${server.url}/token`, {
      method: 'POST',
      headers: { origin: 'null' },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'x', client_id: client.id }),
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    await server.close();
  });
});
