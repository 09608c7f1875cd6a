import type { KeyObject } from 'node:crypto';
import { addSeconds, now, nowDate } from '../clock.js';
import { hmacSha256 } from '../crypto/index.js';
import type { Database } from '../db/index.js';
import { type CounterRow, createLimitRepository } from './repository.js';

/** So many points in a fixed window that begins with the first of them. */
export type Limit = { points: number; windowSeconds: number };

/** `retryAfterSeconds` is 0 while allowed. */
export type LimitState = { allowed: boolean; retryAfterSeconds: number };

/** Limits that hold across processes. Keys are told to nobody: they are stored as keyed HMACs. */
export type RateLimiter = {
  /** Takes one point, if there is one. The point taken is the answer: 50 requests at once for 20 points give 20 allowed. */
  consume(key: string, limit: Limit): Promise<LimitState>;
  /** Gives back one point that was taken for nothing, unless its window is over. */
  giveBack(key: string): Promise<void>;
  /** Tells whether a point is left, taking none. */
  peek(key: string, limit: Limit): Promise<LimitState>;
  /** Gives all points back. */
  reset(key: string): Promise<void>;
};

/** What a limit's points are stored under. */
export const limitKeyOf = (pepper: KeyObject, key: string): string => hmacSha256(pepper, `limit:${key}`);

const stateOf = (row: CounterRow, allowed: boolean): LimitState => ({
  allowed,
  retryAfterSeconds: allowed ? 0 : Math.max(1, Math.ceil((row.expiresAt.getTime() - now()) / 1000)),
});

/** Whether a point is left. */
export const peekedState = (row: CounterRow | undefined, { points }: Limit): LimitState =>
  row && row.expiresAt.getTime() > now() ? stateOf(row, row.count < points) : { allowed: true, retryAfterSeconds: 0 };

/** @param deps.hmacPepper 32 bytes; keys the HMACs that stand for addresses and e-mails */
export function createRateLimiter({ db, hmacPepper }: { db: Database; hmacPepper: KeyObject }): RateLimiter {
  const counters = createLimitRepository(db);
  const storedKey = (key: string) => limitKeyOf(hmacPepper, key);
  return {
    async consume(key, { points, windowSeconds }) {
      const at = nowDate();
      const row = await counters.countUp({ key: storedKey(key), points, at, windowEndsAt: addSeconds(at, windowSeconds) });
      return stateOf(row, row.count <= points);
    },
    giveBack: (key) => counters.countDown({ key: storedKey(key), at: nowDate() }),
    async peek(key, limit) {
      const [row] = await counters.find([storedKey(key)]);
      return peekedState(row, limit);
    },
    async reset(key) {
      await counters.delete([storedKey(key)]);
    },
  };
}
