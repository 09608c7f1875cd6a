import {
  CompactEncrypt,
  compactDecrypt,
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  jwtVerify,
} from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeKey } from '../support/assertions.js';
import { API, type DeclaredClient } from '../support/declarations.js';
import { listenHttp } from '../support/listening.js';
import { createRelyingParty, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const http = { [oauth.allowInsecureRequests]: true };
const JWT = 'application/token-introspection+jwt';
const forApi = { parameters: { scope: 'openid orders:read', resource: API }, tokenParameters: { resource: API } };
const ENCRYPTIONS = [
  ['RSA-OAEP-256', 'A256GCM'],
  ['ECDH-ES', 'A128CBC-HS256'],
  ['ECDH-ES+A256KW', 'A128GCM'],
  ['RSA-OAEP-256', 'A256CBC-HS512'],
] as const;

let server: TestServer;
let keys: ReturnType<typeof createRemoteJWKSet>;
let made = 0;
beforeAll(async () => {
  server = await startDeclaredServer();
  keys = createRemoteJWKSet(new URL(`${server.url}/.well-known/jwks.json`));
});
afterAll(() => server?.close());

/** An application with members of its own, and its library. */
async function open(members: object) {
  const client: DeclaredClient = {
    client_id: `app-${++made}`,
    client_secret: 'a-secret-of-an-application-long-enough-to-be-one',
    redirect_uris: ['https://app.example.com/cb'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
    ...members,
  };
  await server.services.clients.create(client, { source: 'operator' });
  return { client, party: await createRelyingParty(server, client) };
}

async function makeEncryptionKey(alg: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'enc', use: 'enc', alg }] } };
}

test('userinfo is a signed JWT for a client that asked for one, with the same members', async () => {
  const { party } = await open({ userinfo_signed_response_alg: 'RS256' });
  oidc.enableNonRepudiationChecks(party.config);
  const { tokens, accountId, email } = await obtainTokens(server, party);
  expect(await oidc.fetchUserInfo(party.config, tokens.access_token, accountId)).toMatchObject({ sub: accountId, email });
  const response = await fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  expect(response.headers.get('content-type')).toMatch(/^application\/jwt/);
  const { payload } = await jwtVerify(await response.text(), keys, {
    issuer: server.url,
    audience: String(party.config.clientMetadata().client_id),
  });
  expect(payload.sub).toBe(accountId);
});

describe.each(ENCRYPTIONS)('answers encrypted with %s and %s', (alg, enc) => {
  test('open with the key of their client, and hold what was signed', async () => {
    const { privateKey, jwks } = await makeEncryptionKey(alg);
    const encrypted = (answer: string) => ({ [`${answer}_encrypted_response_alg`]: alg, [`${answer}_encrypted_response_enc`]: enc });
    const { party, client } = await open({
      jwks,
      userinfo_signed_response_alg: 'RS256',
      ...encrypted('id_token'),
      ...encrypted('userinfo'),
      ...encrypted('authorization'),
      ...encrypted('introspection'),
    });
    oidc.enableDecryptingResponses(party.config, [enc], { key: privateKey, alg, kid: 'enc' });
    oidc.enableNonRepudiationChecks(party.config);
    oidc.useJwtResponseMode(party.config);
    const { tokens, accountId, email } = await obtainTokens(server, party);
    expect(decodeProtectedHeader(String(tokens.id_token))).toMatchObject({ alg, enc, kid: 'enc', cty: 'JWT' });
    expect(await oidc.fetchUserInfo(party.config, tokens.access_token, accountId)).toMatchObject({ sub: accountId, email });
    const userinfo = await fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    expect(decodeProtectedHeader(await userinfo.text())).toMatchObject({ alg, enc });

    // The refresh and the JWT for an API go the same ways.
    const refreshed = await oidc.refreshTokenGrant(party.config, tokens.refresh_token ?? '');
    expect(refreshed.claims()?.sub).toBe(accountId);
    for (const token of [refreshed.access_token, refreshed.refresh_token ?? '', 'not-a-token']) {
      const { status, type, text } = await introspect(client, token, JWT);
      expect({ status, type }).toEqual({ status: 200, type: expect.stringContaining(JWT) });
      const { plaintext } = await compactDecrypt(text, privateKey);
      const { payload, protectedHeader } = await jwtVerify(new TextDecoder().decode(plaintext), keys, {
        issuer: server.url,
        audience: client.client_id,
      });
      expect(protectedHeader.typ).toBe('token-introspection+jwt');
      expect(payload.token_introspection).toMatchObject(token === 'not-a-token' ? { active: false } : { active: true, sub: accountId });
      expect(await introspect(client, token, 'application/json')).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
  });
});

async function introspect(client: DeclaredClient, token: string, accept?: string) {
  const authorization = `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`;
  const response = await fetch(`${server.url}/introspect`, {
    method: 'POST',
    headers: { authorization, ...(accept ? { accept } : {}) },
    body: new URLSearchParams({ token }),
  });
  const text = await response.text();
  const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, type: response.headers.get('content-type'), text, body };
}

