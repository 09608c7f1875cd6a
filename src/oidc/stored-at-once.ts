import { Provider } from 'oidc-provider';
import type { TokenWrites } from './adapter/index.js';
import { tellingUnavailable } from './unavailable.js';

type Registration<Params extends object> = Parameters<typeof Provider.prototype.registerGrantType<Params>>;

/** Grants that use up what they bring. */
const EXCHANGES: ReadonlySet<string> = new Set(['authorization_code', 'refresh_token']);

/**
 * The library's provider, whose grants that exchange one thing for others store all of it when they are done. Inside of the handler, as the library
 * has it, so that what cannot be stored is refused like what fails in it, and nothing is reported that was not stored.
 */
export function createExchangingProvider({ storeAfter }: Pick<TokenWrites, 'storeAfter'>): typeof Provider {
  return class ExchangingProvider extends Provider {
    // The library's constructor registers its own grants by this.
    override registerGrantType<Params extends object>(...[name, handler, ...rest]: Registration<Params>): void {
      // What the handler asks elsewhere, as the keys of a client, may be out of reach without the database being so.
      const exchange: typeof handler = (ctx) => storeAfter(async () => handler(ctx), tellingUnavailable);
      super.registerGrantType(name, EXCHANGES.has(name) ? exchange : handler, ...rest);
    }
  };
}
