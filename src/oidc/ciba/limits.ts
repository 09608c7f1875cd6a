import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { Limit, RateLimiter } from '../../platform/limits/index.js';

/** Questions that one application may put to one person. Told by what the application wrote, known or not. */
const PER_PERSON: Limit = { points: 5, windowSeconds: 600 };
/** Questions that reach an account, whoever asks. Past it nobody is told and nobody is asked, or applications would learn what other applications ask. */
const PER_ACCOUNT: Limit = { points: 10, windowSeconds: 3600 };

export type CibaLimits = {
  /** @throws `slow_down` with status 429 */
  takeOfClient(ctx: KoaContextWithOIDC): Promise<void>;
  /** @param hint whom the application means, as it says it. @throws `slow_down` with status 429 */
  takeOfPerson(ctx: KoaContextWithOIDC, hint: string): Promise<void>;
  /** Whether the account may be asked once more. */
  takeOfAccount(accountId: string): Promise<boolean>;
};

export function createCibaLimits({
  limits,
  requestsPerMinute,
}: {
  limits: Pick<RateLimiter, 'consume'>;
  requestsPerMinute: number;
}): CibaLimits {
  const perClient: Limit = { points: requestsPerMinute, windowSeconds: 60 };
  async function take(ctx: KoaContextWithOIDC, key: string, limit: Limit, description: string) {
    const { allowed, retryAfterSeconds } = await limits.consume(key, limit);
    if (allowed) return;
    ctx.set('Retry-After', String(Math.max(1, retryAfterSeconds)));
    throw Object.assign(new errors.CustomOIDCProviderError('slow_down', description), { status: 429, statusCode: 429 });
  }
  const clientOf = (ctx: KoaContextWithOIDC) => ctx.oidc.client?.clientId;
  return {
    takeOfClient: (ctx) => take(ctx, `backchannel requests of ${clientOf(ctx)}`, perClient, 'too many requests of this client'),
    takeOfPerson: (ctx, hint) =>
      take(ctx, `backchannel requests of ${clientOf(ctx)} to ${hint}`, PER_PERSON, 'too many requests to this person'),
    takeOfAccount: async (accountId) => (await limits.consume(`backchannel questions to ${accountId}`, PER_ACCOUNT)).allowed,
  };
}
