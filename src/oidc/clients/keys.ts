import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { z } from 'zod';
import type { ErrorDetail } from '../../platform/errors.js';
import { ASSERTION_ALGORITHMS } from './capabilities.js';
import type { ClientMetadata } from './metadata.js';

/** Members of keys that are kept (RFC 7517, RFC 7518). Others are dropped: nobody here reads them. */
const PUBLIC_MEMBERS = ['kty', 'use', 'key_ops', 'alg', 'kid', 'n', 'e', 'crv', 'x', 'y', 'x5c'];
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const MAX_KEYS = 20;
const MAX_PUBLISHED_KEYS = 100;
const MIN_RSA_BITS = 2048;
const CURVES = new Set(['P-256', 'P-384', 'P-521', 'Ed25519', 'X25519']);

type PublicJwk = { kty: string; kid?: string; use?: string; alg?: string; crv?: string } & Record<string, unknown>;

/** What is wrong with a key, or null. No value of it is repeated: it might be a private one. */
function findKeyFault(jwk: { [member: string]: unknown }): string | null {
  if (jwk.kty === 'oct') return 'is symmetric: only public keys are kept';
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member))) {
    return 'is a private key: send the public part only, and make a new one, since this one has been told';
  }
  for (const member of ['kid', 'use', 'alg']) {
    const value = jwk[member];
    if (value !== undefined && (typeof value !== 'string' || value === '' || value.length > 200)) return `has a ${member} that is no text`;
  }
  if (jwk.x5c !== undefined && !(Array.isArray(jwk.x5c) && jwk.x5c.every((each) => typeof each === 'string' && each !== '')))
    return 'has an x5c that is no list of certificates';
  if (typeof jwk.crv === 'string' && !CURVES.has(jwk.crv)) return `is of a curve that is not used here: use ${[...CURVES].join(', ')}`;
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const bits = asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < MIN_RSA_BITS ? `is an RSA key of ${bits} bits: use at least ${MIN_RSA_BITS}` : null;
  } catch {
    return 'is not a public key (RSA, EC or OKP) as RFC 7517 and RFC 7518 have it';
  }
}

const publicJwk = z.record(z.string(), z.unknown()).transform((jwk, context): PublicJwk => {
  const fault = findKeyFault(jwk);
  if (!fault) return tidy(jwk);
  context.addIssue(fault);
  return z.NEVER;
});

function tidy(jwk: Record<string, unknown>): PublicJwk {
  const kept = Object.fromEntries(PUBLIC_MEMBERS.filter((member) => jwk[member] !== undefined).map((member) => [member, jwk[member]]));
  const use = ONLY_USES[String(jwk.crv)];
  return { ...kept, ...(use && jwk.use === undefined ? { use } : {}) } as PublicJwk;
}

/** What a key of these curves can do at all. It is said, because the library asks the key and not its curve. */
const ONLY_USES: Record<string, string> = { Ed25519: 'sig', X25519: 'enc' };

/**
 * The keys of a document that a client published, without those that are not fit to be used (RFC 7517, section 5). What is not a set of keys stays
 * as it is.
 */
export function keepUsableKeys(document: unknown): unknown {
  const keys = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) return document;
  const isKey = (key: unknown): key is Record<string, unknown> =>
    typeof key === 'object' && key !== null && findKeyFault(key as Record<string, unknown>) === null;
  return { keys: keys.slice(0, MAX_PUBLISHED_KEYS).filter(isKey).map(tidy) };
}

/** A client's own keys (RFC 7591, section 2): public ones, each with another name. */
export const clientJwks = z
  .object({ keys: z.array(z.unknown()).min(1, 'must hold at least one key').max(MAX_KEYS, `must hold at most ${MAX_KEYS} keys`) })
  .pipe(z.object({ keys: z.array(publicJwk) }))
  .superRefine(({ keys }, context) => {
    const names = keys.map(({ kid }) => kid);
    for (const [index, name] of names.entries()) {
      if (name !== undefined && names.indexOf(name) < index)
        context.addIssue({ code: 'custom', path: ['keys', index, 'kid'], message: 'is there twice' });
    }
  });

const ALGORITHM_KEYS: Record<string, { kty: string; crv?: string }> = {
  RS256: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
};

/** True for a key with which a signature of this algorithm can be checked, as far as the key says. */
const fits = (algorithm: string, { kty, crv, use = 'sig', alg = algorithm }: PublicJwk) => {
  const wanted = ALGORITHM_KEYS[algorithm];
  return wanted?.kty === kty && (wanted.crv === undefined || wanted.crv === crv) && use === 'sig' && alg === algorithm;
};

/** Rules between a client's keys and how it authenticates (OpenID Connect Core, section 9). */
export function findKeyFaults(metadata: ClientMetadata): ErrorDetail[] {
  const { jwks, jwks_uri: jwksUri, token_endpoint_auth_method: method, token_endpoint_auth_signing_alg: algorithm } = metadata;
  const faults: ErrorDetail[] = [];
  const add = (path: string, message: string) => faults.push({ path, message });
  if (jwks && jwksUri) add('jwks', 'and jwks_uri exclude each other: give one of them');
  if (!jwks && !jwksUri) {
    for (const member of [
      'request_object_signing_alg',
      'require_signed_request_object',
      'backchannel_authentication_request_signing_alg',
    ] as const)
      if (metadata[member]) add(member, 'needs jwks or jwks_uri: the keys that its request objects are checked with');
  }
  if (method !== 'private_key_jwt') {
    if (algorithm) add('token_endpoint_auth_signing_alg', 'is for token_endpoint_auth_method private_key_jwt');
    return faults;
  }
  if (!jwks && !jwksUri)
    add('jwks', 'or jwks_uri is needed with token_endpoint_auth_method private_key_jwt: the keys that its assertions are checked with');
  const usable = algorithm ? [algorithm] : ASSERTION_ALGORITHMS;
  if (jwks && !(jwks.keys as PublicJwk[]).some((key) => usable.some((each) => fits(each, key)))) {
    add('jwks', `holds no key with which a signature can be checked: needed is one for ${usable.join(', ')}`);
  }
  return faults;
}

/** What keeps answers from being encrypted to a client, or null. Keys at a `jwks_uri` are looked at when they are used. */
export function findEncryptionKeyFault(algorithm: string, { jwks, jwks_uri: jwksUri }: ClientMetadata): string | null {
  if (!jwks) return jwksUri ? null : 'or jwks_uri is needed: the key that answers are encrypted to';
  const isFor = ({ kty, crv, use = 'enc', alg = algorithm }: PublicJwk) =>
    use === 'enc' && alg === algorithm && (algorithm.startsWith('RSA') ? kty === 'RSA' : kty === 'EC' || crv === 'X25519');
  return (jwks.keys as PublicJwk[]).some(isFor) ? null : `holds no key to encrypt to with ${algorithm}`;
}
