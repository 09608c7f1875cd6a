import { createHash } from 'node:crypto';
import { verify } from '@node-rs/bcrypt';
import type { PasswordScheme } from './schemes.js';

/** Cost 14 takes a core most of a second; each step doubles it. */
const MAX_COST = 14;
const MIN_COST = 4;

const MCF = /^(bcrypt_sha256\$|bcrypt\$)?(\$2[abxy]\$(\d{2})\$[./A-Za-z0-9]{53})$/;

function parse(text: string): { prehashed: boolean; hash: string; cost: number } | null {
  const [, prefix, hash, cost] = MCF.exec(text) ?? [];
  if (hash === undefined || Number(cost) < MIN_COST || Number(cost) > 31) return null;
  return { prehashed: prefix === 'bcrypt_sha256$', hash, cost: Number(cost) };
}

/**
 * bcrypt in Modular Crypt Format (`$2a$`, `$2b$`, `$2x$`, `$2y$`), also as Django writes it (`bcrypt$$2b$...`, and `bcrypt_sha256$$2b$...` of
 * the password's SHA-256 in hex). What bcrypt is, an imported hash stays until it is upgraded: bytes past the 72nd do not count. `$2x$` marks
 * hashes of a library that got bytes above 127 wrong; they match passwords in ASCII only.
 */
export const bcryptScheme: PasswordScheme = {
  recognises: (text) => (parse(text)?.cost ?? Number.POSITIVE_INFINITY) <= MAX_COST,
  async verify(text, password) {
    const parsed = parse(text);
    if (!parsed) return false;
    const ok = await verify(parsed.prehashed ? createHash('sha256').update(password).digest('hex') : password, parsed.hash);
    // Elsewhere NUL ends a password. Here the key is repeated after one, so that `a\0a` would pass for `a`.
    return ok && !password.includes('\0');
  },
  needsRehash: () => true,
  inspect(text) {
    const parsed = parse(text);
    return parsed && { description: `bcrypt, cost ${parsed.cost}`, tooDear: parsed.cost > MAX_COST };
  },
};
