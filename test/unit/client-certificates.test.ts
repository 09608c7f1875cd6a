import type { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../src/oidc/client-certificates/certificate.js';
import { findDistinguishedNameFault, type SubjectMember, subjectMatches } from '../../src/oidc/client-certificates/subject.js';
import { createCertificate } from '../support/certificates.js';

describe('a certificate in a header', () => {
  const { header, bytes, thumbprint } = createCertificate();
  const pem = decodeURIComponent(header);

  it('is read as nginx sends it and as RFC 9440 has it', () => {
    for (const text of [header, bytes]) {
      const certificate = readCertificate(text) as X509Certificate;
      expect(Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')).toBe(thumbprint);
    }
  });

  it.each([
    ['nothing', ''],
    ['the word null', '(null)'],
    ['two certificates', encodeURIComponent(pem + pem)],
    ['a header appended to another', `${header}, ${header}`],
    ['text before it', encodeURIComponent(`x\n${pem}`)],
    ['a broken escape', `%E0%A4%A${header}`],
    ['a certificate cut short', header.slice(0, -60)],
    ['an altered certificate', encodeURIComponent(pem.replace(/\n.{10}/, '\nAAAAAAAAAA'))],
    ['a public key', encodeURIComponent('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n')],
    ['bytes that are none', ':AAAA:'],
    ['no end', ':AAAA'],
    ['far too much', 'A'.repeat(100_000)],
  ])('is none when it is %s', (_what, text) => {
    expect(readCertificate(text)).toBeUndefined();
  });
});

describe('a client is known by its certificate', () => {
  const { header } = createCertificate({
    subject: [
      ['C', 'DE'],
      ['O', 'Example, Inc.\nCN=forged'],
      ['CN', 'shöp'],
    ],
    names: [
      { kind: 'dns', value: 'shop.example.com' },
      { kind: 'uri', value: 'https://shop.example.com/id' },
      { kind: 'uri', value: 'urn:a, URI:urn:forged' },
      { kind: 'ip', value: '192.0.2.7' },
      { kind: 'email', value: 'shop@example.com' },
    ],
  });
  const certificate = readCertificate(header) as X509Certificate;
  const wild = readCertificate(createCertificate({ names: [{ kind: 'dns', value: '*.example.com' }] }).header) as X509Certificate;

  it.each<[SubjectMember, string]>([
    ['tls_client_auth_subject_dn', 'CN=shöp,O=Example\\, Inc.\\0ACN=forged,C=DE'],
    ['tls_client_auth_subject_dn', 'cn=sh\\C3\\B6p, o=Example\\2C Inc.\\0aCN\\3Dforged, c=DE'],
    ['tls_client_auth_san_dns', 'shop.example.com'],
    ['tls_client_auth_san_uri', 'https://shop.example.com/id'],
    ['tls_client_auth_san_uri', 'urn:a, URI:urn:forged'],
    ['tls_client_auth_san_ip', '192.0.2.7'],
    ['tls_client_auth_san_email', 'shop@example.com'],
  ])('%s %s', (member, expected) => expect(subjectMatches(certificate, member, expected)).toBe(true));

  it.each<[SubjectMember, string]>([
    ['tls_client_auth_subject_dn', 'C=DE,O=Example\\, Inc.\\0ACN=forged,CN=shöp'],
    ['tls_client_auth_subject_dn', 'CN=shöp'],
    ['tls_client_auth_subject_dn', 'CN=forged'],
    ['tls_client_auth_subject_dn', 'CN=SHÖP,O=Example\\, Inc.\\0ACN=forged,C=DE'],
    ['tls_client_auth_subject_dn', ''],
    ['tls_client_auth_san_dns', 'example.com'],
    ['tls_client_auth_san_dns', 'other.example.com'],
    ['tls_client_auth_san_dns', ''],
    ['tls_client_auth_san_uri', 'urn:forged'],
    ['tls_client_auth_san_uri', 'urn:a'],
    ['tls_client_auth_san_uri', ''],
    ['tls_client_auth_san_ip', '192.0.2.8'],
    ['tls_client_auth_san_email', 'shop@example.org'],
  ])('and not as %s %s', (member, expected) => expect(subjectMatches(certificate, member, expected)).toBe(false));

  it('and not by a wildcard, nor by a common name that looks like a host', () => {
    expect(subjectMatches(wild, 'tls_client_auth_san_dns', 'shop.example.com')).toBe(false);
    const common = readCertificate(createCertificate({ subject: [['CN', 'shop.example.com']] }).header) as X509Certificate;
    expect(subjectMatches(common, 'tls_client_auth_san_dns', 'shop.example.com')).toBe(false);
  });

  it.each(['', 'shop', 'CN=', 'CN=a+UID=b', '=a', 'CN=a,,O=b', 'x'.repeat(2000)])(
    'is not registered by a name that is none: %s',
    (text) => {
      expect(findDistinguishedNameFault(text)).not.toBeNull();
    },
  );
});
