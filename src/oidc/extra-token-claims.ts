import type { AccessToken, ClientCredentials, KoaContextWithOIDC } from 'oidc-provider';
import { authenticationContexts, signInClaimsOf } from './authentication-contexts/index.js';
import type { RightsOf } from './claims.js';
import type { ResourceServerInfo } from './resource-access.js';
import type { TokenExchange } from './token-exchange/index.js';

type Deps = {
  roles: { rightsOf: RightsOf };
  findResource(identifier: string): ResourceServerInfo | undefined;
  tokenExchange: Pick<TokenExchange, 'claimsOf'>;
};

/**
 * What our access tokens say beyond RFC 9068. The grant's name lets introspection and our own APIs ask whether a JWT's grant is still alive; an
 * opaque token's is in our database, and what stood here the library's introspection would tell. When and how the person signed in is there for both
 * (RFC 9470, section 6). Roles and permissions are there where the resource server asked for them, as they are at this moment.
 */
export function createExtraTokenClaims({ roles: accounts, findResource, tokenExchange }: Deps) {
  return async (ctx: KoaContextWithOIDC, token: AccessToken | ClientCredentials): Promise<Record<string, unknown> | undefined> => {
    if (!('grantId' in token) || !token.grantId) return undefined;
    const isJwt = token.resourceServer?.accessTokenFormat === 'jwt';
    const claims = {
      ...signInClaimsOf(ctx, authenticationContexts),
      ...(isJwt ? { grant_id: token.grantId, ...tokenExchange.claimsOf(token) } : {}),
    };
    const asked = token.aud === undefined ? [] : (findResource(String(token.aud))?.accessTokenClaims ?? []);
    if (asked.length === 0) return claims;
    const { roles, permissions } = await accounts.rightsOf(token.accountId);
    return { ...claims, ...(asked.includes('roles') ? { roles } : {}), ...(asked.includes('permissions') ? { permissions } : {}) };
  };
}
