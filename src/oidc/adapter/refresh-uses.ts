import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose';
import Provider, { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { now } from '../../platform/clock.js';
import { idHashOf } from './artifact-rows.js';

/** Grants that exchange the refresh token in their `refresh_token` parameter. */
const refreshingGrants = new Set(['refresh_token']);

/** What a refresh token was exchanged for, and by whom: the key or certificate that request proved, '' for none. */
export type Exchange = { successor: string; sender: string };

/** What one request that refreshes knows about the token it brings. */
export type RefreshUse = {
  idHash: string;
  /** When the request read the token: this is when it is taken to use it, however long the rest takes. */
  readAtMs: number;
  /** The library has decided to use the token up; that happens with the save of its successor. */
  consuming: boolean;
  /** Somebody used the token before, and its successor is to be told again. */
  exchange?: Exchange;
  /** Somebody used the token before, and a second use is not forgiven (any more). */
  reused?: { consumedAt: Date; grantId: string; accountId: string | undefined; clientId: string | undefined };
};

export type RefreshUses = {
  /** Begins to follow the use of a token, if the request of this moment was sent to refresh with it. Introspection and revocation are not. */
  begin(tokenId: string): RefreshUse | undefined;
  /** The use that the request of this moment makes, if it makes one. */
  current(): RefreshUse | undefined;
  /** The key or certificate of the request of this moment, '' for none. The library has checked it by the time it is asked for. */
  sender(): Promise<string>;
  /**
   * Whether the library shall exchange the token. Not when this is a retry inside the reuse window, which gets the same successor again.
   * @throws InvalidGrant for a retry with another key or certificate than the first use
   */
  rotates(ctx: KoaContextWithOIDC): Promise<boolean>;
  /** The successor that an answer must carry instead of what the library would say; undefined when the library is right. */
  successorFor(ctx: KoaContextWithOIDC): string | undefined;
};

/**
 * Follows the use of a refresh token through one request, from reading it to the answer. The only place that looks into the library's context
 * for it: the adapter's `find` is the same call for a refresh, an introspection and a revocation.
 * @param certificateThumbprint of the request's client certificate, where mutual TLS is on
 */
export function createRefreshUses({
  certificateThumbprint,
}: {
  certificateThumbprint?: (ctx: KoaContextWithOIDC) => string | undefined;
} = {}): RefreshUses {
  const uses = new WeakMap<KoaContextWithOIDC, RefreshUse>();
  const current = () => (Provider.ctx ? uses.get(Provider.ctx) : undefined);
  const senderOf = async (ctx: KoaContextWithOIDC) =>
    [await proofThumbprint(ctx.get('DPoP')), certificateThumbprint?.(ctx) ?? ''].filter((thumbprint) => thumbprint !== '').join(' ');
  return {
    current,
    begin(tokenId) {
      const { ctx } = Provider;
      if (ctx?.oidc.route !== 'token') return undefined;
      const { grant_type: grantType, refresh_token: presented } = ctx.oidc.params ?? {};
      if (presented !== tokenId || !refreshingGrants.has(String(grantType))) return undefined;
      const use: RefreshUse = { idHash: idHashOf(tokenId), readAtMs: now(), consuming: false };
      uses.set(ctx, use);
      return use;
    },
    sender: async () => (Provider.ctx ? senderOf(Provider.ctx) : ''),
    async rotates(ctx) {
      const exchange = uses.get(ctx)?.exchange;
      if (!exchange) return true;
      if (exchange.sender !== (await senderOf(ctx))) throw new errors.InvalidGrant('used already with another key');
      return false;
    },
    successorFor: (ctx) => uses.get(ctx)?.exchange?.successor,
  };
}

/** '' without a proof, and for what is none: then the library has not asked for one, or has refused the request. */
async function proofThumbprint(proof: string): Promise<string> {
  if (proof === '') return '';
  try {
    const { jwk } = decodeProtectedHeader(proof);
    return jwk ? `jkt:${await calculateJwkThumbprint(jwk)}` : '';
  } catch {
    return '';
  }
}
