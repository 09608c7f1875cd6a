/**
 * Owns: how often one network and one account have new passwords judged: judging takes time on the event loop, even where it ends in a refusal,
 * and what it may take altogether is shared by everybody.
 * Does not own: what a password must be (passwords).
 */
import { AppError } from '../../platform/errors.js';
import { type Limit, networkOf, type RateLimiter } from '../../platform/limits/index.js';
import type { Passwords } from '../passwords/index.js';

/** Who has a password judged: the account that acts, if one does, and where from. */
export type Asker = { accountId?: string | undefined; ip?: string | undefined };

export type PasswordJudgement = {
  /**
   * @param words what an attacker who knows the person tries first
   * @param asker null: an operator at the command line, whom nothing limits
   * @throws AppError `passwords.too_short|too_long|too_common|too_weak|breached` 422, `passwords.rate_limited` 429, `passwords.busy` 503
   */
  requireAcceptable(password: string, words: readonly string[], asker: Asker | null): Promise<void>;
};

const NETWORK_LIMIT: Limit = { points: 60, windowSeconds: 60 };
/** Fewer than a network's: of the dearest passwords so many take a third of what may be taken, whatever number of networks they come from. */
const ACCOUNT_LIMIT: Limit = { points: 20, windowSeconds: 60 };

export function createPasswordJudgement({
  passwords,
  limiter,
}: {
  passwords: Pick<Passwords, 'requireAcceptable'>;
  limiter: Pick<RateLimiter, 'consume'>;
}): PasswordJudgement {
  async function requireAllowed(key: string, limit: Limit): Promise<void> {
    const { allowed, retryAfterSeconds } = await limiter.consume(key, limit);
    if (allowed) return;
    throw new AppError('passwords.rate_limited', 429, 'Too many new passwords were tried. Try again in a minute.', { retryAfterSeconds });
  }
  return {
    async requireAcceptable(password, words, asker) {
      if (asker) await requireAllowed(`judged_passwords:${networkOf(asker.ip)}`, NETWORK_LIMIT);
      if (asker?.accountId !== undefined) await requireAllowed(`judged_passwords_of:${asker.accountId}`, ACCOUNT_LIMIT);
      await passwords.requireAcceptable(password, words);
    },
  };
}
