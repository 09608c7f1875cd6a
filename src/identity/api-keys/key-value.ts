import { randomBytes } from 'node:crypto';
import { randomId } from '../../platform/crypto/index.js';

/**
 * `lk_` (so that people, and programs that look for leaked secrets, see what it is), eight hexadecimal digits to tell keys apart by, and 256
 * random bits. Prefix and digits are no secret.
 */
const FORM = /^lk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$/;

export const isKeyValue = (text: string): boolean => FORM.test(text);

/** A new key, and the part of it that lists show. */
export function makeKeyValue(): { key: string; prefix: string } {
  const prefix = `lk_${randomBytes(4).toString('hex')}`;
  return { key: `${prefix}_${randomId(32)}`, prefix };
}
