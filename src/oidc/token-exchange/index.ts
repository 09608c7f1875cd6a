/**
 * Owns: token exchange (RFC 8693): with which tokens a service may come, what it gets for them, and how the result tells who acts for whom.
 * Does not own: client authentication and the token endpoint (oidc-provider), whether a token is still good (jwt-access-tokens, adapter).
 */
import type { AccessToken, ClientCredentials } from 'oidc-provider';
import type { ProviderExtension } from '../provider.js';
import { createExchange, type ExchangeDeps, type Exchanged } from './exchange.js';
import { TOKEN_EXCHANGE } from './policy.js';

export type TokenExchange = {
  extension: ProviderExtension;
  /** What a token that was made here says beyond the others: who acts, and whose grant it rests on. */
  claimsOf(token: AccessToken | ClientCredentials): Record<string, unknown> | undefined;
};

const PARAMETERS = [
  'audience',
  'resource',
  'scope',
  'requested_token_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
];

export function createTokenExchange(deps: Omit<ExchangeDeps, 'exchanged'>): TokenExchange {
  const exchanged: Exchanged = new WeakMap();
  return {
    claimsOf: (token) => exchanged.get(token),
    extension(provider) {
      const exchange = createExchange({ ...deps, exchanged });
      provider.registerGrantType(TOKEN_EXCHANGE, (ctx) => exchange(provider, ctx), PARAMETERS, ['audience', 'resource']);
    },
  };
}
