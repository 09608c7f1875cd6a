/** Members that name algorithms: what the server signs with, what it encrypts with, and what it takes from clients. */
import { randomUUID } from 'node:crypto';
import { compactDecrypt, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { expect } from 'vitest';
import { CIBA_GRANT } from '../asking.js';
import { type SigningKey, signAssertion } from '../assertions.js';
import { createDpopKey, nonceOf } from '../dpop.js';
import { type App, keyFor, type Metadata, type Proof, type Proofs, type Setting } from './setting.js';

/** Of IANA's registry of JOSE algorithms. */
const SIGNATURES = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'ES256K', 'EdDSA', 'Ed25519', 'Ed448'],
  ...['HS256', 'HS384', 'HS512', 'none'],
];
const KEY_ENCRYPTIONS = [
  ...[
    'RSA1_5',
    'RSA-OAEP',
    'RSA-OAEP-256',
    'RSA-OAEP-384',
    'RSA-OAEP-512',
    'ECDH-ES',
    'ECDH-ES+A128KW',
    'ECDH-ES+A192KW',
    'ECDH-ES+A256KW',
  ],
  ...['A128KW', 'A192KW', 'A256KW', 'A128GCMKW', 'A192GCMKW', 'A256GCMKW', 'dir', 'PBES2-HS256+A128KW', 'PBES2-HS512+A256KW'],
];
const CONTENT_ENCRYPTIONS = ['A128GCM', 'A192GCM', 'A256GCM', 'A128CBC-HS256', 'A192CBC-HS384', 'A256CBC-HS512'];
/** What can be signed with one and the same RSA key, so that nothing but the algorithm is wrong. */
const BY_RSA: ReadonlySet<string> = new Set(['RS384', 'RS512', 'PS384', 'PS512']);

const encryptionKeys = new Map<string, ReturnType<typeof generateKeyPair>>();
function encryptionKeyFor(alg: string) {
  const pair = encryptionKeys.get(alg) ?? generateKeyPair(alg, { extractable: true });
  encryptionKeys.set(alg, pair);
  return pair;
}

type Answer = 'id_token' | 'userinfo' | 'introspection' | 'authorization';

/** Something the server says to a client, as it comes. */
async function answerTo(setting: Setting, app: App, answer: Answer): Promise<string> {
  if (answer === 'authorization') return String((await setting.authorize(app, { response_mode: 'jwt' })).told.get('response'));
  const tokens = await setting.flow(app);
  if (answer === 'id_token') return String(tokens.id_token);
  if (answer === 'introspection') {
    const accept = 'application/token-introspection+jwt';
    return (await setting.post('introspection_endpoint', { token: String(tokens.access_token) }, { ...app.headers, accept })).text;
  }
  const headers = { authorization: `Bearer ${tokens.access_token}` };
  return (await fetch(setting.endpoint('userinfo_endpoint'), { headers })).text();
}

const signing = (answer: Answer): Proof => ({
  async keeps(setting, alg) {
    const jwt = await answerTo(setting, await setting.register({ [`${answer}_signed_response_alg`]: alg }), answer);
    expect((await jwtVerify(jwt, setting.keys, { issuer: setting.server.url })).protectedHeader.alg).toBe(alg);
  },
  others: SIGNATURES,
  refuses: (setting, alg) => setting.expectNoClientWith(`${answer}_signed_response_alg`, alg),
});

const encryption = (answer: Answer, part: 'alg' | 'enc'): Proof => {
  const members = (alg: string, enc: string): Metadata => ({
    [`${answer}_encrypted_response_alg`]: alg,
    [`${answer}_encrypted_response_enc`]: enc,
    [`${answer}_signed_response_alg`]: 'RS256',
  });
  return {
    async keeps(setting, value) {
      const [alg, enc] = part === 'alg' ? [value, 'A256GCM'] : ['ECDH-ES', value];
      const { publicKey, privateKey } = await encryptionKeyFor(alg);
      const jwks = { keys: [{ ...(await exportJWK(publicKey)), use: 'enc', alg, kid: 'enc' }] };
      const jwe = await answerTo(setting, await setting.register({ jwks, ...members(alg, enc) }), answer);
      expect(decodeProtectedHeader(jwe)).toMatchObject({ alg, enc });
      const { plaintext } = await compactDecrypt(jwe, privateKey);
      await jwtVerify(new TextDecoder().decode(plaintext), setting.keys, { issuer: setting.server.url });
    },
    others: part === 'alg' ? KEY_ENCRYPTIONS : CONTENT_ENCRYPTIONS,
    async refuses(setting, value) {
      const [alg, enc] = part === 'alg' ? [value, 'A256GCM'] : ['ECDH-ES', value];
      const { publicKey } = await encryptionKeyFor('ECDH-ES');
      const jwks = { keys: [await exportJWK(publicKey)] };
      await setting.expectNoClientWith(`${answer}_encrypted_response_${part}`, value, { jwks, ...members(alg, enc) });
    },
  };
};

