import { createLocalJWKSet, errors, type JWK, type JWTPayload, jwtVerify } from 'jose';
import { nowDate } from '../../platform/clock.js';
import { isKey } from '../adapter/index.js';
import type { JwtAccessTokenRepository } from './repository.js';

/** A token whose signature, issuer, type and times are right: what it says is what we said. */
export type JwtAccessToken = {
  jti: string;
  clientId: string;
  /** null for a client's own token (client_credentials) */
  grantId: string | null;
  /** whose grant that is, where another client got the token for one of that client's (RFC 8693) */
  grantClientId: string | null;
  issuedAtSeconds: number;
  expiresAtSeconds: number;
  claims: JWTPayload;
};

/** One that is good at this moment. */
export type LivingJwtAccessToken = JwtAccessToken & {
  /** Whose its grant is; null for a client's own token. Not `sub`, which may be a name for this client alone (pairwise). */
  accountId: string | null;
};

export type JwtAccessTokens = {
  /**
   * The token if it is one of ours and still good at this moment: not expired, and its grant alive, or for a client's own token the client
   * there, not told to begin anew since, and the token not revoked. Null for everything else, whatever the reason.
   */
  find(token: string): Promise<LivingJwtAccessToken | null>;
  /**
   * Ends a token that `find` gave: its grant with everything of it, or alone a client's own token and one that rests on another client's grant.
   * @returns the grant that was ended
   */
  revoke(token: JwtAccessToken): Promise<{ grantId: string | null }>;
};

type Deps = {
  issuerUrl: string;
  keys: () => { version: number; publicJwks: { keys: JWK[] } };
  refreshKeys: () => Promise<void>;
  repository: JwtAccessTokenRepository;
  grants: { revoke(grantId: string): Promise<unknown> };
};

export function createJwtAccessTokenService({ issuerUrl, keys, refreshKeys, repository, grants }: Deps): JwtAccessTokens {
  let keyset: { version: number; find: ReturnType<typeof createLocalJWKSet>; algorithms: string[] } | undefined;
  const currentKeyset = () => {
    const { version, publicJwks } = keys();
    if (keyset?.version !== version) {
      const algorithms = [...new Set(publicJwks.keys.flatMap(({ alg }) => alg ?? []))];
      keyset = { version, find: createLocalJWKSet(publicJwks), algorithms };
    }
    return keyset;
  };

  /** `typ` tells access tokens from ID tokens, which are signed with the same keys (RFC 9068, section 4). */
  async function verify(token: string, { again = false } = {}): Promise<JwtAccessToken | null> {
    const { find, algorithms, version } = currentKeyset();
    try {
      const { payload } = await jwtVerify(token, find, {
        issuer: issuerUrl,
        typ: 'at+jwt',
        algorithms,
        requiredClaims: ['exp', 'iat', 'jti', 'client_id', 'aud', 'sub'],
        currentDate: nowDate(),
      });
      return read(payload);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey && !again) {
        // Another process may have begun to sign with a key that this one has not heard of yet.
        await refreshKeys();
        if (currentKeyset().version !== version) return verify(token, { again: true });
      }
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }

  async function findStanding(token: JwtAccessToken): Promise<LivingJwtAccessToken | null> {
    const { clientId, grantId, grantClientId } = token;
    if (grantId === null) return (await isOwnStanding(token)) ? { ...token, accountId: null } : null;
    const accountId = await repository.findGrantAccount(grantId, grantClientId ?? clientId);
    if (accountId === null) return null;
    // Whoever got a token for a token of somebody else's grant has to stand by itself as well.
    return grantClientId === null || (await isOwnStanding(token)) ? { ...token, accountId } : null;
  }

  async function isOwnStanding({ jti, clientId, issuedAtSeconds }: JwtAccessToken): Promise<boolean> {
    const standing = await repository.findStanding(clientId, jti);
    if (!standing || standing.revoked) return false;
    // `iat` has no fractions. A client of the same id that was made later is another one; one that was told to begin anew loses that second.
    const { createdAt, tokensNotBefore } = standing;
    const madeBefore = issuedAtSeconds < Math.floor(createdAt.getTime() / 1000);
    return !madeBefore && (tokensNotBefore === null || issuedAtSeconds * 1000 > tokensNotBefore.getTime());
  }

  return {
    async find(token) {
      const verified = await verify(token);
      return verified && findStanding(verified);
    },
    async revoke({ jti, clientId, grantId, grantClientId, expiresAtSeconds }) {
      if (grantId !== null && grantClientId === null) {
        await grants.revoke(grantId);
        return { grantId };
      }
      await repository.deny({ jti, clientId, expiresAt: new Date(expiresAtSeconds * 1000) });
      return { grantId: null };
    },
  };
}

/** A client's own token has the client for its subject, and no grant. One that has neither belongs to nobody. */
function read(claims: JWTPayload): JwtAccessToken | null {
  const { jti, client_id: clientId, grant_id: grantId, grant_client_id: grantClient, iat, exp, sub } = claims;
  if (!isKey(jti) || !isKey(clientId) || iat === undefined || exp === undefined) return null;
  const isOwn = grantId === undefined && sub === clientId;
  if (!isOwn && !isKey(grantId)) return null;
  const grantClientId = !isOwn && isKey(grantClient) && grantClient !== clientId ? grantClient : null;
  return { jti, clientId, grantId: isOwn ? null : String(grantId), grantClientId, issuedAtSeconds: iat, expiresAtSeconds: exp, claims };
}
