import type { KeyObject } from 'node:crypto';
import type { Database } from '../db/index.js';
import { lockKeyOf, secondsUntil } from './lockout.js';
import { type Limit, type LimitState, limitKeyOf, peekedState } from './rate-limiter.js';
import { createLimitRepository } from './repository.js';

/** How a limit and some locks stand. */
export type Standing = {
  limit: LimitState;
  /** seconds until each lock opens; 0 for one that is open */
  lockedSeconds: number[];
  /** whether anything is remembered of the locks */
  isCounted: boolean;
};

/** Looks at a limit and at locks in one statement, taking and changing nothing. */
export type Standings = (limited: { key: string; limit: Limit }, locks: readonly string[]) => Promise<Standing>;

export function createStandings({ db, hmacPepper }: { db: Database; hmacPepper: KeyObject }): Standings {
  const counters = createLimitRepository(db);
  return async ({ key, limit }, locks) => {
    const [limitKey, ...lockKeys] = [limitKeyOf(hmacPepper, key), ...locks.map((lock) => lockKeyOf(hmacPepper, lock))] as [
      string,
      ...string[],
    ];
    const rows = await counters.find([limitKey, ...lockKeys]);
    const rowOf = (stored: string) => rows.find((row) => row.key === stored);
    return {
      limit: peekedState(rowOf(limitKey), limit),
      lockedSeconds: lockKeys.map((stored) => secondsUntil(rowOf(stored)?.lockedUntil ?? null)),
      isCounted: lockKeys.some((stored) => rowOf(stored) !== undefined),
    };
  };
}
