import type { ClientMetadata } from 'oidc-provider';

/** Our own account pages, as a client: whoever comes to them signs in by the same flow as everywhere. */
export const ACCOUNT_CLIENT_ID = 'latchkey-account';

/** Where the account pages take people back after signing in. The code in the address is never redeemed. */
export const ACCOUNT_SIGNED_IN_PATH = '/account/signed-in';

/**
 * Client metadata (RFC 7591) of the account pages, to be registered as built in. It is public and asks for `openid` alone, and the pages
 * throw the PKCE verifier away, so no token is ever issued to it.
 * @param issuerUrl the issuer, an origin without a path
 */
export function accountClientMetadata(issuerUrl: string): ClientMetadata & { client_id: string } {
  return {
    client_id: ACCOUNT_CLIENT_ID,
    client_name: 'Your account',
    client_uri: `${issuerUrl}/account`,
    application_type: 'web',
    redirect_uris: [`${issuerUrl}${ACCOUNT_SIGNED_IN_PATH}`],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    scope: 'openid',
    profile: 'default',
    first_party: true,
    require_pkce: true,
  };
}
