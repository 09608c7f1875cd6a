import type { AccessToken, ClientCredentials, KoaContextWithOIDC } from 'oidc-provider';
import type { Account } from '../identity/index.js';
import { authenticationContexts, signInClaimsOf } from './authentication-contexts/index.js';
import type { PermissionsOf } from './claims.js';
import type { ResourceServerInfo } from './resource-access.js';
import type { TokenExchange } from './token-exchange/index.js';

type Deps = {
  findAccount(accountId: string): Promise<Account | null>;
  findResource(identifier: string): ResourceServerInfo | undefined;
  permissionsOf: PermissionsOf;
  tokenExchange: Pick<TokenExchange, 'claimsOf'>;
};

/**
 * What our access tokens say beyond RFC 9068. The grant's name lets introspection and our own APIs ask whether a JWT's grant is still alive; an
 * opaque token's is in our database, and what stood here the library's introspection would tell. When and how the person signed in is there for both
 * (RFC 9470, section 6). Roles and permissions are there where the resource server asked for them, as they are at this moment.
 */
export function createExtraTokenClaims({ findAccount, findResource, permissionsOf, tokenExchange }: Deps) {
  return async (ctx: KoaContextWithOIDC, token: AccessToken | ClientCredentials): Promise<Record<string, unknown> | undefined> => {
    if (!('grantId' in token) || !token.grantId) return undefined;
    const isJwt = token.resourceServer?.accessTokenFormat === 'jwt';
    const claims = {
      ...signInClaimsOf(ctx, authenticationContexts),
      ...(isJwt ? { grant_id: token.grantId, ...tokenExchange.claimsOf(token) } : {}),
    };
    const asked = token.aud === undefined ? [] : (findResource(String(token.aud))?.accessTokenClaims ?? []);
    if (asked.length === 0) return claims;
    return {
      ...claims,
      ...(asked.includes('roles') ? { roles: (await findAccount(token.accountId))?.roles ?? [] } : {}),
      ...(asked.includes('permissions') ? { permissions: await permissionsOf(token.accountId) } : {}),
    };
  };
}
