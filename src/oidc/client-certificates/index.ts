/**
 * Owns: the certificate that a client showed to the proxy in front (mutual TLS, RFC 8705): reading it from the header the proxy sends, and
 * comparing its subject with what a client registered.
 * Does not own: who may set that header (platform/http/admission takes it off all other requests), verifying the chain (the proxy),
 * binding tokens to it and authenticating clients by it (oidc-provider).
 */
import { createHash, type X509Certificate } from 'node:crypto';
import type { ClientAuthMethod, Configuration } from 'oidc-provider';
import { readCertificate } from './certificate.js';
import { type SubjectMember, subjectMatches } from './subject.js';

export { readCertificate } from './certificate.js';
export { findDistinguishedNameFault } from './subject.js';

/** The part of a request that is looked at. */
type Headers = { get(name: string): string };

export type ClientCertificates = {
  /** oidc-provider's `mTLS` feature; off without a header */
  feature: NonNullable<NonNullable<Configuration['features']>['mTLS']>;
  /** how clients may authenticate with a certificate here */
  authMethods: ClientAuthMethod[];
  /** SHA-256 of the request's certificate in base64url, as `x5t#S256`; undefined without one */
  thumbprint(request: Headers): string | undefined;
};

/**
 * @param settings.header names the header with the certificate; without it everything is off
 * @param settings.verifiedHeader names the header that says `SUCCESS` for a certificate of an authority the proxy trusts; without it no client
 *   can be known by the name in its certificate
 */
export function createClientCertificates({
  header,
  verifiedHeader,
}: {
  header: string | undefined;
  verifiedHeader: string | undefined;
}): ClientCertificates {
  if (header === undefined) return { feature: { enabled: false }, authMethods: [], thumbprint: () => undefined };
  const certificateOf = (request: Headers): X509Certificate | undefined => readCertificate(request.get(header));
  return {
    feature: {
      enabled: true,
      certificateBoundAccessTokens: true,
      selfSignedTlsClientAuth: true,
      tlsClientAuth: verifiedHeader !== undefined,
      getCertificate: (ctx) => certificateOf(ctx),
      certificateAuthorized: (ctx) => verifiedHeader !== undefined && ctx.get(verifiedHeader) === 'SUCCESS',
      certificateSubjectMatches: (ctx, member, expected) => {
        const certificate = certificateOf(ctx);
        return certificate !== undefined && subjectMatches(certificate, member as SubjectMember, expected);
      },
    },
    authMethods: verifiedHeader === undefined ? ['self_signed_tls_client_auth'] : ['tls_client_auth', 'self_signed_tls_client_auth'],
    thumbprint(request) {
      const certificate = certificateOf(request);
      return certificate && createHash('sha256').update(certificate.raw).digest('base64url');
    },
  };
}
