import { type Command, Option } from 'commander';
import { collectWords, jsonText, wholeNumber } from './values.js';

/** How a flag becomes a member of client metadata. */
type Member = { member: string; flags: string; help: string; kind: 'text' | 'list' | 'number' | 'json' };

/** RFC 7591 names as flags; lists are given by repeating the flag, under its singular or its RFC name. */
const MEMBERS: readonly Member[] = [
  { member: 'client_name', flags: '--client-name <name>', help: 'name that people see', kind: 'text' },
  {
    member: 'redirect_uris',
    flags: '--redirect-uri, --redirect-uris <uri>',
    help: 'where sign-ins may return to; repeatable',
    kind: 'list',
  },
  {
    member: 'post_logout_redirect_uris',
    flags: '--post-logout-redirect-uri, --post-logout-redirect-uris <uri>',
    help: 'where sign-outs may return to; repeatable',
    kind: 'list',
  },
  {
    member: 'backchannel_logout_uri',
    flags: '--backchannel-logout-uri <uri>',
    help: 'is told when somebody signs out (OpenID Connect Back-Channel Logout)',
    kind: 'text',
  },
  {
    member: 'backchannel_token_delivery_mode',
    flags: '--backchannel-token-delivery-mode <mode>',
    help: 'how it hears that a person has answered (CIBA): poll (default) or ping',
    kind: 'text',
  },
  {
    member: 'backchannel_client_notification_endpoint',
    flags: '--backchannel-client-notification-endpoint <uri>',
    help: 'is told that a person has answered, with ping',
    kind: 'text',
  },
  {
    member: 'backchannel_authentication_request_signing_alg',
    flags: '--backchannel-authentication-request-signing-alg <alg>',
    help: 'the one algorithm of its signed backchannel requests, which it must sign then (default: none needed)',
    kind: 'text',
  },
  {
    member: 'grant_types',
    flags: '--grant-type, --grant-types <grant>',
    help:
      'authorization_code, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code, ' +
      'urn:openid:params:grant-type:ciba, urn:ietf:params:oauth:grant-type:token-exchange; repeatable',
    kind: 'list',
  },
  {
    member: 'response_types',
    flags: '--response-type, --response-types <type>',
    help: 'follows from the grants; repeatable',
    kind: 'list',
  },
  {
    member: 'scope',
    flags: '--scope <scopes>',
    help: 'the most it may ask for, separated by spaces (default: every scope a person may allow; none for client_credentials)',
    kind: 'text',
  },
  {
    member: 'token_endpoint_auth_method',
    flags: '--token-endpoint-auth-method <method>',
    help: 'client_secret_basic, client_secret_post, private_key_jwt, or none for a public client',
    kind: 'text',
  },
  {
    member: 'token_endpoint_auth_signing_alg',
    flags: '--token-endpoint-auth-signing-alg <alg>',
    help: 'the one algorithm of its assertions: RS256, PS256, ES256, Ed25519 or EdDSA (default: any of them)',
    kind: 'text',
  },
  {
    member: 'request_object_signing_alg',
    flags: '--request-object-signing-alg <alg>',
    help: 'the one algorithm of its request objects (default: any of them)',
    kind: 'text',
  },
  { member: 'jwks_uri', flags: '--jwks-uri <url>', help: 'where its public keys are', kind: 'text' },
  { member: 'jwks', flags: '--jwks <json>', help: 'its public keys as JSON: {"keys": [...]}', kind: 'json' },
  ...(['subject_dn', 'san_dns', 'san_uri', 'san_ip', 'san_email'] as const).map((name) => ({
    member: `tls_client_auth_${name}`,
    flags: `--tls-client-auth-${name.replace('_', '-')} <value>`,
    help: 'how its certificate names it, for tls_client_auth',
    kind: 'text' as const,
  })),
  { member: 'application_type', flags: '--application-type <type>', help: 'web or native', kind: 'text' },
  {
    member: 'profile',
    flags: '--profile <profile>',
    help:
      'default, spa, native, service, mcp or fapi2: sets what the others leave open. fapi2 holds the client to the FAPI 2.0 Security Profile: ' +
      'private_key_jwt or mutual TLS, pushed requests, PKCE, tokens bound to a key, no RS256, no rotation',
    kind: 'text',
  },
  {
    member: 'default_resource',
    flags: '--default-resource <identifier>',
    help: 'resource server its access tokens are for when it names none',
    kind: 'text',
  },
  {
    member: 'token_exchange',
    flags: '--token-exchange <json>',
    help: 'what it may exchange (RFC 8693): {"audiences": [...], "subject_audiences": [...], "impersonation": true, "delegation": true}',
    kind: 'json',
  },
  {
    member: 'access_token_ttl_seconds',
    flags: '--access-token-ttl-seconds <seconds>',
    help: 'lifetime of its access tokens',
    kind: 'number',
  },
  {
    member: 'refresh_token_ttl_seconds',
    flags: '--refresh-token-ttl-seconds <seconds>',
    help: 'lifetime of its refresh tokens',
    kind: 'number',
  },
  { member: 'id_token_ttl_seconds', flags: '--id-token-ttl-seconds <seconds>', help: 'lifetime of its ID tokens', kind: 'number' },
  { member: 'client_uri', flags: '--client-uri <url>', help: 'its home page', kind: 'text' },
  { member: 'logo_uri', flags: '--logo-uri <url>', help: 'its logo', kind: 'text' },
  { member: 'policy_uri', flags: '--policy-uri <url>', help: 'its privacy policy', kind: 'text' },
  { member: 'tos_uri', flags: '--tos-uri <url>', help: 'its terms of service', kind: 'text' },
  { member: 'contacts', flags: '--contact, --contacts <email>', help: 'whom to ask about it; repeatable', kind: 'list' },
  {
    member: 'allowed_cors_origins',
    flags: '--allowed-cors-origin, --allowed-cors-origins <origin>',
    help: 'origin of pages that may call the endpoints for it, beside those of redirect URIs; repeatable',
    kind: 'list',
  },
  { member: 'default_max_age', flags: '--default-max-age <seconds>', help: 'oldest sign-in it accepts', kind: 'number' },
  { member: 'initiate_login_uri', flags: '--initiate-login-uri <url>', help: 'where a sign-in that begins here is sent', kind: 'text' },
  {
    member: 'subject_type',
    flags: '--subject-type <type>',
    help: 'public, or pairwise: nobody is known to it under a name that others know',
    kind: 'text',
  },
  {
    member: 'sector_identifier_uri',
    flags: '--sector-identifier-uri <url>',
    help: 'JSON list of redirect URIs of clients that share pairwise subjects',
    kind: 'text',
  },
  {
    member: 'id_token_signed_response_alg',
    flags: '--id-token-signed-response-alg <alg>',
    help: 'how its ID tokens are signed',
    kind: 'text',
  },
  {
    member: 'authorization_signed_response_alg',
    flags: '--authorization-signed-response-alg <alg>',
    help: 'how authorization responses are signed where it asks for that (response_mode jwt)',
    kind: 'text',
  },
  {
    member: 'userinfo_signed_response_alg',
    flags: '--userinfo-signed-response-alg <alg>',
    help: 'userinfo as a JWT, signed with this',
    kind: 'text',
  },
  {
    member: 'introspection_signed_response_alg',
    flags: '--introspection-signed-response-alg <alg>',
    help: 'how introspection answers are signed when it asks for JWTs',
    kind: 'text',
  },
  ...(['id-token', 'userinfo', 'introspection', 'authorization'] as const).flatMap((answer): Member[] => {
    const member = `${answer.replace('-', '_')}_encrypted_response`;
    return [
      {
        member: `${member}_alg`,
        flags: `--${answer}-encrypted-response-alg <alg>`,
        help: 'encrypted to its key: RSA-OAEP-256, ECDH-ES or ECDH-ES+A256KW',
        kind: 'text',
      },
      { member: `${member}_enc`, flags: `--${answer}-encrypted-response-enc <enc>`, help: 'and its content: A256GCM ...', kind: 'text' },
    ];
  }),
];

