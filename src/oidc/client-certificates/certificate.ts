import { X509Certificate } from 'node:crypto';

const MAX_CHARS = 16_384;
const PEM = /^-----BEGIN CERTIFICATE-----\r?\n(?:[A-Za-z0-9+/=]{1,76}\r?\n)+-----END CERTIFICATE-----\r?\n?$/;
/** RFC 9440: a byte sequence of structured fields, between colons. */
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+={0,2}):$/;

/**
 * The certificate in a header: PEM, URL-encoded (nginx, `$ssl_client_escaped_cert`), or DER in base64 between colons (RFC 9440). Undefined for
 * anything else: two certificates, a header that was appended to another, none.
 */
export function readCertificate(text: string): X509Certificate | undefined {
  if (text === '' || text.length > MAX_CHARS) return undefined;
  const encoded = BYTE_SEQUENCE.exec(text)?.[1];
  try {
    if (encoded !== undefined) return new X509Certificate(Buffer.from(encoded, 'base64'));
    const pem = decodeURIComponent(text);
    return PEM.test(pem) ? new X509Certificate(pem) : undefined;
  } catch {
    // What does not decode or parse is no certificate; the library answers as if none had come.
    return undefined;
  }
}
