import { type LimitState, type Lockout, networkOf, type RateLimiter, type Standings } from '../../platform/limits/index.js';
import { foldUsername } from '../accounts/index.js';
import { invalidCredentials, loginLocked, loginRateLimited } from './errors.js';

/** Whose failures are counted, and which of the locks may be told. */
export type AttemptKeys = {
  /** names what the person typed (or the device they are known on): its lock is told */
  told: string;
  /** names the account, whatever it was called by: its lock looks like a wrong password */
  untold?: string | undefined;
};

export type AttemptGuard = ReturnType<typeof createAttemptGuard>;

/** What an attempt without an account behind it is counted under, so that it costs and is told the same. */
export function attemptKeys({
  identifier,
  accountId,
  deviceId,
}: {
  identifier: string;
  accountId: string | null;
  deviceId: string | null;
}): AttemptKeys {
  if (deviceId !== null) return { told: `device:${deviceId}:${accountId}` };
  return { told: `identifier:${identifier}`, untold: accountId === null ? `nobody:${identifier}` : `account:${accountId}` };
}

/** All keys a person's unknown devices are locked by. */
export const accountKeys = ({ id, email, username }: { id: string; email: string; username: string | null }): string[] => [
  `account:${id}`,
  `identifier:${email}`,
  ...(username === null ? [] : [`identifier:${foldUsername(username)}`]),
];

/** What wrong current passwords of somebody who is signed in are counted under. */
export const currentPasswordKey = ({ id }: { id: string }): string => `password_change:${id}`;

/** Every lock of an account that can be named: what opens with a new password, and by an operator. */
export const allLocks = (account: { id: string; email: string; username: string | null }): string[] => [
  ...accountKeys(account),
  currentPasswordKey(account),
];

/**
 * Counts failed sign-ins by network and by account. An account has a name of its own and what it is called by: five failures by address and
 * username together lock it, but the lock is told only under the name that collected five. Otherwise locking a username and watching an
 * address would find out that both exist and belong together.
 */
export function createAttemptGuard({
  lockout,
  limiter,
  standings,
  failuresPerMinute,
}: {
  lockout: Pick<Lockout, 'recordFailure' | 'clearUnlessLocked' | 'lockedSeconds'>;
  limiter: Pick<RateLimiter, 'consume'>;
  standings: Standings;
  failuresPerMinute: number;
}) {
  const limit = { points: failuresPerMinute, windowSeconds: 60 };
  const networkKey = (ip: string | undefined) => `failed_logins:${networkOf(ip)}`;
  const list = ({ told, untold }: AttemptKeys) => [told, ...(untold === undefined ? [] : [untold])];
  const requireAllowed = ({ allowed, retryAfterSeconds }: LimitState) => {
    if (!allowed) throw loginRateLimited(retryAfterSeconds);
  };
  return {
    /**
     * Answers whether the account is locked without that being told: go on as with a wrong password.
     * @throws AppError `login.rate_limited` 429, `login.locked` 403
     */
    async requireOpen(ip: string | undefined, keys: AttemptKeys): Promise<{ lockedUntold: boolean }> {
      const standing = await standings({ key: networkKey(ip), limit }, list(keys));
      requireAllowed(standing.limit);
      const [told = 0, untold = 0] = standing.lockedSeconds;
      if (told > 0) throw loginLocked(told);
      return { lockedUntold: untold > 0 };
    },

    /**
     * Counts a failure. Answers whether the account was locked by it.
     * @throws AppError `login.rate_limited`, or `login.locked` when the lock closed while the password was being verified
     */
    async recordFailure(ip: string | undefined, keys: AttemptKeys): Promise<{ justLocked: boolean }> {
      requireAllowed(await limiter.consume(networkKey(ip), limit));
      const [told, untold] = await lockout.recordFailure(list(keys));
      if (told?.wasLocked) throw loginLocked(told.retryAfterSeconds);
      return { justLocked: (untold ?? told)?.justLocked ?? false };
    },

    /**
     * The moment in which a right password counts. Guesses that ran beside it may have closed a lock or used up the limit; then the answer
     * is theirs, so that of many guesses at once no more are answered than of guesses in a row.
     * @throws AppError `login.rate_limited`, `login.locked`, `login.invalid_credentials`
     */
    async requireSuccessAllowed(ip: string | undefined, keys: AttemptKeys): Promise<void> {
      const standing = await standings({ key: networkKey(ip), limit }, list(keys));
      requireAllowed(standing.limit);
      if (!standing.isCounted || (await lockout.clearUnlessLocked(list(keys)))) return;
      const [told = 0] = await lockout.lockedSeconds([keys.told]);
      throw told > 0 ? loginLocked(told) : invalidCredentials();
    },
  };
}
