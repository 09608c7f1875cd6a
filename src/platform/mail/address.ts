import { AppError } from '../errors.js';

/**
 * One address, as it stands in an envelope. Anything that could end a header, start a second recipient or a display name is refused: an
 * address comes from strangers, and a mail library should not be the one to judge.
 * @throws AppError `mail.invalid_address`
 */
export function requireMailAddress(address: string): string {
  if (address.length > 254 || !/^[^\s@<>()[\]\\,;:"\p{Cc}]+@[^\s@<>()\\,;"\p{Cc}]+$/u.test(address)) {
    throw new AppError('mail.invalid_address', 500, 'This is not an address a mail can be sent to.');
  }
  return address;
}

/** One line for a header: control characters and line separators become spaces. */
export function headerLine(text: string, maxChars = 200): string {
  return text
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, maxChars);
}
