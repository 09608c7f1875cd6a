import { pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { readBytes } from './base64.js';
import type { PasswordScheme } from './schemes.js';

const derive = promisify(pbkdf2);

/** With SHA-512 about a second of a core, with SHA-256 half of one. OWASP asks for 600,000 with SHA-256. */
const MAX_ITERATIONS = 3_000_000;
/** A shorter digest would be met by chance; a longer one is no hash but a way to make the derivation long. */
const KEY = { min: 16, max: 64 };
const SALT = { min: 1, max: 256 };

type Parsed = { digest: 'sha1' | 'sha256' | 'sha512'; iterations: number; salt: Buffer; key: Buffer };

/** Django: `pbkdf2_sha256$ITERATIONS$SALT$BASE64`; the salt counts as the text it is. */
const DJANGO = /^pbkdf2_(sha1|sha256|sha512)\$([1-9]\d{0,9})\$([\x21-\x23\x25-\x7e]+)\$([^$]+)$/;
/** passlib and others: `$pbkdf2-sha256$ITERATIONS$SALT$HASH`, `$pbkdf2$` for SHA-1; PHC: `i=ITERATIONS` with an optional `,l=BYTES`. */
const MCF = /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?([1-9]\d{0,9})(?:,l=(\d{1,3}))?\$([^$]+)\$([^$]+)$/;

function parse(text: string): Parsed | null {
  const [, djangoDigest, djangoIterations, djangoSalt, djangoKey] = DJANGO.exec(text) ?? [];
  const [, mcfDigest = 'sha1', mcfIterations, bytes, mcfSalt = '', mcfKey = ''] = MCF.exec(text) ?? [];
  const salt = djangoSalt === undefined ? readBytes(mcfSalt, SALT) : Buffer.from(djangoSalt);
  const key = readBytes(djangoKey ?? mcfKey, KEY);
  if (!salt || salt.length > SALT.max || !key || (bytes !== undefined && Number(bytes) !== key.length)) return null;
  return { digest: (djangoDigest ?? mcfDigest) as Parsed['digest'], iterations: Number(djangoIterations ?? mcfIterations), salt, key };
}

/** PBKDF2 (RFC 8018) with HMAC of SHA-1, SHA-256 or SHA-512, as Django, passlib and PHC strings write it, on a thread of libuv's pool. */
export const pbkdf2Scheme: PasswordScheme = {
  recognises: (text) => (parse(text)?.iterations ?? Number.POSITIVE_INFINITY) <= MAX_ITERATIONS,
  async verify(text, password) {
    const parsed = parse(text);
    if (!parsed) return false;
    const { digest, iterations, salt, key } = parsed;
    return timingSafeEqual(await derive(password, salt, iterations, key.length, digest), key);
  },
  needsRehash: () => true,
  inspect(text) {
    const parsed = parse(text);
    return (
      parsed && { description: `pbkdf2-${parsed.digest}, ${parsed.iterations} iterations`, tooDear: parsed.iterations > MAX_ITERATIONS }
    );
  },
};
