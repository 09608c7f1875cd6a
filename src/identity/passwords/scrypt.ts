import { timingSafeEqual } from 'node:crypto';
import { readBytes } from './base64.js';
import type { PasswordScheme } from './schemes.js';
import { deriveKey, describeCosts, isTooDear, readCosts, type ScryptCosts } from './scrypt-costs.js';

const KEY = { min: 16, max: 64 };
const SALT = { min: 1, max: 256 };

const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})\$([^$]+)\$([^$]+)$/;
/** Django: `scrypt$N$SALT$r$p$BASE64`; the salt counts as the text it is. */
const DJANGO = /^scrypt\$(\d{1,20})\$([\x21-\x23\x25-\x7e]+)\$(\d{1,4})\$(\d{1,4})\$([^$]+)$/;

function parse(text: string): { costs: ScryptCosts; salt: Buffer; key: Buffer } | null {
  const [, ln, r, p, phcSalt = '', phcKey = ''] = PHC.exec(text) ?? [];
  const [, n, djangoSalt, djangoR, djangoP, djangoKey = ''] = DJANGO.exec(text) ?? [];
  const logN = n === undefined ? ln : String(Math.log2(Number(n)));
  const costs = Number.isInteger(Number(logN)) ? readCosts(logN, r ?? djangoR, p ?? djangoP) : null;
  const salt = djangoSalt === undefined ? readBytes(phcSalt, SALT) : Buffer.from(djangoSalt);
  const key = readBytes(phcKey || djangoKey, KEY);
  return costs && salt && salt.length <= SALT.max && key ? { costs, salt, key } : null;
}

/** scrypt (RFC 7914) as PHC strings (`$scrypt$ln=16,r=8,p=1$SALT$HASH`, passlib's too) and as Django writes it, on a thread of libuv's pool. */
export const scryptScheme: PasswordScheme = {
  recognises(text) {
    const parsed = parse(text);
    return parsed !== null && !isTooDear(parsed.costs);
  },
  async verify(text, password) {
    const parsed = parse(text);
    if (!parsed) return false;
    return timingSafeEqual(await deriveKey(password, parsed.salt, parsed.key.length, parsed.costs), parsed.key);
  },
  needsRehash: () => true,
  inspect(text) {
    const parsed = parse(text);
    return parsed && { description: `scrypt, ${describeCosts(parsed.costs)}`, tooDear: isTooDear(parsed.costs) };
  },
};
