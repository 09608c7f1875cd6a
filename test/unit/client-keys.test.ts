import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseDeclaredClients } from '../../src/oidc/clients/index.js';

const jwkOf = (pair: { publicKey: { export(options: { format: 'jwk' }): object } }) => pair.publicKey.export({ format: 'jwk' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const [rsaKey, ecKey, edKey] = [jwkOf(rsa), jwkOf(ec), jwkOf(generateKeyPairSync('ed25519'))];
const client = { client_id: 'app', redirect_uris: ['https://app.example/cb'], token_endpoint_auth_method: 'private_key_jwt' };

/** The faults of a client with these keys, as "path: message". */
function faultsOf(members: object): string[] {
  try {
    parseDeclaredClients([{ ...client, ...members }]);
    return [];
  } catch (error) {
    const { details = [] } = error as { details?: { path: string; message: string }[] };
    return details.map(({ path, message }) => `${path.replace('CLIENTS_FILE[0].', '')}: ${message}`);
  }
}
const jwks = (...keys: unknown[]) => ({ jwks: { keys } });

describe('the keys of a client', () => {
  it.each([
    ['RSA', jwks(rsaKey)],
    ['P-256', jwks({ ...ecKey, kid: 'one', use: 'sig', alg: 'ES256' })],
    ['Ed25519', jwks({ ...edKey, alg: 'EdDSA' })],
    ['several, one of them for encryption', jwks({ ...rsaKey, kid: 'a', use: 'enc' }, { ...ecKey, kid: 'b' })],
    ['at an address', { jwks_uri: 'https://app.example/jwks' }],
    ['on this machine', { jwks_uri: 'http://localhost:3000/jwks' }],
    ['for the one algorithm', { ...jwks(rsaKey), token_endpoint_auth_signing_alg: 'PS256' }],
  ])('may be %s', (_title, members) => {
    expect(faultsOf(members)).toEqual([]);
  });

  it.each([
    ['missing', {}, 'jwks: or jwks_uri is needed'],
    ['in both places', { ...jwks(rsaKey), jwks_uri: 'https://app.example/jwks' }, 'jwks: and jwks_uri exclude each other'],
    ['none', jwks(), 'jwks.keys: must hold at least one key'],
    ['too many', jwks(...Array.from({ length: 21 }, () => ecKey)), 'jwks.keys: must hold at most 20 keys'],
    ['not a set', { jwks: [rsaKey] }, 'jwks: '],
    ['not keys', jwks('key'), 'jwks.keys[0]: '],
    ['private', jwks(ec.privateKey.export({ format: 'jwk' })), 'jwks.keys[0]: is a private key'],
    ['private in part', jwks({ ...rsaKey, dp: 'AQAB' }), 'jwks.keys[0]: is a private key'],
    ['symmetric', jwks({ kty: 'oct', k: 'c2VjcmV0' }), 'jwks.keys[0]: is symmetric'],
    ['short', jwks(jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))), 'jwks.keys[0]: is an RSA key of 1024 bits'],
    ['broken', jwks({ kty: 'RSA', n: '!', e: 'AQAB' }), 'jwks.keys[0]: is an RSA key of 0 bits'],
    ['off the curve', jwks({ ...ecKey, x: 'AAAA' }), 'jwks.keys[0]: is not a public key'],
    ['of another curve', jwks({ ...ecKey, crv: 'secp256k1' }), 'jwks.keys[0]: is of a curve'],
    ['of no kind', jwks({ kty: 'magic' }), 'jwks.keys[0]: is not a public key'],
    ['named by a number', jwks({ ...ecKey, kid: 7 }), 'jwks.keys[0]: has a kid that is no text'],
    ['named alike', jwks({ ...ecKey, kid: 'a' }, { ...rsaKey, kid: 'a' }), 'jwks.keys[1].kid: is there twice'],
    ['for encryption only', jwks({ ...rsaKey, use: 'enc' }), 'jwks: holds no key with which a signature can be checked'],
    ['for another algorithm', { ...jwks(ecKey), token_endpoint_auth_signing_alg: 'RS256' }, 'jwks: holds no key'],
    ['behind plain http', { jwks_uri: 'http://app.example/jwks' }, 'jwks_uri: must use https'],
    ['behind a password', { jwks_uri: 'https://user:hunter2@app.example/jwks' }, 'jwks_uri: must not carry'],
    [
      'for HMAC',
      { ...jwks(rsaKey), token_endpoint_auth_signing_alg: 'HS256' },
      'token_endpoint_auth_signing_alg: symmetric signing is off',
    ],
    ['for nothing', { ...jwks(rsaKey), token_endpoint_auth_signing_alg: 'none' }, 'token_endpoint_auth_signing_alg: is not an algorithm'],
    ['beside a secret', { ...jwks(rsaKey), client_secret: 'a-secret' }, 'client_secret: is not used with'],
  ])('are never %s', (_title, members, fault) => {
    expect(faultsOf(members)).toEqual([expect.stringContaining(fault)]);
  });

  it('have an algorithm for assertions only where the client makes some', () => {
    const members = {
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: 'a-secret',
      token_endpoint_auth_signing_alg: 'ES256',
    };
    expect(faultsOf(members)).toEqual([expect.stringContaining('token_endpoint_auth_signing_alg: is for')]);
  });

  it('that are private are not repeated in the message', () => {
    const { d = '' } = ec.privateKey.export({ format: 'jwk' });
    expect(faultsOf(jwks(ec.privateKey.export({ format: 'jwk' }))).join()).not.toContain(d);
  });
});