/** Something that a client signs, with an algorithm: what the server answers. */
type Signed = {
  members: Metadata;
  registered: string;
  send(setting: Setting, app: App, key: SigningKey): Promise<{ taken: boolean; told: string }>;
};

const signedByClients = ({ members, registered, send }: Signed): Proof => {
  const accepted = async (setting: Setting, alg: string) => {
    const key = await keyFor(alg);
    const app = await setting.register({ ...members, jwks: { keys: [key.publicJwk] } });
    return send(setting, app, key);
  };
  return {
    async keeps(setting, alg) {
      const { taken, told } = await accepted(setting, alg);
      expect(taken, told).toBe(true);
    },
    others: SIGNATURES,
    async refuses(setting, alg) {
      const { publicJwk } = await keyFor('RS256');
      await setting.expectNoClientWith(registered, alg, { ...members, jwks: { keys: [publicJwk] } });
      if (BY_RSA.has(alg)) expect((await accepted(setting, alg)).taken).toBe(false);
    },
  };
};

const requestObject = (setting: Setting, app: App, key: SigningKey, claims: Record<string, unknown>) => {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: app.id, aud: setting.server.url, iat: now, nbf: now, exp: now + 60, jti: randomUUID(), ...claims })
    .setProtectedHeader({ alg: key.alg, kid: key.kid })
    .sign(key.privateKey);
};

const requestObjects = signedByClients({
  members: {},
  registered: 'request_object_signing_alg',
  async send(setting, app, key) {
    const request = await requestObject(setting, app, key, setting.requestOf(app));
    const { told, page } = await setting.send({ client_id: app.id, request, response_type: 'code', scope: 'openid' });
    return { taken: told.has('code'), told: `${told} ${page.status}` };
  },
});

export const signatureProofs: Proofs = {
  id_token_signing_alg_values_supported: signing('id_token'),
  userinfo_signing_alg_values_supported: signing('userinfo'),
  introspection_signing_alg_values_supported: signing('introspection'),
  authorization_signing_alg_values_supported: signing('authorization'),
  ...Object.fromEntries(
    (['id_token', 'userinfo', 'introspection', 'authorization'] as const).flatMap((answer) => [
      [`${answer}_encryption_alg_values_supported`, encryption(answer, 'alg')],
      [`${answer}_encryption_enc_values_supported`, encryption(answer, 'enc')],
    ]),
  ),
  request_object_signing_alg_values_supported: requestObjects,
  request_parameter_supported: { keeps: (setting) => requestObjects.keeps(setting, 'ES256') },
  token_endpoint_auth_signing_alg_values_supported: signedByClients({
    members: {
      ...{ token_endpoint_auth_method: 'private_key_jwt', grant_types: ['client_credentials'], redirect_uris: [], scope: 'orders:read' },
    },
    registered: 'token_endpoint_auth_signing_alg',
    async send(setting, app, key) {
      const { status, text } = await setting.post('token_endpoint', {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await signAssertion({ clientId: app.id, issuer: setting.server.url, key }),
      });
      return { taken: status === 200, told: text };
    },
  }),
  backchannel_authentication_request_signing_alg_values_supported: signedByClients({
    members: { grant_types: [CIBA_GRANT], redirect_uris: [] },
    registered: 'backchannel_authentication_request_signing_alg',
    async send(setting, app, key) {
      const request = await requestObject(setting, app, key, { scope: 'openid', login_hint: 'nobody@example.com' });
      const { status, text } = await setting.post('backchannel_authentication_endpoint', { request }, app.headers);
      return { taken: status === 200, told: text };
    },
  }),
  dpop_signing_alg_values_supported: {
    async keeps(setting, alg) {
      expect((await proveKey(setting, alg)).body).toMatchObject({ token_type: 'DPoP' });
    },
    others: SIGNATURES.filter((alg) => !/^(HS|none|ES256K|Ed448)/.test(alg)),
    async refuses(setting, alg) {
      expect(await proveKey(setting, alg)).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } });
    },
  },
};

async function proveKey(setting: Setting, alg: string) {
  const app = await setting.register();
  const { told } = await setting.authorize(app);
  const key = await createDpopKey(alg);
  const dpop = await key.prove(setting.endpoint('token_endpoint'), { nonce: await nonceOf(setting.server) });
  return setting.redeem(app, told.get('code'), {}, { dpop });
}
