import { type Database, noSql, sql } from '../../platform/db/index.js';

export type AccountPosition = { createdAt: Date; id: string };
export type RolePosition = { accountId: string; role: string };
export type AccountCounts = { total: number; active: number; unverified: number; lastDay: number; lastWeek: number; lastMonth: number };

type Count = number | bigint | null;
type RawCounts = {
  total: Count;
  active: Count;
  unverified: Count;
  last_day: Count;
  last_week: Count;
  last_month: Count;
  last_created_at: string | Date | null;
  last_id: string | null;
};

/** Counting happens in windows along an index: each statement reads so many rows from where the one before ended, and says where it ended. */
export function createStatisticsRepository(db: Database) {
  return {
    /** `last` is absent where there was nothing more. */
    async countAccounts(
      { after, rows }: { after: AccountPosition | undefined; rows: number },
      since: { lastDay: Date; lastWeek: Date; lastMonth: Date },
    ): Promise<{ counts: AccountCounts; last: AccountPosition | undefined }> {
      const [row] = await db.client.$queryRaw<RawCounts[]>`
        WITH counted AS (
          SELECT id, status, email_verified_at, created_at FROM accounts
          ${after ? sql`WHERE (created_at, id) > (${after.createdAt}, ${after.id})` : noSql}
          ORDER BY created_at, id LIMIT ${rows})
        SELECT COUNT(*) AS total,
          SUM(CASE WHEN status = 'active' THEN 1 ELSE 0 END) AS active,
          SUM(CASE WHEN email_verified_at IS NULL THEN 1 ELSE 0 END) AS unverified,
          SUM(CASE WHEN created_at > ${since.lastDay} THEN 1 ELSE 0 END) AS last_day,
          SUM(CASE WHEN created_at > ${since.lastWeek} THEN 1 ELSE 0 END) AS last_week,
          SUM(CASE WHEN created_at > ${since.lastMonth} THEN 1 ELSE 0 END) AS last_month,
          MAX(created_at) AS last_created_at,
          (SELECT id FROM counted ORDER BY created_at DESC, id DESC LIMIT 1) AS last_id
        FROM counted`;
      const counts = {
        total: Number(row?.total ?? 0),
        active: Number(row?.active ?? 0),
        unverified: Number(row?.unverified ?? 0),
        lastDay: Number(row?.last_day ?? 0),
        lastWeek: Number(row?.last_week ?? 0),
        lastMonth: Number(row?.last_month ?? 0),
      };
      const last = row?.last_created_at && row.last_id ? { createdAt: new Date(row.last_created_at), id: row.last_id } : undefined;
      return { counts, last };
    },

    /** As `countAccounts`, for who has which role, in the order of the primary key. */
    async countRoles({ after, rows }: { after: RolePosition | undefined; rows: number }) {
      const found = await db.client.$queryRaw<{ role_name: string; count: Count; last_account_id: string; last_role_name: string }[]>`
        WITH counted AS (
          SELECT account_id, role_name FROM account_roles
          ${after ? sql`WHERE (account_id, role_name) > (${after.accountId}, ${after.role})` : noSql}
          ORDER BY account_id, role_name LIMIT ${rows})
        SELECT role_name, COUNT(*) AS count,
          (SELECT account_id FROM counted ORDER BY account_id DESC, role_name DESC LIMIT 1) AS last_account_id,
          (SELECT role_name FROM counted ORDER BY account_id DESC, role_name DESC LIMIT 1) AS last_role_name
        FROM counted GROUP BY role_name`;
      const [first] = found;
      return {
        counts: found.map(({ role_name: role, count }) => ({ role, count: Number(count) })),
        last: first && { accountId: first.last_account_id, role: first.last_role_name },
      };
    },

    /** Accounts that were locked since then, the newest first. */
    async listLocked(since: Date, limit: number): Promise<string[]> {
      const rows = await db.client.$queryRaw<{ subject_id: string | null }[]>`
        SELECT DISTINCT subject_id FROM (
          SELECT subject_id FROM audit_events WHERE type = ${'account.locked'} AND occurred_at > ${since}
          ORDER BY occurred_at DESC LIMIT ${limit}) AS locked`;
      return rows.flatMap(({ subject_id: id }) => id ?? []);
    },
  };
}
