/**
 * Base64 as password hashes carry it: with or without padding, and with `.` for `+` (passlib's ab64). null for what is none: Node would pass
 * over foreign characters without a word.
 */
export function decodeBase64(text: string): Buffer | null {
  if (!/^[A-Za-z0-9+/.]+={0,2}$/.test(text)) return null;
  const unpadded = text.replace(/=+$/, '');
  return unpadded.length % 4 === 1 ? null : Buffer.from(unpadded.replaceAll('.', '+'), 'base64');
}

/** Base64 of so many bytes; null for what is not. */
export function readBytes(text: string, { min, max }: { min: number; max: number }): Buffer | null {
  const bytes = decodeBase64(text);
  return bytes && bytes.length >= min && bytes.length <= max ? bytes : null;
}
