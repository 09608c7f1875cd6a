import { createVerifier } from 'fast-jwt';
import buildGetJwks from 'get-jwks';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API } from '../support/declarations.js';
import { createRelyingParty, obtainTokens, type SignedIn, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
let signedIn: SignedIn;
let apiToken: string;
let idToken: string;

beforeAll(async () => {
  server = await startDeclaredServer();
  const shop = await createRelyingParty(server, 'shop');
  signedIn = await obtainTokens(server, shop, { parameters: { scope: 'openid orders:read', resource: API } });
  idToken = signedIn.tokens.id_token ?? '';
  const refreshed = await oidc.refreshTokenGrant(shop.config, signedIn.tokens.refresh_token ?? '', { resource: API });
  apiToken = refreshed.access_token;
});
afterAll(() => server?.close());

/** The token with one member of its payload changed and its signature kept. */
function forge(token: string, change: object): string {
  const [header, payload = '', signature] = token.split('.');
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), ...change };
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}

describe('a service that knows nothing but the issuer, with jose', () => {
  const keys = () => createRemoteJWKSet(new URL(`${server.url}/.well-known/jwks.json`));

  test('verifies an access token for it', async () => {
    const { payload, protectedHeader } = await jwtVerify(apiToken, keys(), {
      issuer: server.url,
      audience: API,
      typ: 'at+jwt',
      algorithms: ['RS256'],
    });
    expect(payload.sub).toBe(signedIn.accountId);
    expect(protectedHeader.kid).toEqual(expect.any(String));
  });

  test('refuses one for another audience, of another issuer, or changed by a hand', async () => {
    const expected = { issuer: server.url, audience: API, typ: 'at+jwt' };
    await expect(jwtVerify(apiToken, keys(), { ...expected, audience: 'https://other.example.com' })).rejects.toThrow(
      errors.JWTClaimValidationFailed,
    );
    await expect(jwtVerify(apiToken, keys(), { ...expected, issuer: 'https://evil.example.com' })).rejects.toThrow(
      errors.JWTClaimValidationFailed,
    );
    await expect(jwtVerify(forge(apiToken, { scope: 'orders:write' }), keys(), expected)).rejects.toThrow(
      errors.JWSSignatureVerificationFailed,
    );
  });

  test('does not take an ID token for an access token, nor the reverse', async () => {
    await expect(jwtVerify(idToken, keys(), { issuer: server.url, audience: API, typ: 'at+jwt' })).rejects.toThrow();
    await expect(jwtVerify(apiToken, keys(), { issuer: server.url, audience: 'shop' })).rejects.toThrow();
    expect((await jwtVerify(idToken, keys(), { issuer: server.url, audience: 'shop' })).payload.sub).toBe(signedIn.accountId);
  });
});

describe('a service with fast-jwt and get-jwks', () => {
  const getJwks = buildGetJwks({ providerDiscovery: true });
  const verifierFor = (allowedAud: string) =>
    createVerifier({
      key: ({ header }: { header: Record<string, unknown> }) =>
        getJwks.getPublicKey({ kid: String(header.kid), alg: String(header.alg), domain: server.url }),
      algorithms: ['RS256'],
      allowedIss: server.url,
      allowedAud,
    });

  test('finds the keys by discovery and verifies access token and ID token', async () => {
    expect(await verifierFor(API)(apiToken)).toMatchObject({ sub: signedIn.accountId, client_id: 'shop', scope: 'orders:read' });
    expect(await verifierFor('shop')(idToken)).toMatchObject({ sub: signedIn.accountId, aud: 'shop' });
  });

  test('refuses another audience and a changed token', async () => {
    await expect(verifierFor('https://other.example.com')(apiToken)).rejects.toMatchObject({ code: 'FAST_JWT_INVALID_CLAIM_VALUE' });
    await expect(verifierFor(API)(forge(apiToken, { sub: 'somebody-else' }))).rejects.toMatchObject({ code: 'FAST_JWT_INVALID_SIGNATURE' });
  });
});

describe('the published keys', () => {
  test('are public parts only, each with kid, use and alg', async () => {
    const { keys } = (await (await fetch(`${server.url}/.well-known/jwks.json`)).json()) as { keys: Record<string, unknown>[] };
    expect(keys.length).toBeGreaterThanOrEqual(2);
    for (const key of keys) {
      expect(key).toMatchObject({ use: 'sig', kid: expect.any(String) });
      expect(['RSA RS256', 'EC ES256']).toContain(`${key.kty} ${key.alg}`);
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(secret);
      if (key.kty === 'RSA') expect(Buffer.from(String(key.n), 'base64url').length).toBeGreaterThanOrEqual(256);
    }
  });
});