describe('answers that are encrypted to a client', () => {
  const basic = { token_endpoint_auth_method: 'client_secret_basic', client_secret: 'a-secret' };
  const faults = (members: object) => faultsOf({ ...basic, ...members });

  it.each([
    ['RSA-OAEP-256', rsaKey],
    ['ECDH-ES', ecKey],
    ['ECDH-ES+A256KW', { ...ecKey, use: 'enc' }],
    ['ECDH-ES', jwkOf(generateKeyPairSync('x25519'))],
  ])('may use %s', (alg, key) => {
    expect(faults({ ...jwks(key), id_token_encrypted_response_alg: alg, id_token_encrypted_response_enc: 'A256GCM' })).toEqual([]);
    expect(faults({ jwks_uri: 'https://app.example/jwks', introspection_encrypted_response_alg: alg })).toEqual([]);
    const userinfo = { userinfo_signed_response_alg: 'RS256', userinfo_encrypted_response_alg: alg };
    expect(faults({ ...jwks(key), ...userinfo, authorization_encrypted_response_alg: alg })).toEqual([]);
  });

  it.each([
    ['a symmetric algorithm', { id_token_encrypted_response_alg: 'A256KW' }, 'id_token_encrypted_response_alg: is not how'],
    ['the secret itself', { id_token_encrypted_response_alg: 'dir' }, 'id_token_encrypted_response_alg: is not how'],
    ['broken padding', { userinfo_encrypted_response_alg: 'RSA1_5' }, 'userinfo_encrypted_response_alg: is not how'],
    ['another content encryption', { id_token_encrypted_response_enc: 'A64CBC' }, 'id_token_encrypted_response_enc: is not how'],
    ['content encryption alone', { id_token_encrypted_response_enc: 'A256GCM' }, 'id_token_encrypted_response_enc: needs'],
    ['no key', { id_token_encrypted_response_alg: 'RSA-OAEP-256' }, 'jwks: or jwks_uri is needed'],
    ['a key for signatures', { ...jwks({ ...rsaKey, use: 'sig' }), id_token_encrypted_response_alg: 'RSA-OAEP-256' }, 'jwks: holds no key'],
    ['a key of another kind', { ...jwks(ecKey), authorization_encrypted_response_alg: 'RSA-OAEP-256' }, 'jwks: holds no key'],
    ['a curve that only signs', { ...jwks(edKey), introspection_encrypted_response_alg: 'ECDH-ES' }, 'jwks: holds no key'],
    [
      'userinfo that is not signed',
      { ...jwks(rsaKey), userinfo_encrypted_response_alg: 'RSA-OAEP-256' },
      'userinfo_signed_response_alg: is needed',
    ],
    ['a symmetric signature', { userinfo_signed_response_alg: 'HS256' }, 'userinfo_signed_response_alg: '],
    ['no signature', { introspection_signed_response_alg: 'none' }, 'introspection_signed_response_alg: '],
  ])('never use %s', (_title, members, fault) => {
    expect(faults(members)).toEqual([expect.stringContaining(fault)]);
  });
});
