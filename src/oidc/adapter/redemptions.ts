import Provider, { type KoaContextWithOIDC } from 'oidc-provider';

/** Which requests have used a code up themselves: what they were given stands for them, whatever became of it a moment later. */
export type Redemptions = { note(): void; isOfThisRequest(): boolean };

/**
 * The library looks for the grant of a device code, or of a backchannel request, only after it has used that up. Of many polls at the same moment those that come too late end
 * that grant, and it would be gone for the one that came first: nobody would win. See `isFirstFruit`.
 */
export function createRedemptions(): Redemptions {
  const redeemed = new WeakSet<KoaContextWithOIDC>();
  return {
    note() {
      if (Provider.ctx) redeemed.add(Provider.ctx);
    },
    isOfThisRequest: () => Provider.ctx !== undefined && redeemed.has(Provider.ctx),
  };
}
