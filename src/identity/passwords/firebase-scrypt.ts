import { createCipheriv, timingSafeEqual } from 'node:crypto';
import { readBytes } from './base64.js';
import type { PasswordScheme } from './schemes.js';
import { deriveKey, describeCosts, isTooDear, readCosts } from './scrypt-costs.js';

const SALT = { min: 1, max: 256 };
const KEY = { min: 16, max: 256 };

const FIREBASE = /^\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4}),ss=([^,$]+),sk=([^,$]+)\$([^$]+)\$([^$]+)$/;

function parseFirebase(text: string) {
  const [, n, r, p, separatorText = '', signerText = '', saltText = '', keyText = ''] = FIREBASE.exec(text) ?? [];
  const costs = readCosts(n, r, p);
  const separator = readBytes(separatorText, SALT);
  const signerKey = readBytes(signerText, KEY);
  const salt = readBytes(saltText, SALT);
  const key = readBytes(keyText, KEY);
  return costs && separator && signerKey && salt && key && signerKey.length === key.length
    ? { costs, salt: Buffer.concat([salt, separator]), signerKey, key }
    : null;
}

const FIREBASE_KEY_BYTES = 32;

/**
 * Firebase Authentication's scrypt (github.com/firebase/scrypt), in the form other servers take it:
 * `$fbscrypt$v=1,n=MEM_COST,r=ROUNDS,p=1,ss=SALT_SEPARATOR,sk=SIGNER_KEY$SALT$HASH`. The project's signer key, encrypted under what scrypt
 * derives (AES-256 in counter mode), is the hash.
 */
export const firebaseScryptScheme: PasswordScheme = {
  recognises(text) {
    const parsed = parseFirebase(text);
    return parsed !== null && !isTooDear(parsed.costs);
  },
  async verify(text, password) {
    const parsed = parseFirebase(text);
    if (!parsed) return false;
    const cipher = createCipheriv(
      'aes-256-ctr',
      await deriveKey(password, parsed.salt, FIREBASE_KEY_BYTES, parsed.costs),
      Buffer.alloc(16),
    );
    return timingSafeEqual(Buffer.concat([cipher.update(parsed.signerKey), cipher.final()]), parsed.key);
  },
  needsRehash: () => true,
  inspect(text) {
    const parsed = parseFirebase(text);
    return parsed && { description: `firebase scrypt, ${describeCosts(parsed.costs)}`, tooDear: isTooDear(parsed.costs) };
  },
};
