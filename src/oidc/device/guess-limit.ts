import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { type Limit, networkOf, type RateLimiter } from '../../platform/limits/index.js';
import type { ProviderExtension } from '../provider.js';
import type { DevicePages } from './feature.js';

type Middleware = Parameters<Provider['use']>[0];

/** A browser that enters more than this many wrong codes while a code lives is not somebody who mistyped. */
const PER_SESSION: Limit = { points: 10, windowSeconds: 600 };

export type GuessLimit = {
  extension: ProviderExtension;
  /** What this request entered is no code of any device. */
  noteWrong(ctx: KoaContextWithOIDC): void;
};

/**
 * Codes are short, so guessing them is limited (RFC 8628, section 5.1), for each network and each browser. A point is taken before the code is looked
 * up and given back if it was right: however many guesses come at the same moment, only as many as there are points are looked up.
 */
export function createGuessLimit({
  limits,
  pages,
  wrongCodesPerMinute,
  paths,
}: {
  limits: Pick<RateLimiter, 'consume' | 'giveBack'>;
  pages: Pick<DevicePages, 'refused'>;
  wrongCodesPerMinute: number;
  paths: { entry: string; authorization: string };
}): GuessLimit {
  const wrong = new WeakSet<object>();
  const perNetwork: Limit = { points: wrongCodesPerMinute, windowSeconds: 60 };
  return {
    noteWrong: (ctx) => wrong.add(ctx.req),
    extension(provider) {
      provider.use((ctx, next) => {
        // Whatever else the router may take for the page is counted as well.
        const enters = ctx.method === 'POST' && ctx.path.startsWith(paths.entry) && ctx.path !== paths.authorization;
        return enters ? limited(ctx, next) : next();
      });

      async function limited(ctx: Parameters<Middleware>[0], next: () => Promise<void>): Promise<void> {
        const session = ctx.cookies.get(provider.cookieName('session'));
        const counted: [key: string, limit: Limit][] = [[`device codes from ${networkOf(ctx.ip)}`, perNetwork]];
        if (session) counted.push([`device codes in session ${session}`, PER_SESSION]);
        const taken: string[] = [];
        for (const [key, limit] of counted) {
          const { allowed, retryAfterSeconds } = await limits.consume(key, limit);
          if (!allowed) {
            await Promise.all(taken.map(limits.giveBack));
            return pages.refused(ctx as KoaContextWithOIDC, { code: 'device.rate_limited', status: 429, retryAfterSeconds });
          }
          taken.push(key);
        }
        await next();
        if (!wrong.has(ctx.req)) await Promise.all(taken.map(limits.giveBack));
      }
    },
  };
}
