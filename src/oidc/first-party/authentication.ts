import type { JwtAccessTokens } from '../jwt-access-tokens/index.js';
import { FIRST_PARTY_SCOPE, firstPartyAudience } from './client.js';

/** A token that may act for an account at our own APIs, at this moment. */
export type FirstPartyToken = {
  accountId: string;
  /** the sign-in it comes from, as the list of sessions names it */
  sessionId: string;
  clientId: string;
  scopes: ReadonlySet<string>;
  expiresAt: Date;
};

/** Null for whatever is not good: another audience, an ended grant, a token that names no account or is bound to a key. Whether the account may act is not asked here. */
export type FirstPartyTokenCheck = (accessToken: string) => Promise<FirstPartyToken | null>;

export function createFirstPartyTokenCheck({
  issuerUrl,
  jwtAccessTokens,
}: {
  issuerUrl: string;
  jwtAccessTokens: Pick<JwtAccessTokens, 'find'>;
}): FirstPartyTokenCheck {
  const audience = firstPartyAudience(issuerUrl);
  return async (accessToken) => {
    const token = await jwtAccessTokens.find(accessToken);
    if (!token || token.grantId === null || token.accountId === null || token.claims.aud !== audience) return null;
    // Bound to a key or certificate that nobody shows here: as a mere bearer token it is worth nothing (RFC 9449, section 7.2).
    if (token.claims.cnf !== undefined) return null;
    const scopes = new Set(String(token.claims.scope ?? '').split(' '));
    if (!scopes.has(FIRST_PARTY_SCOPE)) return null;
    return {
      accountId: token.accountId,
      sessionId: token.grantId,
      clientId: token.clientId,
      scopes,
      expiresAt: new Date(token.expiresAtSeconds * 1000),
    };
  };
}
