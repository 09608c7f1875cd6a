import type { ClientMetadata } from 'oidc-provider';
import type { Resource } from '../resources/index.js';

/** Whom the JSON API's tokens are issued to. An operator may change its lifetimes; its secret never leaves the server. */
export const FIRST_PARTY_CLIENT_ID = 'latchkey-api';

/** What every token of the JSON API may do: act for its account at our own APIs. */
export const FIRST_PARTY_SCOPE = 'account';

/** The audience of tokens for our own APIs. @param issuerUrl the issuer, an origin without a path */
export const firstPartyAudience = (issuerUrl: string): string => `${issuerUrl}/api`;

/** Our own APIs as a resource server. Its tokens say what their owner may do; others are for first-party clients only. */
export const firstPartyResource = (issuerUrl: string): Resource => ({
  identifier: firstPartyAudience(issuerUrl),
  name: 'Accounts',
  scopes: [{ name: FIRST_PARTY_SCOPE, description: 'Act for your account' }],
  accessTokenFormat: 'jwt',
  accessTokenTtlSeconds: null,
  accessTokenClaims: ['roles', 'permissions'],
  firstPartyOnly: true,
});

/** Client metadata (RFC 7591) of the built-in client. It has a secret, so that nobody outside can speak for it at any endpoint. */
export function firstPartyClientMetadata(): ClientMetadata & { client_id: string } {
  return {
    client_id: FIRST_PARTY_CLIENT_ID,
    client_name: 'Accounts API',
    application_type: 'web',
    redirect_uris: [],
    grant_types: ['refresh_token'],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: FIRST_PARTY_SCOPE,
    profile: 'default',
    first_party: true,
  };
}
