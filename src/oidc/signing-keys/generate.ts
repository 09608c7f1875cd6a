import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose';
import type { SigningAlg } from './lifecycle.js';

const generate = promisify(generateKeyPair);

/** A private JWK with everything a signer chooses by. `alg` and `use` are always there: oidc-provider prefers keys that have them. */
export type PrivateJwk = JWK & { kid: string; alg: SigningAlg; use: 'sig'; kty: 'RSA' | 'EC' | 'OKP' };

/** Makes a key pair on a thread of libuv's pool: an RSA key takes a few hundred milliseconds, and the event loop does not wait for it. */
export async function generateSigningKey(alg: SigningAlg, rsaBits: number): Promise<PrivateJwk> {
  const jwk = await exportJWK(await generatePrivateKey(alg, rsaBits));
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg, use: 'sig' } as PrivateJwk;
}

async function generatePrivateKey(alg: SigningAlg, rsaBits: number): Promise<KeyObject> {
  switch (alg) {
    case 'RS256':
    case 'PS256':
      return (await generate('rsa', { modulusLength: rsaBits })).privateKey;
    case 'ES256':
      return (await generate('ec', { namedCurve: 'P-256' })).privateKey;
    case 'EdDSA':
      return (await generate('ed25519', undefined)).privateKey;
  }
}

/** What may be published of a key: named members only, so that nothing private can slip through. */
const PUBLIC_MEMBERS = ['kty', 'use', 'alg', 'kid', 'crv', 'x', 'y', 'n', 'e'] as const;

/** The public half of a private JWK. */
export function toPublicJwk(jwk: PrivateJwk): JWK {
  return Object.fromEntries(PUBLIC_MEMBERS.filter((name) => jwk[name] !== undefined).map((name) => [name, jwk[name]])) as JWK;
}
