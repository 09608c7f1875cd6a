import type { KeyObject } from 'node:crypto';
import { addSeconds, now, nowDate } from '../clock.js';
import { hmacSha256 } from '../crypto/index.js';
import type { Database } from '../db/index.js';
import { createLimitRepository } from './repository.js';

/** After `failures` (2 or more) within `windowSeconds` a key is locked for `lockSeconds`, twice that the next time, at most `maxLockSeconds`. */
export type LockoutRule = { failures: number; windowSeconds: number; lockSeconds: number; maxLockSeconds: number };

/** `justLocked`: this failure closed the lock. `wasLocked`: it was closed before. */
export type FailureState = { justLocked: boolean; wasLocked: boolean; retryAfterSeconds: number };

/** Locks that close after failures, across processes. */
export type Lockout = {
  /** Seconds until each key opens; 0 for one that is open. */
  lockedSeconds(keys: readonly string[]): Promise<number[]>;
  /** Counts a failure on each key, in one statement each. */
  recordFailure(keys: readonly string[]): Promise<FailureState[]>;
  /**
   * Ends the counting after a success, unless a lock has closed meanwhile: answers false then, and the success must not be told.
   */
  clearUnlessLocked(keys: readonly string[]): Promise<boolean>;
  /** Opens the locks. */
  unlock(keys: readonly string[]): Promise<void>;
};

/** How long a lock that has opened is remembered, so that the next one lasts longer. */
const LEVEL_MEMORY_SECONDS = 24 * 60 * 60;

/** What a lock is stored under. */
export const lockKeyOf = (pepper: KeyObject, key: string): string => hmacSha256(pepper, `lockout:${key}`);
export const secondsUntil = (date: Date | null): number => (date === null ? 0 : Math.max(0, Math.ceil((date.getTime() - now()) / 1000)));

/** @param deps.rule its lock lasts at least as long as its window, so that a window never outlives a lock */
export function createLockout({ db, hmacPepper, rule }: { db: Database; hmacPepper: KeyObject; rule: LockoutRule }): Lockout {
  const counters = createLimitRepository(db);
  const storedKey = (key: string) => lockKeyOf(hmacPepper, key);
  const lockSeconds = [rule.lockSeconds, rule.lockSeconds * 2, rule.maxLockSeconds].map((seconds) =>
    Math.min(seconds, rule.maxLockSeconds),
  );
  const lockTimes = (at: Date, extraSeconds: number) => {
    const [first, second, further] = lockSeconds.map((seconds) => addSeconds(at, seconds + extraSeconds)) as [Date, Date, Date];
    return { first, second, further };
  };

  async function lockedSeconds(keys: readonly string[]): Promise<number[]> {
    const rows = await counters.find(keys.map(storedKey));
    return keys.map((key) => secondsUntil(rows.find((row) => row.key === storedKey(key))?.lockedUntil ?? null));
  }

  async function recordFailure(key: string): Promise<FailureState> {
    const at = nowDate();
    const row = await counters.countFailure({
      key: storedKey(key),
      failures: rule.failures,
      at,
      windowEndsAt: addSeconds(at, rule.windowSeconds),
      lockedUntil: lockTimes(at, 0),
      forgottenAt: lockTimes(at, LEVEL_MEMORY_SECONDS),
    });
    const retryAfterSeconds = secondsUntil(row.lockedUntil);
    const locked = retryAfterSeconds > 0;
    return { justLocked: locked && row.count === 0, wasLocked: locked && row.count > 0, retryAfterSeconds };
  }

  return {
    lockedSeconds,
    async recordFailure(keys) {
      const states: FailureState[] = [];
      for (const key of keys) states.push(await recordFailure(key));
      return states;
    },
    async clearUnlessLocked(keys) {
      const stored = keys.map(storedKey);
      const rows = await counters.find(stored);
      if (rows.some((row) => secondsUntil(row.lockedUntil) > 0)) return false;
      if (rows.length > 0) await counters.deleteOpen(stored, nowDate());
      return true;
    },
    unlock: (keys) => counters.delete(keys.map(storedKey)),
  };
}
