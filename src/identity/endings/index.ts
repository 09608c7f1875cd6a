/**
 * Owns: what an account loses when it is ended, reset or handed to the person its address belongs to, and in which order.
 * Does not own: when that happens (recovery, registration, accounts), how each thing ends (whoever keeps it).
 */
import type { ApiKeys } from '../api-keys/index.js';
import type { ConsentForgetter } from '../consent-forgetter.js';
import type { OneTimeTokens } from '../one-time-tokens/index.js';
import type { SessionEnder } from '../session-ender.js';

/** None of these may be called inside a transaction. Each can be repeated. */
export type Endings = {
  /** Sessions, grants and tokens, then API keys, then an e-mail change that waits. @returns how many API keys there were */
  endEverything(accountId: string): Promise<{ apiKeys: number }>;
  /**
   * The same, and consents that were given: the account is handed to the owner of its address, and whoever had it before leaves nothing in it.
   * @returns how many API keys there were
   */
  endPredecessor(accountId: string): Promise<{ apiKeys: number }>;
};

export type EndingsDeps = {
  sessions: SessionEnder;
  consents: ConsentForgetter;
  apiKeys: Pick<ApiKeys, 'revokeAll'>;
  tokens: Pick<OneTimeTokens, 'consumeAll'>;
};

export function createEndings({ sessions, consents, apiKeys, tokens }: EndingsDeps): Endings {
  const endEverything: Endings['endEverything'] = async (accountId) => {
    // First, because it is what stops requests in flight: they carry the session or the generation that ends here, and give nothing any more.
    await sessions.endAll(accountId);
    await tokens.consumeAll('email_change', { accountId });
    return { apiKeys: await apiKeys.revokeAll(accountId) };
  };
  return {
    endEverything,
    async endPredecessor(accountId) {
      const ended = await endEverything(accountId);
      await consents.forgetAll(accountId);
      return ended;
    },
  };
}