describe('introspection as a JWT (RFC 9701)', () => {
  test('is what every client gets that asks for it, for stored tokens and for JWTs, and says what JSON says', async () => {
    const { party, client } = await open({});
    const issuer = new URL(server.url);
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
    const proof = oauth.ClientSecretBasic(String(client.client_secret));
    const opaque = await obtainTokens(server, party);
    const jwt = await obtainTokens(server, party, forApi);
    for (const token of [opaque.tokens.access_token, String(opaque.tokens.refresh_token), jwt.tokens.access_token]) {
      const as9701 = { client_id: client.client_id, introspection_signed_response_alg: 'RS256' };
      const response = await oauth.introspectionRequest(as, as9701, proof, token, { ...http, requestJwtResponse: true });
      const copy = response.clone();
      const answer = await oauth.processIntrospectionResponse(as, as9701, response);
      await oauth.validateApplicationLevelSignature(as, response, http);
      const { body, type } = await introspect(client, token);
      expect(type).toContain('application/json');
      expect(answer).toEqual(body);
      expect(answer.active).toBe(true);
      const said = decodeJwt(await copy.text());
      expect(Object.keys(said).sort()).toEqual(['aud', 'iat', 'iss', 'token_introspection']);
      expect(said).toMatchObject({ iss: server.url, aud: client.client_id });
    }
  });

  test('tells nothing more than JSON does: a token that is not good, or of others, is inactive', async () => {
    const { client } = await open({});
    const { party } = await open({});
    const { tokens } = await obtainTokens(server, party, forApi);
    await oidc.tokenRevocation(party.config, tokens.access_token);
    for (const token of ['unknown', tokens.access_token, `${tokens.access_token}x`]) {
      const { text, type } = await introspect(client, token, JWT);
      expect(type).toContain(JWT);
      expect(decodeJwt(text).token_introspection).toEqual({ active: false });
    }
    const wrong = await introspect({ ...client, client_secret: 'wrong' }, 'unknown', JWT);
    expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });
});

test('a logout token is encrypted as ID tokens are, to a key that is fetched for its client, and names the person as they do', async () => {
  const { privateKey, jwks } = await makeEncryptionKey('ECDH-ES');
  let heard = '';
  const host = await listenHttp(async (request, response) => {
    for await (const chunk of request) heard += chunk;
    response.end(request.method === 'GET' ? JSON.stringify(jwks) : '');
  });
  const { party, client } = await open({
    jwks_uri: `${host.url}/jwks`,
    backchannel_logout_uri: `${host.url}/signed-out`,
    id_token_encrypted_response_alg: 'ECDH-ES',
    subject_type: 'pairwise',
  });
  oidc.enableDecryptingResponses(party.config, ['A128CBC-HS256'], { key: privateKey, alg: 'ECDH-ES', kid: 'enc' });
  const { accountId: subject, email } = await obtainTokens(server, party);
  const account = await server.services.identity.accounts.findByEmail(email);
  // Another process: it has not fetched the keys yet.
  server.app.provider.rebuild();
  await server.services.sessions.endAll(account?.id ?? '');
  await expect.poll(() => heard, { timeout: 20_000 }).toContain('logout_token=');
  const { plaintext } = await compactDecrypt(new URLSearchParams(heard).get('logout_token') ?? '', privateKey);
  const { payload } = await jwtVerify(new TextDecoder().decode(plaintext), keys, { issuer: server.url, audience: client.client_id });
  expect(payload.sub).toBe(subject);
  expect(subject).not.toBe(account?.id);
  await host.close();
});

test('nothing is encrypted to us: a request that is, is refused, and the metadata offer none', async () => {
  const { client } = await open({});
  const { publicKey } = await generateKeyPair('RSA-OAEP-256');
  const encrypt = (alg: string, key: Parameters<CompactEncrypt['encrypt']>[0]) =>
    new CompactEncrypt(Buffer.from('{}')).setProtectedHeader({ alg, enc: 'A128CBC-HS256' }).encrypt(key);
  for (const request of [await encrypt('RSA-OAEP-256', publicKey), await encrypt('dir', Buffer.alloc(32, 7)), 'a.b.c.d.e']) {
    const response = await fetch(`${server.url}/par`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}` },
      body: new URLSearchParams({ request }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: expect.stringMatching(/^(invalid_request|invalid_request_object)$/) });
  }
  const metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
  expect(metadata).not.toHaveProperty('request_object_encryption_alg_values_supported');
  expect(metadata).not.toHaveProperty('request_object_encryption_enc_values_supported');
});

describe('keys at a jwks_uri', () => {
  test('that cannot encrypt are passed over, and with no other the client is told so', async () => {
    const [signing, encryption] = [await makeKey('Ed25519'), await makeEncryptionKey('ECDH-ES')];
    const published: { keys: object[] } = {
      keys: [signing.publicJwk, { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }, ...encryption.jwks.keys],
    };
    const host = await listenHttp((_request, response) => response.end(JSON.stringify(published)));
    const members = { id_token_encrypted_response_alg: 'ECDH-ES', jwks_uri: host.url };
    const { party } = await open(members);
    oidc.enableDecryptingResponses(party.config, ['A128CBC-HS256'], { key: encryption.privateKey, alg: 'ECDH-ES', kid: 'enc' });
    const { tokens } = await obtainTokens(server, party);
    expect(tokens.claims()?.sub).toBeTruthy();
    published.keys = [signing.publicJwk];
    const { party: other } = await open(members);
    await expect(obtainTokens(server, other)).rejects.toMatchObject({ status: 400, error: 'invalid_client_metadata' });
    await host.close();
    const { party: third } = await open({ ...members, jwks_uri: `${host.url}/gone` });
    await expect(obtainTokens(server, third)).rejects.toMatchObject({ status: 400, error: 'invalid_client_metadata' });
  });
});