const SWITCHES: readonly { member: string; name: string; on: string; off: string }[] = [
  { member: 'first_party', name: 'first-party', on: 'ours: people are not asked for consent', off: 'not ours: consent is asked' },
  { member: 'require_pkce', name: 'require-pkce', on: 'PKCE is required', off: 'exempts a confidential client from PKCE' },
  {
    member: 'require_auth_time',
    name: 'require-auth-time',
    on: 'auth_time is always in its ID tokens',
    off: 'auth_time only where it is asked for',
  },
  {
    member: 'require_signed_request_object',
    name: 'require-signed-request-object',
    on: 'its authorization requests must be signed (JAR, RFC 9101)',
    off: 'authorization requests may be unsigned',
  },
  {
    member: 'require_pushed_authorization_requests',
    name: 'require-pushed-authorization-requests',
    on: 'its authorization requests must come through /par (RFC 9126)',
    off: 'authorization requests may come in the address',
  },
  {
    member: 'tls_client_certificate_bound_access_tokens',
    name: 'tls-client-certificate-bound-access-tokens',
    on: 'its tokens are bound to its certificate (mutual TLS, RFC 8705)',
    off: 'its tokens are not bound to a certificate',
  },
  {
    member: 'dpop_bound_access_tokens',
    name: 'dpop-bound-access-tokens',
    on: 'its tokens are always bound to a key (DPoP, RFC 9449)',
    off: 'its tokens are bound to a key where it proves one',
  },
];

const number = wholeNumber({ min: 0, max: 9_999_999_999, what: 'a whole number' });

/** Adds the flags of client metadata to a command. */
export function addMetadataOptions(command: Command): Command {
  for (const { flags, help, kind } of MEMBERS) {
    const option = new Option(flags, help);
    if (kind === 'number') option.argParser(number);
    if (kind === 'list') option.argParser(collectWords);
    if (kind === 'json') option.argParser(jsonText);
    command.addOption(option);
  }
  for (const { name, on, off } of SWITCHES) command.option(`--${name}`, on).option(`--no-${name}`, off);
  return command;
}

/** Client metadata from parsed flags. Only what was given; with `nullIfEmpty` an empty text takes the member away. */
export function readMetadata(options: Record<string, unknown>, { nullIfEmpty }: { nullIfEmpty: boolean }): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const { member } of [...MEMBERS, ...SWITCHES]) {
    const value = options[member.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())];
    if (value === undefined) continue;
    given[member] = nullIfEmpty && value === '' ? null : value;
  }
  return given;
}
