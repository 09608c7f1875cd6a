import { z } from 'zod';
import { authenticationContexts } from '../authentication-contexts/index.js';
import { scopeNamePattern } from '../resources/index.js';
import { ASSERTION_ALGORITHMS, CONTENT_ENCRYPTIONS, capabilities, ENCRYPTION_ALGORITHMS, PROFILE_NAMES } from './capabilities.js';
import { CERTIFICATE_METHODS, certificateMembers } from './certificates.js';
import { clientJwks } from './keys.js';
import { findOriginFault, findRedirectUriFault, findWebUriFault } from './redirect-uris.js';

/** Visible ASCII (RFC 6749, appendix A.1) that needs no escaping anywhere it is shown. */
export const clientIdPattern = /^[\x21\x23-\x25\x28-\x3b\x3d\x3f-\x5b\x5d-\x5f\x61-\x7e]{1,200}$/;
const MAX_URIS = 50;
/** No lifetime outlives the time for which keys stay published. */
const MAX_TOKEN_TTL_SECONDS = 86_400;
const MAX_REFRESH_TTL_SECONDS = 365 * 86_400;

/** Control characters, and those that turn or hide neighbouring text: a name is shown where people decide. */
const displayable = /^[^\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]*$/u;

const faultOf = (find: (value: string) => string | null) =>
  z.string().superRefine((value, context) => {
    const fault = find(value);
    if (fault) context.addIssue(fault);
  });

const link = faultOf((uri) => findWebUriFault(uri, { httpsOnly: false }));
const loaded = faultOf((uri) => findWebUriFault(uri, { httpsOnly: true }));
/** Where even this machine has to use https: the library asks for it. */
const secured = faultOf((uri) => findWebUriFault(uri, { httpsOnly: true }) ?? (uri.startsWith('https:') ? null : 'must use https'));
const unique = (values: readonly string[], context: z.RefinementCtx) => {
  for (const [index, value] of values.entries()) {
    if (values.indexOf(value) < index) context.addIssue({ code: 'custom', path: [index], message: 'is there twice' });
  }
};
/** The length is looked at before the entries: a list of ten thousand has one fault. */
const listOf = <T extends z.ZodType<string>>(entry: T, max: number) =>
  z
    .array(z.unknown())
    .max(max, `must have at most ${max} entries`)
    .pipe(z.array(entry).superRefine((values, context) => unique(values, context)));
const choiceOf = (allowed: readonly string[], what: string) =>
  z.string().superRefine((value, context) => {
    if (!allowed.includes(value)) context.addIssue(`is not ${what}: use ${allowed.join(', ')}`);
  });
const encryption = choiceOf(ENCRYPTION_ALGORITHMS, 'how answers are encrypted here');
const contentEncryption = choiceOf(CONTENT_ENCRYPTIONS, 'how content is encrypted here');
const seconds = (max: number) => z.int().min(1, 'must be at least 1 second').max(max, `must be at most ${max} seconds`);

/** How something of ours is signed for a client; whether the server has a key for it depends on its settings. */
const signature = z.string().superRefine((value, context) => {
  if (value.startsWith('HS')) context.addIssue('symmetric signing is off: whoever verifies could sign as well');
  else if (value === 'none') context.addIssue('must not be none: what this server says is always signed');
});

/** How something of the client's is signed. */
const assertionAlgorithm = z.string().superRefine((value, context) => {
  if (value.startsWith('HS')) context.addIssue('symmetric signing is off: it needs the secret in clear on both sides');
  else if (!(ASSERTION_ALGORITHMS as readonly string[]).includes(value))
    context.addIssue(`is not an algorithm that is accepted here: use ${ASSERTION_ALGORITHMS.join(', ')}`);
});

const identifiers = listOf(z.string().max(512), MAX_URIS);
const tokenExchangePolicy = z.strictObject({
  /** for which the client may have tokens */
  audiences: identifiers,
  /** whose tokens it may come with, besides its own: those that it serves */
  subject_audiences: identifiers.default([]),
  /** without an actor: whoever gets the token sees the person alone */
  impersonation: z.boolean().default(false),
  /** with an actor, who is named in the token */
  delegation: z.boolean().default(false),
});

