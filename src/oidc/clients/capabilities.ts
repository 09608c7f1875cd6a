/** RFC 8628. */
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
/** OpenID Connect Client-Initiated Backchannel Authentication 1.0. */
export const CIBA = 'urn:openid:params:grant-type:ciba';
/** RFC 8693. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/**
 * What this server can do for a client. A member that would be stored and then not kept is worse than one that is refused, so what is not listed
 * here is refused by name. A feature that is added moves its members from `notYet` into the schema.
 */
export const capabilities = {
  authMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
  grantTypes: ['authorization_code', 'refresh_token', 'client_credentials', DEVICE_CODE, CIBA, TOKEN_EXCHANGE],
} as const;

/** What a client may sign its assertions with; the last two are names of one algorithm (RFC 9864). Symmetric algorithms are off: they need the secret in clear on both sides. */
export const ASSERTION_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'] as const;

/** How answers are encrypted to a client: to its public key, and then the content. Nothing symmetric: that needs the secret in clear on both sides. */
export const ENCRYPTION_ALGORITHMS = ['RSA-OAEP-256', 'ECDH-ES', 'ECDH-ES+A256KW'] as const;
export const CONTENT_ENCRYPTIONS = ['A256GCM', 'A128GCM', 'A256CBC-HS512', 'A128CBC-HS256'] as const;

/** The kinds of client that can be asked for by name; what they mean stands in profiles.ts. */
export const PROFILE_NAMES = ['default', 'spa', 'native', 'service', 'mcp', 'fapi2'] as const;
export type ClientProfile = (typeof PROFILE_NAMES)[number];

/** Methods by which a client shows a secret of ours. */
export const SECRET_METHODS: ReadonlySet<string> = new Set(['client_secret_basic', 'client_secret_post']);

/** Members of the RFCs that ask for something the server does not do. `false` and absence ask for nothing. */
export const notYet: ReadonlySet<string> = new Set([
  'backchannel_user_code_parameter',
  'frontchannel_logout_session_required',
  'frontchannel_logout_uri',
  'request_object_encryption_alg',
  'request_object_encryption_enc',
  'request_uris',
]);

/** Members that the server says about a client; a document that carries them back is read without them (RFC 7591, section 3.2.1). */
export const saidByServer: ReadonlySet<string> = new Set([
  'client_id_issued_at',
  'client_secret_expires_at',
  'registration_access_token',
  'registration_client_uri',
]);
