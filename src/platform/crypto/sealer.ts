import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { drawBytes } from './hash.js';

/** The version, for another way of sealing one day. */
const PREFIX = '1.';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Sealed text that does not open: altered, moved to another row, or sealed under another key. */
export class SealError extends Error {
  constructor(options?: { cause?: unknown }) {
    super('sealed text does not open: wrong key, wrong place, or altered', options);
    this.name = 'SealError';
  }
}

/** Seals text with AES-256-GCM. `context` says where the text belongs; it opens in no other place. */
export type Sealer = {
  seal(plaintext: string, context: string): string;
  /** @throws SealError */
  open(sealed: string, context: string): string;
};

/** @param key 32 bytes */
export function createSealer(key: Buffer): Sealer {
  if (key.length !== 32) throw new TypeError('a sealing key is 32 bytes');
  // A Buffer would be imported anew for each text.
  const secretKey = createSecretKey(key);
  return {
    seal(plaintext, context) {
      // Not secret, but never twice under one key.
      const iv = drawBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', secretKey, iv);
      cipher.setAAD(Buffer.from(context));
      const body = cipher.update(plaintext, 'utf8');
      // A stream cipher holds nothing back: this makes the tag.
      cipher.final();
      return `${PREFIX}${Buffer.concat([iv, body, cipher.getAuthTag()]).toString('base64url')}`;
    },
    open(sealed, context) {
      if (!sealed.startsWith(PREFIX)) throw new SealError();
      const bytes = Buffer.from(sealed.slice(PREFIX.length), 'base64url');
      if (bytes.length < IV_BYTES + TAG_BYTES) throw new SealError();
      const decipher = createDecipheriv('aes-256-gcm', secretKey, bytes.subarray(0, IV_BYTES));
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
      try {
        const plaintext = decipher.update(bytes.subarray(IV_BYTES, bytes.length - TAG_BYTES));
        decipher.final();
        return plaintext.toString();
      } catch (cause) {
        throw new SealError({ cause });
      }
    },
  };
}