/** Client metadata as it is given: RFC 7591 names, and ours. Redirect URIs depend on the kind of application and are checked after the profile is applied. */
export const clientMetadataSchema = z.object({
  client_id: z
    .string()
    .regex(clientIdPattern, 'must be 1 to 200 visible ASCII characters without spaces, quotes, angle brackets and backslashes')
    .optional(),
  client_secret: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'must be 1 to 512 visible ASCII characters without spaces')
    .optional(),
  client_name: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(100, 'must have at most 100 characters')
    .regex(displayable, 'must not contain control characters, or such as change the direction of text')
    .optional(),
  client_uri: link.optional(),
  logo_uri: loaded.optional(),
  policy_uri: link.optional(),
  tos_uri: link.optional(),
  initiate_login_uri: secured.optional(),
  backchannel_logout_uri: loaded.optional(),
  backchannel_logout_session_required: z.boolean().optional(),
  backchannel_token_delivery_mode: z
    .string()
    .superRefine((value, context) => {
      if (value === 'push') context.addIssue('push is not offered: tokens are collected at the token endpoint; use poll or ping');
      else if (value !== 'poll' && value !== 'ping') context.addIssue('is not a delivery mode: use poll or ping');
    })
    .optional(),
  backchannel_client_notification_endpoint: secured.optional(),
  backchannel_authentication_request_signing_alg: assertionAlgorithm.optional(),
  contacts: listOf(z.email('must be an e-mail address'), 20).optional(),
  application_type: choiceOf(['web', 'native'], 'a kind of application').optional(),
  redirect_uris: listOf(z.string(), MAX_URIS).optional(),
  post_logout_redirect_uris: listOf(z.string(), MAX_URIS).optional(),
  token_endpoint_auth_method: z
    .string()
    .superRefine((value, context) => {
      if (value === 'client_secret_jwt') context.addIssue('client_secret_jwt is off: it needs the secret in clear on both sides');
      else if (!(capabilities.authMethods as readonly string[]).includes(value) && !CERTIFICATE_METHODS.has(value)) {
        context.addIssue(`is not a method this server offers: use ${capabilities.authMethods.join(', ')}`);
      }
    })
    .optional(),
  token_endpoint_auth_signing_alg: assertionAlgorithm.optional(),
  request_object_signing_alg: assertionAlgorithm.optional(),
  require_signed_request_object: z.boolean().optional(),
  jwks: clientJwks.optional(),
  jwks_uri: loaded.optional(),
  grant_types: listOf(
    faultOf((value) => {
      if ((capabilities.grantTypes as readonly string[]).includes(value)) return null;
      if (value === 'implicit') return 'the implicit grant is off: use authorization_code with PKCE';
      if (value === 'password') return 'the password grant is off: use authorization_code with PKCE';
      return `is not a grant this server offers: use ${capabilities.grantTypes.join(', ')}`;
    }),
    20,
  ).optional(),
  response_types: listOf(
    faultOf((value) => (value === 'code' ? null : 'only "code" is offered; there is no implicit flow')),
    5,
  ).optional(),
  scope: faultOf((value) => {
    const names = value.split(' ');
    if (names.length > 200) return 'must have at most 200 scopes';
    return names.every((name) => scopeNamePattern.test(name)) ? null : 'must be scopes separated by single spaces';
  }).optional(),
  id_token_signed_response_alg: signature.optional(),
  authorization_signed_response_alg: signature.optional(),
  userinfo_signed_response_alg: signature.optional(),
  introspection_signed_response_alg: signature.optional(),
  id_token_encrypted_response_alg: encryption.optional(),
  id_token_encrypted_response_enc: contentEncryption.optional(),
  userinfo_encrypted_response_alg: encryption.optional(),
  userinfo_encrypted_response_enc: contentEncryption.optional(),
  introspection_encrypted_response_alg: encryption.optional(),
  introspection_encrypted_response_enc: contentEncryption.optional(),
  authorization_encrypted_response_alg: encryption.optional(),
  authorization_encrypted_response_enc: contentEncryption.optional(),
  subject_type: choiceOf(['public', 'pairwise'], 'a kind of subject this server offers').optional(),
  sector_identifier_uri: secured.optional(),
  require_auth_time: z.boolean().optional(),
  ...certificateMembers,
  require_pushed_authorization_requests: z.boolean().optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
  authorization_details_types: listOf(z.string().min(1).max(128), 20).optional(),
  default_acr_values: listOf(choiceOf(authenticationContexts.names, 'a class of sign-ins that can be had here'), 10).optional(),
  default_max_age: z.int().min(0).max(MAX_REFRESH_TTL_SECONDS).optional(),
  software_id: z.string().max(200).regex(displayable).optional(),
  software_version: z.string().max(100).regex(displayable).optional(),

  profile: choiceOf(PROFILE_NAMES, 'a profile').optional(),
  first_party: z.boolean().optional(),
  require_pkce: z.boolean().optional(),
  default_resource: z.string().max(512).optional(),
  allowed_cors_origins: listOf(faultOf(findOriginFault), MAX_URIS).optional(),
  token_exchange: tokenExchangePolicy.optional(),
  access_token_ttl_seconds: seconds(MAX_TOKEN_TTL_SECONDS).optional(),
  refresh_token_ttl_seconds: seconds(MAX_REFRESH_TTL_SECONDS).optional(),
  id_token_ttl_seconds: seconds(MAX_TOKEN_TTL_SECONDS).optional(),
});

/** What a client may exchange (RFC 8693). Resource servers are named by their identifiers. */
export type TokenExchangePolicy = z.output<typeof tokenExchangePolicy>;

export type GivenMetadata = z.output<typeof clientMetadataSchema>;

/** What is wrong with the redirect URIs of an application of a kind. */
export function findRedirectFaults(
  name: 'redirect_uris' | 'post_logout_redirect_uris',
  uris: readonly string[],
  rule: { applicationType: string; anyScheme: boolean },
): { path: string; message: string }[] {
  return uris.flatMap((uri, index) => {
    const message = findRedirectUriFault(uri, rule);
    return message ? [{ path: `${name}[${index}]`, message }] : [];
  });
}
