/**
 * Owns: how many accounts there are, of which kind. Does not own: metrics (platform/metrics), who may see this (account-administration).
 *
 * What it costs: every account and every role given is looked at once, in windows along an index, one statement each, so that the embedded
 * database never holds the event loop for long and PostgreSQL no snapshot. Over 1,000,000 accounts see DECISIONS. An answer is kept for a
 * minute in each process, and whoever asks while one is being made waits for that one.
 */
import { setImmediate as letOthersGoOn } from 'node:timers/promises';
import { addSeconds, now, nowDate } from '../../platform/clock.js';
import type { Database } from '../../platform/db/index.js';
import type { Lockout } from '../../platform/limits/index.js';
import { type AccountPosition, createStatisticsRepository, type RolePosition } from './repository.js';

export type AccountStatistics = {
  total: number;
  active: number;
  disabled: number;
  /** whose address was never confirmed */
  unverified: number;
  /** accounts that have the role, every role of the installation among them; an account with two counts in both */
  byRole: Record<string, number>;
  created: { lastDay: number; lastWeek: number; lastMonth: number };
  /** accounts that unknown devices cannot sign in to now */
  locked: number;
  /** sign-ins that live now: in browsers, and over the JSON API */
  sessions: { browser: number; api: number };
  countedAt: Date;
};

export type AccountStatisticsDeps = {
  db: Database;
  lockout: Pick<Lockout, 'lockedSeconds'>;
  listRoles(): Promise<readonly { name: string }[]>;
  /** sign-ins of any kind that have not ended */
  countSessions(): Promise<{ browser: number; api: number }>;
  /** the longest that a lock lasts */
  maxLockSeconds: number;
};

const WINDOW = 10_000;
const KEPT_SECONDS = 60;
const DAY_SECONDS = 24 * 60 * 60;
/** More locks than this in an hour are an attack, and their exact number does not matter. */
const MAX_LOCKED = 10_000;

/** What was counted less than a minute ago, or is being counted. */
export function createAccountStatistics(deps: AccountStatisticsDeps): () => Promise<AccountStatistics> {
  let kept: { until: number; answer: Promise<AccountStatistics> } | undefined;
  return () => {
    const at = now();
    // A clock that was set back keeps nothing longer.
    if (kept && at < kept.until && kept.until - at <= KEPT_SECONDS * 1000) return kept.answer;
    const answer = count(deps);
    kept = { until: at + KEPT_SECONDS * 1000, answer };
    answer.catch(() => {
      if (kept?.answer === answer) kept = undefined;
    });
    return answer;
  };
}

async function count({ db, lockout, listRoles, countSessions, maxLockSeconds }: AccountStatisticsDeps): Promise<AccountStatistics> {
  const rows = createStatisticsRepository(db);
  const countedAt = nowDate();
  const ago = (days: number) => addSeconds(countedAt, -days * DAY_SECONDS);
  const since = { lastDay: ago(1), lastWeek: ago(7), lastMonth: ago(30) };

  const sum = { total: 0, active: 0, unverified: 0, lastDay: 0, lastWeek: 0, lastMonth: 0 };
  await inWindows(async (after: AccountPosition | undefined) => {
    const { counts, last } = await rows.countAccounts({ after, rows: WINDOW }, since);
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += counts[name];
    return counts.total < WINDOW ? undefined : last;
  });

  const byRole = new Map((await listRoles()).map(({ name }) => [name, 0]));
  await inWindows(async (after: RolePosition | undefined) => {
    const { counts, last } = await rows.countRoles({ after, rows: WINDOW });
    for (const { role, count } of counts) byRole.set(role, (byRole.get(role) ?? 0) + count);
    return last;
  });

  const candidates = await rows.listLocked(addSeconds(countedAt, -maxLockSeconds), MAX_LOCKED);
  const locked = (await lockout.lockedSeconds(candidates.map((id) => `account:${id}`))).filter((seconds) => seconds > 0).length;
  const { total, active, unverified, ...created } = sum;
  return {
    ...{ total, active, disabled: total - active, unverified },
    ...{ byRole: Object.fromEntries(byRole), created, locked, sessions: await countSessions(), countedAt },
  };
}

/** Counts window after window, each told where the one before ended, until there is no end. The embedded database answers on this very thread. */
async function inWindows<Position>(countWindow: (after: Position | undefined) => Promise<Position | undefined>): Promise<void> {
  let after: Position | undefined;
  do {
    after = await countWindow(after);
    await letOthersGoOn();
  } while (after !== undefined);
}
