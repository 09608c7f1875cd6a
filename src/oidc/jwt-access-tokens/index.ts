/**
 * Owns: whether a JWT access token of ours (RFC 9068) is still good, and ending one before its time. JWTs are not stored, so oidc-provider
 * knows nothing of them after they are made; its introspection and revocation endpoints are extended here (RFC 7662, RFC 7009).
 * Does not own: making them (oidc-provider), the keys they are signed with (signing-keys), the grants they come from (grants).
 */
import type { JWK } from 'jose';
import type { Database } from '../../platform/db/index.js';
import { createJwtAccessTokenRepository } from './repository.js';
import { createJwtAccessTokenService, type JwtAccessTokens } from './service.js';

export { answerForJwts } from './endpoints.js';
export type { JwtAccessToken, JwtAccessTokens } from './service.js';

/**
 * @param deps.keys the public keys that may have signed a living token: active, retired and next
 * @param deps.refreshKeys looks now whether there are others; asked for a token that none of them has signed
 */
export function createJwtAccessTokens(deps: {
  db: Database;
  issuerUrl: string;
  keys: () => { version: number; publicJwks: { keys: JWK[] } };
  refreshKeys: () => Promise<void>;
  grants: { revoke(grantId: string): Promise<unknown> };
}): JwtAccessTokens {
  return createJwtAccessTokenService({ ...deps, repository: createJwtAccessTokenRepository({ db: deps.db }) });
}
