import { type Database, noSql, sql } from '../../platform/db/index.js';

export type AccountPosition = { createdAt: Date; id: string };
export type RolePosition = { accountId: string; role: string };
export type AccountCounts = { total: number; active: number; unverified: number; lastDay: number; lastWeek: number; lastMonth: number };
type Count = number | bigint | null;
type RawCounts = { total: Count; active: Count; unverified: Count; last_day: Count; last_week: Count; last_month: Count };

const afterRole = (after: RolePosition | undefined) =>
  after ? sql`WHERE (account_id, role_name) > (${after.accountId}, ${after.role})` : noSql;
const afterAccount = (after: AccountPosition | undefined) =>
  after ? sql`WHERE (created_at, id) > (${after.createdAt}, ${after.id})` : noSql;

/** Counting happens in windows along an index. Each statement reads at most one window, from where the one before ended. */
export function createStatisticsRepository(db: Database) {
  return {
    /** The last account of the window of so many that begins after a position; undefined when fewer are left. */
    async accountAhead(after: AccountPosition | undefined, rows: number): Promise<AccountPosition | undefined> {
      const [end] = await db.client.$queryRaw<{ created_at: string | Date; id: string }[]>`
        SELECT created_at, id FROM accounts ${afterAccount(after)}
        ORDER BY created_at, id LIMIT 1 OFFSET ${rows - 1}`;
      return end && { createdAt: new Date(end.created_at), id: end.id };
    },

    async countAccounts(
      { after, rows }: { after: AccountPosition | undefined; rows: number },
      since: { lastDay: Date; lastWeek: Date; lastMonth: Date },
    ): Promise<AccountCounts> {
      const [row] = await db.client.$queryRaw<RawCounts[]>`
        SELECT COUNT(*) AS total,
          SUM(CASE WHEN status = 'active' THEN 1 ELSE 0 END) AS active,
          SUM(CASE WHEN email_verified_at IS NULL THEN 1 ELSE 0 END) AS unverified,
          SUM(CASE WHEN created_at > ${since.lastDay} THEN 1 ELSE 0 END) AS last_day,
          SUM(CASE WHEN created_at > ${since.lastWeek} THEN 1 ELSE 0 END) AS last_week,
          SUM(CASE WHEN created_at > ${since.lastMonth} THEN 1 ELSE 0 END) AS last_month
        FROM (
          SELECT status, email_verified_at, created_at FROM accounts
          ${afterAccount(after)}
          ORDER BY created_at, id LIMIT ${rows}) AS counted`;
      return {
        total: Number(row?.total ?? 0),
        active: Number(row?.active ?? 0),
        unverified: Number(row?.unverified ?? 0),
        lastDay: Number(row?.last_day ?? 0),
        lastWeek: Number(row?.last_week ?? 0),
        lastMonth: Number(row?.last_month ?? 0),
      };
    },

    /** As `accountAhead`, for who has which role, in the order of the primary key. */
    async roleAhead(after: RolePosition | undefined, rows: number): Promise<RolePosition | undefined> {
      const [end] = await db.client.$queryRaw<{ account_id: string; role_name: string }[]>`
        SELECT account_id, role_name FROM account_roles ${afterRole(after)} ORDER BY account_id, role_name LIMIT 1 OFFSET ${rows - 1}`;
      return end && { accountId: end.account_id, role: end.role_name };
    },

    async countRoles({ after, rows }: { after: RolePosition | undefined; rows: number }): Promise<{ role: string; count: number }[]> {
      const found = await db.client.$queryRaw<{ role_name: string; count: Count }[]>`
        SELECT role_name, COUNT(*) AS count FROM (
          SELECT role_name FROM account_roles ${afterRole(after)} ORDER BY account_id, role_name LIMIT ${rows}) AS counted
        GROUP BY role_name`;
      return found.map(({ role_name: role, count }) => ({ role, count: Number(count) }));
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
