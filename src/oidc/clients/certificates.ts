import { isIP } from 'node:net';
import { z } from 'zod';
import type { ErrorDetail } from '../../platform/errors.js';
import { findDistinguishedNameFault, readCertificate } from '../client-certificates/index.js';
import type { ClientMetadata } from './metadata.js';

/** What the installation can do with certificates: read them at all, and tell those of an authority that its proxy trusts. */
export type MutualTls = { certificates: boolean; authority: boolean };

/** Methods by which a client authenticates with a certificate (RFC 8705, section 2). */
export const CERTIFICATE_METHODS: ReadonlySet<string> = new Set(['tls_client_auth', 'self_signed_tls_client_auth']);

const text = (find: (value: string) => string | null) =>
  z.string().superRefine((value, context) => {
    const fault = find(value);
    if (fault) context.addIssue(fault);
  });

/** How a client is named by its certificate (RFC 8705, section 2.1.2). */
const subjectMembers = {
  tls_client_auth_subject_dn: text(findDistinguishedNameFault).optional(),
  tls_client_auth_san_dns: z
    .string()
    .max(253)
    .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/i, 'must be a host name without wildcards')
    .optional(),
  tls_client_auth_san_uri: text((uri) => (uri.length <= 2048 && URL.canParse(uri) ? null : 'must be a URI')).optional(),
  tls_client_auth_san_ip: text((ip) => (isIP(ip) === 0 ? 'must be an IP address' : null)).optional(),
  tls_client_auth_san_email: z.email('must be an e-mail address').optional(),
};

/** The members of RFC 8705. */
export const certificateMembers = { ...subjectMembers, tls_client_certificate_bound_access_tokens: z.boolean().optional() };

/** The key of a certificate that a client may show; `x5c` begins with it (RFC 7517, section 4.7). */
const holdsCertificate = ({ x5c }: Record<string, unknown>): boolean =>
  Array.isArray(x5c) && typeof x5c[0] === 'string' && readCertificate(`:${x5c[0]}:`) !== undefined;

/** Rules of RFC 8705 between members, and with what the installation can do. */
export function findCertificateFaults(metadata: ClientMetadata, mutualTls: MutualTls | undefined): ErrorDetail[] {
  const faults: ErrorDetail[] = [];
  const add = (path: string, message: string) => faults.push({ path, message });
  const { token_endpoint_auth_method: method, tls_client_certificate_bound_access_tokens: bound } = metadata;
  const named = (Object.keys(subjectMembers) as (keyof typeof subjectMembers)[]).filter((name) => metadata[name] !== undefined);
  if (method === 'tls_client_auth' && named.length !== 1)
    add(
      named[1] ?? 'tls_client_auth_subject_dn',
      `exactly one of ${Object.keys(subjectMembers).join(', ')} is needed with tls_client_auth`,
    );
  if (method !== 'tls_client_auth' && named[0]) add(named[0], 'is for token_endpoint_auth_method tls_client_auth; leave it out');
  if (method === 'self_signed_tls_client_auth' && !metadata.jwks_uri && !metadata.jwks?.keys.some(holdsCertificate))
    add(
      'jwks',
      'or jwks_uri is needed with self_signed_tls_client_auth, with a key that has its certificate in x5c (RFC 8705, section 2.2.2)',
    );
  if (bound && metadata.dpop_bound_access_tokens)
    add('tls_client_certificate_bound_access_tokens', 'and dpop_bound_access_tokens exclude each other: a token is bound to one key');
  if (!mutualTls) return faults;
  if (CERTIFICATE_METHODS.has(method) && !mutualTls.certificates)
    add('token_endpoint_auth_method', 'needs mutual TLS, which is off: set TRUST_PROXY and CLIENT_CERTIFICATE_HEADER');
  else if (method === 'tls_client_auth' && !mutualTls.authority)
    add('token_endpoint_auth_method', 'needs a proxy that verifies certificates: set CLIENT_CERTIFICATE_VERIFIED_HEADER');
  if (bound && !mutualTls.certificates)
    add('tls_client_certificate_bound_access_tokens', 'needs mutual TLS, which is off: set TRUST_PROXY and CLIENT_CERTIFICATE_HEADER');
  return faults;
}
