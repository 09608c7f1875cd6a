import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

// Metadata that is accepted and then not understood would make a client that nobody can use: what the registry takes, oidc-provider has to take.
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const keyOf = (pair: { publicKey: { export(options: { format: 'jwk' }): object } }) => pair.publicKey.export({ format: 'jwk' });
const [ec, rsa] = [keyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' })), keyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))];
const jwks = {
  keys: [
    { ...ec, kid: 'ec' },
    { ...rsa, kid: 'rsa' },
  ],
};
const redirectUris = { redirect_uris: ['https://app.example.com/cb'] };
const keyed = { token_endpoint_auth_method: 'private_key_jwt', jwks };
const encrypted = (alg: string, enc: string) =>
  Object.fromEntries(
    ['id_token', 'userinfo', 'introspection', 'authorization'].flatMap((answer) => [
      [`${answer}_encrypted_response_alg`, alg],
      [`${answer}_encrypted_response_enc`, enc],
      [`${answer}_signed_response_alg`, 'RS256'],
    ]),
  );

const accepted: Record<string, object> = {
  'the least there is': redirectUris,
  'links and contacts': {
    ...redirectUris,
    client_uri: 'http://app.example.com',
    logo_uri: 'https://app.example.com/logo.svg',
    policy_uri: 'https://app.example.com/policy',
    tos_uri: 'https://app.example.com/tos',
    initiate_login_uri: 'https://app.example.com/sign-in',
    contacts: ['a.b+c@example.com', "o'brien@example.co.uk"],
  },
  'every lifetime and flag': {
    ...redirectUris,
    default_max_age: 0,
    require_auth_time: true,
    require_pkce: false,
    first_party: true,
    dpop_bound_access_tokens: true,
    require_pushed_authorization_requests: true,
    access_token_ttl_seconds: 60,
  },
  'keys of its own': { ...redirectUris, ...keyed, token_endpoint_auth_signing_alg: 'ES256' },
  'keys on this machine': { ...redirectUris, token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'http://localhost:3000/jwks' },
  'keys beside a secret': { ...redirectUris, jwks },
  'a service with keys': { profile: 'service', ...keyed },
  'fapi2 with keys': { profile: 'fapi2', ...redirectUris, ...keyed },
  'encryption by RSA': { ...redirectUris, jwks, ...encrypted('RSA-OAEP-256', 'A256CBC-HS512') },
  'encryption by ECDH': { ...redirectUris, jwks_uri: 'https://app.example.com/jwks', ...encrypted('ECDH-ES+A256KW', 'A128GCM') },
  'encryption without a content algorithm': { ...redirectUris, jwks, id_token_encrypted_response_alg: 'ECDH-ES' },
  'pairwise subjects': { ...redirectUris, subject_type: 'pairwise' },
  'pairwise subjects of devices': {
    subject_type: 'pairwise',
    grant_types: [DEVICE],
    redirect_uris: [],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: 'https://app.example.com/jwks',
  },
  'a device': { profile: 'native', grant_types: [DEVICE, 'refresh_token'], redirect_uris: [] },
  'a native application': {
    profile: 'native',
    redirect_uris: ['com.example.app:/cb', 'http://127.0.0.1/cb', 'https://app.example.com/cb'],
  },
  'an MCP client': { profile: 'mcp', redirect_uris: ['cursor://anysphere.cursor/cb', 'http://localhost/cb'] },
};

let server: TestServer;
beforeAll(async () => {
  server = await startDeclaredServer();
});
afterAll(() => server?.close());

test.each(Object.entries(accepted))('%s: what the registry takes, the protocol has, every member of it', async (_title, metadata) => {
  const { client } = await server.services.clients.create({ client_name: 'App', ...metadata }, { source: 'operator' });
  const found = await server.app.provider.current.Client.find(client.id);
  const { profile: _ours, ...members } = metadata as Record<string, unknown>;
  expect(found?.metadata()).toMatchObject(members);
});
