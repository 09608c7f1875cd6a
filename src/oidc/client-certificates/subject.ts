import type { X509Certificate } from 'node:crypto';

/** How a client may be named by its certificate (RFC 8705, section 2.1.2). */
export type SubjectMember =
  | 'tls_client_auth_subject_dn'
  | 'tls_client_auth_san_dns'
  | 'tls_client_auth_san_uri'
  | 'tls_client_auth_san_ip'
  | 'tls_client_auth_san_email';

/** Whether a certificate names a client as the client registered it. Exact: no wildcards, no name taken from elsewhere in the certificate. */
export function subjectMatches(certificate: X509Certificate, member: SubjectMember, expected: string): boolean {
  switch (member) {
    case 'tls_client_auth_subject_dn':
      return sameNames(namesOfSubject(certificate.subject), parseDistinguishedName(expected));
    case 'tls_client_auth_san_dns':
      return certificate.checkHost(expected, { subject: 'never', wildcards: false }) !== undefined;
    case 'tls_client_auth_san_ip':
      return certificate.checkIP(expected) !== undefined;
    case 'tls_client_auth_san_email':
      return certificate.checkEmail(expected, { subject: 'never' }) !== undefined;
    case 'tls_client_auth_san_uri':
      return alternativeUris(certificate.subjectAltName ?? '').includes(expected);
    default:
      return false;
  }
}

/** What is wrong with a distinguished name as a client registers it (RFC 4514: `CN=shop,O=Example,C=DE`), or null. */
export function findDistinguishedNameFault(text: string): string | null {
  if (text.length > 1000) return 'must have at most 1000 characters';
  if (parseDistinguishedName(text)) return null;
  return 'must be a distinguished name as RFC 4514 writes it, most particular name first: CN=shop,O=Example,C=DE';
}

type Name = { type: string; value: string };

const sameNames = (one: Name[] | undefined, other: Name[] | undefined): boolean =>
  one !== undefined &&
  other !== undefined &&
  one.length > 0 &&
  one.length === other.length &&
  one.every(({ type, value }, index) => type === other[index]?.type && value === other[index].value);

/** Node writes one name to a line, as the certificate has them: the most general first. Values are escaped as in RFC 2253, line ends too. */
function namesOfSubject(subject: string): Name[] | undefined {
  const names = (subject ?? '').split('\n').map(parseName);
  return names.every((name) => name !== undefined) ? names.reverse() : undefined;
}

/** RFC 4514, with one name to each part: a part of several (`CN=a+UID=b`) is not understood, so nothing matches it. */
function parseDistinguishedName(text: string): Name[] | undefined {
  const names = text.split(/(?<!\\),/).map(parseName);
  return names.every((name) => name !== undefined) ? names : undefined;
}

function parseName(text: string): Name | undefined {
  const match = /^\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=\s*(.*?)\s*$/s.exec(text);
  const value = match?.[2] ?? '';
  if (!match?.[1] || value === '' || /(?<!\\)[+"<>;]/.test(value)) return undefined;
  return { type: match[1].toUpperCase(), value: plainTextOf(value) };
}

/** `\2C` is a byte in hexadecimal, `\,` the character itself. */
function plainTextOf(value: string): string {
  const bytes: Buffer[] = [];
  for (const [part] of value.matchAll(/\\[0-9A-Fa-f]{2}|\\.|[^\\]+|\\/gs)) {
    bytes.push(/^\\[0-9A-Fa-f]{2}$/.test(part) ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part.replace(/^\\(?=.)/s, '')));
  }
  return Buffer.concat(bytes).toString('utf8');
}

/** Node quotes, as JSON, each value that could be taken for more than one. */
function alternativeUris(subjectAltName: string): string[] {
  const uris: string[] = [];
  for (const [, kind, value = ''] of subjectAltName.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?=, |$)/g)) {
    if (kind === 'URI') uris.push(value.startsWith('"') ? String(JSON.parse(value)) : value);
  }
  return uris;
}
