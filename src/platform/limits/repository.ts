import { nowDate } from '../clock.js';
import { type Database, sql, sqlList } from '../db/index.js';

export type CounterRow = { key: string; count: number; level: number; lockedUntil: Date | null; expiresAt: Date };

/** A row of a raw answer: which type a database gives for a date or a count is its own affair. */
type RawRow = {
  key: string;
  count: number | bigint;
  level: number | bigint;
  locked_until: string | Date | null;
  expires_at: string | Date;
};

const toRow = (row: RawRow): CounterRow => ({
  key: row.key,
  count: Number(row.count),
  level: Number(row.level),
  lockedUntil: row.locked_until === null ? null : new Date(row.locked_until),
  expiresAt: new Date(row.expires_at),
});

/** Times a lock lasts, by how often it has closed in a row: once, twice, more. */
export type LockTimes = { first: Date; second: Date; further: Date };

/** How many locks are closed at this moment, over all processes. */
export async function countClosedLocks(db: Database): Promise<number> {
  const row = await db.find<{ locks: number | bigint }>(sql`
    SELECT COUNT(*) AS locks FROM limit_counters WHERE locked_until > ${nowDate()}`);
  return Number(row?.locks ?? 0);
}

export type LimitRepository = ReturnType<typeof createLimitRepository>;

/** Every write is one statement, so that no two requests, of whatever process, both take the last point. */
export function createLimitRepository(db: Database) {
  return {
    async find(keys: readonly string[]): Promise<CounterRow[]> {
      if (keys.length === 0) return [];
      const rows = await db.query<RawRow>(
        sql`SELECT key, count, level, locked_until, expires_at FROM limit_counters WHERE key IN (${sqlList([...keys])})`,
      );
      return rows.map(toRow);
    },

    /** Counts one up, beginning again when the window is over. Stops counting at `points` + 1. */
    async countUp({ key, points, at, windowEndsAt }: { key: string; points: number; at: Date; windowEndsAt: Date }): Promise<CounterRow> {
      const rows = await db.query<RawRow>(sql`
        INSERT INTO limit_counters (key, count, level, expires_at) VALUES (${key}, 1, 0, ${windowEndsAt})
        ON CONFLICT (key) DO UPDATE SET
          count = CASE WHEN limit_counters.expires_at <= ${at} THEN 1
                       WHEN limit_counters.count > ${points} THEN limit_counters.count
                       ELSE limit_counters.count + 1 END,
          expires_at = CASE WHEN limit_counters.expires_at <= ${at} THEN excluded.expires_at ELSE limit_counters.expires_at END
        RETURNING key, count, level, locked_until, expires_at`);
      return toRow(rows[0] as RawRow);
    },

    /** Counts one down within the window. */
    async countDown({ key, at }: { key: string; at: Date }): Promise<void> {
      await db.execute(sql`UPDATE limit_counters SET count = count - 1 WHERE key = ${key} AND count > 0 AND expires_at > ${at}`);
    },

    /**
     * Counts a failure. At the last one of a window the lock closes: `count` becomes 0 and `level` grows. A failure while it is closed sets
     * `count` to 1 and changes nothing else, which is how the caller tells the failure that closed it from those that came later.
     */
    async countFailure(input: {
      key: string;
      failures: number;
      at: Date;
      windowEndsAt: Date;
      lockedUntil: LockTimes;
      forgottenAt: LockTimes;
    }): Promise<CounterRow> {
      const { key, failures, at, windowEndsAt, lockedUntil, forgottenAt } = input;
      // Each CASE has a branch that is a column: PostgreSQL takes the type of the parameters beside it from there.
      const rows = await db.query<RawRow>(sql`
        INSERT INTO limit_counters (key, count, level, locked_until, window_ends_at, expires_at) VALUES (${key}, 1, 0, NULL, ${windowEndsAt}, ${windowEndsAt})
        ON CONFLICT (key) DO UPDATE SET
          count = CASE
            WHEN limit_counters.locked_until > ${at} THEN 1
            WHEN limit_counters.window_ends_at <= ${at} THEN 1
            WHEN limit_counters.count + 1 >= ${failures} THEN 0
            ELSE limit_counters.count + 1 END,
          level = CASE
            WHEN limit_counters.locked_until > ${at} THEN limit_counters.level
            WHEN limit_counters.expires_at <= ${at} THEN 0
            WHEN limit_counters.window_ends_at > ${at} AND limit_counters.count + 1 >= ${failures} THEN limit_counters.level + 1
            ELSE limit_counters.level END,
          locked_until = CASE
            WHEN limit_counters.locked_until > ${at} THEN limit_counters.locked_until
            WHEN limit_counters.window_ends_at <= ${at} OR limit_counters.count + 1 < ${failures} THEN NULL
            WHEN limit_counters.level = 0 THEN ${lockedUntil.first}
            WHEN limit_counters.level = 1 THEN ${lockedUntil.second}
            ELSE ${lockedUntil.further} END,
          window_ends_at = CASE
            WHEN limit_counters.window_ends_at <= ${at} AND (limit_counters.locked_until IS NULL OR limit_counters.locked_until <= ${at})
            THEN excluded.window_ends_at ELSE limit_counters.window_ends_at END,
          expires_at = CASE
            WHEN limit_counters.locked_until > ${at} THEN limit_counters.expires_at
            WHEN limit_counters.window_ends_at > ${at} AND limit_counters.count + 1 >= ${failures} THEN
              CASE WHEN limit_counters.level = 0 THEN ${forgottenAt.first} WHEN limit_counters.level = 1 THEN ${forgottenAt.second}
                   WHEN limit_counters.level > 1 THEN ${forgottenAt.further} ELSE limit_counters.expires_at END
            WHEN limit_counters.expires_at > excluded.expires_at THEN limit_counters.expires_at
            ELSE excluded.expires_at END
        RETURNING key, count, level, locked_until, expires_at`);
      return toRow(rows[0] as RawRow);
    },

    /** Forgets the counters whose lock is not closed at `at`. */
    async deleteOpen(keys: readonly string[], at: Date): Promise<void> {
      await db.client.limitCounter.deleteMany({
        where: { key: { in: [...keys] }, OR: [{ lockedUntil: null }, { lockedUntil: { lte: at } }] },
      });
    },

    async delete(keys: readonly string[]): Promise<void> {
      await db.client.limitCounter.deleteMany({ where: { key: { in: [...keys] } } });
    },
  };
}
