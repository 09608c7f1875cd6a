import { randomUUID } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export type SigningKey = { alg: string; kid: string; privateKey: CryptoKey; publicJwk: JWK };

/** A key of a client, whose public part goes into its metadata or to its `jwks_uri`. */
export async function makeKey(alg = 'ES256', kid: string = randomUUID()): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid } };
}

export type AssertionClaims = { iss?: unknown; sub?: unknown; aud?: unknown; exp?: unknown; jti?: unknown; nbf?: number; iat?: number };

/** A client assertion (RFC 7523) as a proper client makes it, apart from what is given; undefined leaves a claim out. */
export function signAssertion(
  { clientId, issuer, key }: { clientId: string; issuer: string; key: SigningKey },
  claims: AssertionClaims = {},
  header: { alg?: string; kid?: string | undefined } = {},
): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000);
  const payload = { iss: clientId, sub: clientId, aud: issuer, jti: randomUUID(), iat: seconds, exp: seconds + 60, ...claims };
  return new SignJWT(payload as Record<string, unknown>)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header } as { alg: string })
    .sign(key.privateKey);
}
