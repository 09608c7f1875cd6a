import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callApi, createApiPerson } from '../support/json-api.js';
import { createRelyingParty, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startDeclaredServer();
});
afterAll(() => server?.close());

const insecure = { [oauth.allowInsecureRequests]: true };
const metadataUrl = (base = server.url) => `${base}/.well-known/oauth-protected-resource/api`;
const challengeOf = async (path: string, headers: Record<string, string> = {}, method = 'GET', body?: object) =>
  (await callApi(server, method, path, { headers, body })).headers.get('www-authenticate');

describe('an application that knows only the address of a call (RFC 9728)', () => {
  test('is refused, learns from the refusal where tokens come from, and comes back with one', async () => {
    const { client, clientSecret } = await server.services.clients.create(
      { client_name: 'Console', redirect_uris: ['https://console.example.com/callback'], first_party: true },
      { source: 'operator' },
    );
    const refused = await fetch(`${server.url}/auth/me`);
    expect(refused.status).toBe(401);
    const address = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1];
    expect(address).toBe(metadataUrl());
    const { resource: said } = (await (await fetch(String(address))).json()) as { resource: string };
    // The library puts the address together from the resource's name, and checks that the document is that resource's.
    const resourceServer = await oauth.processResourceDiscoveryResponse(
      new URL(said),
      await oauth.resourceDiscoveryRequest(new URL(said), insecure),
    );
    expect(resourceServer).toEqual({
      resource: `${server.url}/api`,
      authorization_servers: [server.url],
      scopes_supported: ['account'],
      bearer_methods_supported: ['header'],
      resource_name: 'Latchkey',
      resource_documentation: `${server.url}/docs`,
    });
    const console_ = await createRelyingParty(
      { url: String(resourceServer.authorization_servers?.[0]) },
      { client_id: client.id, redirect_uris: client.redirectUris },
      oidc.ClientSecretBasic(String(clientSecret)),
    );
    const { tokens, email } = await obtainTokens(server, console_, {
      parameters: { scope: `openid ${resourceServer.scopes_supported?.[0]}`, resource: resourceServer.resource },
      tokenParameters: { resource: resourceServer.resource },
    });
    expect(await callApi(server, 'GET', '/auth/me', { token: tokens.access_token })).toMatchObject({ status: 200, body: { email } });
  });

  test('is told at every refusal that is about a token, and at no other', async () => {
    const { token } = await createApiPerson(server);
    for (const path of ['/auth/me', '/v2/auth/me', '/api/users'])
      for (const headers of [{}, { authorization: 'Bearer x' }, { 'x-api-key': 'x' }] as Record<string, string>[])
        expect(await challengeOf(path, headers)).toContain(`resource_metadata="${metadataUrl()}"`);
    expect(await challengeOf('/api/users', { authorization: `Bearer ${token}` })).toBe(
      `Bearer realm="latchkey", error="insufficient_scope", resource_metadata="${metadataUrl()}"`,
    );
    const wrong = { email: 'nobody@example.com', password: 'wrong horse battery staple' };
    expect(await challengeOf('/auth/login', {}, 'POST', wrong)).toBe('Bearer realm="latchkey"');
    expect(await challengeOf('/auth/register', {}, 'POST', {})).toBeNull();
  });
});

describe('the metadata', () => {
  test('is read from any origin, with whatever headers a page sends', async () => {
    const page = { origin: 'https://anywhere.example' };
    const preflight = await fetch(metadataUrl(), {
      method: 'OPTIONS',
      headers: { ...page, 'access-control-request-method': 'GET', 'access-control-request-headers': 'mcp-protocol-version' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('mcp-protocol-version');
    const read = await fetch(metadataUrl(), { headers: page });
    expect([read.status, read.headers.get('access-control-allow-origin'), read.headers.get('content-type')]).toEqual([
      200,
      '*',
      'application/json; charset=utf-8',
    ]);
    expect(read.headers.get('set-cookie')).toBeNull();
  });

  test('stands at its own address only: no other resource of ours has one', async () => {
    for (const path of ['', '/', '/API', '/api/', '/api/users', '/userinfo', '/auth'])
      expect((await fetch(`${server.url}/.well-known/oauth-protected-resource${path}`)).status, path).toBe(404);
    expect((await fetch(metadataUrl(), { method: 'POST' })).status).toBe(404);
  });

  test('is named in the description of the API', async () => {
    const { body } = await callApi(server, 'GET', '/openapi.json');
    const { securitySchemes } = body.components as { securitySchemes: { bearer: { description: string } } };
    expect(securitySchemes.bearer.description).toContain(metadataUrl());
  });

  test('is not there while the API is off', async () => {
    const off = await startDeclaredServer({ env: { FIRST_PARTY_API: 'off' } });
    try {
      expect((await fetch(metadataUrl(off.url))).status).toBe(404);
    } finally {
      await off.close();
    }
  });
});
