import type { ClientMetadata } from './metadata.js';
import type { Profile } from './profiles.js';

/** FAPI 2.0 Security Profile, section 5.4.1: what JWTs are signed with. */
const ALGORITHMS: ReadonlySet<string> = new Set(['PS256', 'ES256', 'EdDSA', 'Ed25519']);
const GRANTS: ReadonlySet<string> = new Set(['authorization_code', 'refresh_token', 'client_credentials']);
/** Section 5.3.2.1: mutual TLS or `private_key_jwt`. */
const METHODS: ReadonlySet<string> = new Set(['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth']);

/** What a client of the profile is signed with unless it says otherwise: the first of the server's algorithms that the profile allows. */
export const fapiAlgorithmOf = (signingAlgs: readonly string[]): string | undefined => signingAlgs.find((alg) => ALGORITHMS.has(alg));

const signatureMembers = (metadata: ClientMetadata) =>
  Object.entries(metadata).filter(([name]) => name.endsWith('_signed_response_alg') || name.endsWith('_signing_alg'));

/**
 * A client under the FAPI 2.0 Security Profile: what it must have registered, so that the server, which holds each client to its own metadata,
 * holds it to the profile. What is not metadata stands where it is done: lifetimes.ts, client-assertions.ts, request-objects.ts,
 * refresh-rotation.ts, resource-access.ts.
 */
export const FAPI2: Profile = {
  defaults: {
    application_type: 'web',
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['authorization_code', 'refresh_token'],
    require_pushed_authorization_requests: true,
  },
  defaultsFor(given, signingAlgs) {
    const alg = fapiAlgorithmOf(signingAlgs);
    return {
      ...(given.tls_client_certificate_bound_access_tokens ? {} : { dpop_bound_access_tokens: true }),
      ...(alg ? { id_token_signed_response_alg: alg, authorization_signed_response_alg: alg } : {}),
    };
  },
  requires: [
    {
      member: 'token_endpoint_auth_method',
      holds: ({ token_endpoint_auth_method: method }) => METHODS.has(method),
      message: 'must be private_key_jwt, tls_client_auth or self_signed_tls_client_auth',
    },
    { member: 'require_pkce', holds: (metadata) => metadata.require_pkce, message: 'must not be false: this profile always uses PKCE' },
    {
      member: 'require_pushed_authorization_requests',
      holds: (metadata) => metadata.require_pushed_authorization_requests === true,
      message: 'must not be false: requests are pushed',
    },
    {
      member: 'dpop_bound_access_tokens',
      holds: ({ dpop_bound_access_tokens: dpop, tls_client_certificate_bound_access_tokens: certificate }) => Boolean(dpop || certificate),
      message: 'or tls_client_certificate_bound_access_tokens must be true: tokens are bound to a key',
    },
    {
      member: 'grant_types',
      holds: (metadata) => metadata.grant_types.every((grant) => GRANTS.has(grant)),
      message: `must be among ${[...GRANTS].join(', ')}`,
    },
    {
      member: 'redirect_uris',
      holds: (metadata) => metadata.redirect_uris.every((uri) => uri.startsWith('https:')),
      message: 'must all use https',
    },
    {
      member: 'id_token_signed_response_alg',
      holds: (metadata) => signatureMembers(metadata).every(([, alg]) => alg === undefined || ALGORITHMS.has(String(alg))),
      message: `and every other algorithm of a signature must be among ${[...ALGORITHMS].join(', ')}`,
    },
  ],
};
