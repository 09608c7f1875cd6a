import { createHash } from 'node:crypto';
import { compactVerify, decodeJwt, decodeProtectedHeader, errors, type JWTVerifyGetKey } from 'jose';

export type Check = { name: string; ok: boolean; detail: string };

/** A JWT taken apart: what it says, and what became of each check. */
export type Checked = {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  checks: Check[];
  ok: boolean;
};

type Expectation = {
  /** Finds the issuer's public key by the `kid` of the token: jose's `createRemoteJWKSet`. */
  findKey: JWTVerifyGetKey;
  issuer: string;
  audience: string;
  /** Only these algorithms. Never take the token's word for how it was signed. */
  algorithms: string[];
  /** The `typ` header, where it tells one kind of JWT from another (RFC 9068: `at+jwt`). */
  type?: string;
  /** What was sent with the authorization request (ID tokens only). */
  nonce?: string;
  /** OpenID Connect Core 12.2: an ID token that comes from a refresh need not repeat the nonce. */
  nonceMayBeMissing?: boolean;
  /** The person the token has to be about, once that is known. */
  subject?: string;
};

/**
 * Verifies a JWT one check at a time, so that a page can show each of them.
 * Your own code needs one call for all of this, as in `orders-api.ts`:
 * `jwtVerify(token, findKey, { issuer, audience, algorithms, typ })`.
 */
export async function verifyStepByStep(token: string, expected: Expectation): Promise<Checked> {
  const decoded = decode(token);
  if (!decoded) {
    const check = { name: 'Form', ok: false, detail: 'this token is not a JWT' };
    return { header: {}, claims: {}, checks: [check], ok: false };
  }
  const { header, claims } = decoded;
  const checks: Check[] = [await checkSignature(token, header.kid, expected)];
  const add = (name: string, ok: boolean, detail: string) => checks.push({ name, ok, detail });

  if (expected.type) {
    const ok = typeof header.typ === 'string' && header.typ.toLowerCase() === expected.type;
    add('Type', ok, `typ is ${show(header.typ)}, so an ID token cannot pass for an access token`);
  }
  add('Issuer', claims.iss === expected.issuer, `iss is ${show(claims.iss)}`);
  const audiences = [claims.aud ?? []].flat();
  add('Audience', audiences.includes(expected.audience), `aud is ${show(audiences.join(', '))}`);
  const secondsLeft = (claims.exp ?? 0) - Math.floor(Date.now() / 1000);
  add('Expiry', secondsLeft > 0, `exp is ${describeExpiry(secondsLeft)}`);
  if (expected.nonce !== undefined) {
    const missing = claims.nonce === undefined && expected.nonceMayBeMissing === true;
    const ok = missing || claims.nonce === expected.nonce;
    add('Nonce', ok, missing ? 'not repeated after a refresh' : 'the one this browser left with');
  }
  if (expected.subject !== undefined) {
    add('Subject', claims.sub === expected.subject, 'sub is the person who signed in');
  }
  return { header: { ...header }, claims: { ...claims }, checks, ok: checks.every((c) => c.ok) };
}

function decode(token: string) {
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

async function checkSignature(token: string, kid: string | undefined, { findKey, algorithms }: Expectation): Promise<Check> {
  const name = 'Signature';
  try {
    const { protectedHeader } = await compactVerify(token, findKey, { algorithms });
    const key = `key ${show(protectedHeader.kid)} of the issuer's JWKS`;
    return { name, ok: true, detail: `${protectedHeader.alg}, made by ${key}` };
  } catch (error) {
    // That the keys could not be fetched says nothing about the token.
    if (!(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout) throw error;
    return { name, ok: false, detail: `not made by any published key (kid ${show(kid)})` };
  }
}

function show(value: unknown): string {
  return value === undefined || value === '' ? 'missing' : String(value);
}

function describeExpiry(secondsLeft: number): string {
  if (secondsLeft <= 0) return 'in the past';
  if (secondsLeft < 120) return `in ${secondsLeft} seconds`;
  return `in ${Math.floor(secondsLeft / 60)} minutes`;
}

/** Names a secret without showing it: the first 12 hexadecimal digits of its SHA-256. */
export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 12);
}
