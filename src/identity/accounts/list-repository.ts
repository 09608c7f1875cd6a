import { type Database, noSql, type Sql, sql } from '../../platform/db/index.js';
import type { AccountSelection, Position, TextRange } from './list-query.js';

type RawPosition = { created_at: string | Date; id: string; email: string };

const toPosition = ({ created_at, id, email }: RawPosition): Position => ({ createdAt: new Date(created_at), id, email });

const within = (column: Sql, { from, to }: TextRange) =>
  to === null ? sql`${column} >= ${from}` : sql`${column} >= ${from} AND ${column} < ${to}`;

/**
 * A range of one name. Once SQLite's ANALYZE has seen that everybody has the role `user`, it takes every name for as common and would read the
 * whole table; of a range it knows nothing, and uses the index.
 */
const named = (role: string) => sql`role_name >= ${role} AND role_name <= ${role}`;

/** The order's columns are those of an index, compared as one value, so that a page begins where the last one ended and reads nothing before. */
function orderOf({ sort, order }: AccountSelection) {
  const descending = order === 'desc';
  if (sort === 'email') {
    return {
      by: descending ? sql`ORDER BY email DESC` : sql`ORDER BY email`,
      after: ({ email }: Position) => (descending ? sql`email < ${email}` : sql`email > ${email}`),
    };
  }
  return {
    by: descending ? sql`ORDER BY created_at DESC, id DESC` : sql`ORDER BY created_at, id`,
    after: ({ createdAt, id }: Position) =>
      descending ? sql`(created_at, id) < (${createdAt}, ${id})` : sql`(created_at, id) > (${createdAt}, ${id})`,
  };
}

/** What each row is asked once an index has found it. The subquery is scalar, since PostgreSQL would turn EXISTS into a join over all roles. */
function conditionsOf({ status, verified, role, prefix }: AccountSelection, rows: Sql): Sql {
  const { email, username } = prefix ?? {};
  const begins =
    email && (username ? sql`((${within(sql`email`, email)}) OR (${within(sql`username_key`, username)}))` : within(sql`email`, email));
  return sql`
    ${status === null ? noSql : sql`AND status = ${status}`}
    ${verified === null ? noSql : verified ? sql`AND email_verified_at IS NOT NULL` : sql`AND email_verified_at IS NULL`}
    ${role === null ? noSql : sql`AND id = (SELECT account_id FROM account_roles WHERE account_id = ${rows}.id AND role_name = ${role})`}
    ${begins ? sql`AND ${begins}` : noSql}`;
}

export type AccountListRepository = ReturnType<typeof createAccountListRepository>;

export function createAccountListRepository(db: Database) {
  const select = async (statement: Sql) => (await db.client.$queryRaw<RawPosition[]>(statement)).map(toPosition);
  const count = async (rows: Sql) => {
    const [row] = await db.client.$queryRaw<{ count: number | bigint }[]>`SELECT COUNT(*) AS count FROM (${rows}) AS counted`;
    return Number(row?.count ?? 0);
  };
  return {
    /** How many accounts begin so, counted up to `most`. */
    countPrefix: async ({ email, username }: NonNullable<AccountSelection['prefix']>, most: number): Promise<number> => {
      const byEmail = await count(sql`SELECT 1 FROM accounts WHERE ${within(sql`email`, email)} LIMIT ${most}`);
      if (!username || byEmail === most) return byEmail;
      return byEmail + (await count(sql`SELECT 1 FROM accounts WHERE ${within(sql`username_key`, username)} LIMIT ${most}`));
    },
    /** How many accounts have the role, counted up to `most`. */
    countRole: (role: string, most: number): Promise<number> => count(sql`SELECT 1 FROM account_roles WHERE ${named(role)} LIMIT ${most}`),

    /** Everybody in order, from after a position on. */
    all(selection: AccountSelection, { after, limit }: { after?: Position | undefined; limit: number }): Promise<Position[]> {
      const order = orderOf(selection);
      return select(
        sql`SELECT created_at, id, email FROM accounts ${after ? sql`WHERE ${order.after(after)}` : noSql} ${order.by} LIMIT ${limit}`,
      );
    },

    /** The same, but only what the filter leaves of the next so many. They are read in order whatever the filter, so that is all that is read. */
    window(
      selection: AccountSelection,
      { after, rows, limit }: { after?: Position | undefined; rows: number; limit: number },
    ): Promise<Position[]> {
      const order = orderOf(selection);
      return select(sql`SELECT created_at, id, email FROM (
          SELECT created_at, id, email, username_key, status, email_verified_at FROM accounts
          ${after ? sql`WHERE ${order.after(after)}` : noSql} ${order.by} LIMIT ${rows}) AS listed
        WHERE 1 = 1 ${conditionsOf(selection, sql`listed`)} ${order.by} LIMIT ${limit}`);
    },

    /** The position so many rows further on, whatever is filtered; undefined when there are fewer. */
    async ahead(
      selection: AccountSelection,
      { after, rows }: { after?: Position | undefined; rows: number },
    ): Promise<Position | undefined> {
      const order = orderOf(selection);
      const [position] = await select(sql`SELECT created_at, id, email FROM accounts
        ${after ? sql`WHERE ${order.after(after)}` : noSql} ${order.by} LIMIT 1 OFFSET ${rows - 1}`);
      return position;
    },

    /** Of everybody, but from the few accounts that a prefix or a role leaves: those are found first and then put in order. */
    among(
      few: 'prefix' | 'role',
      selection: AccountSelection,
      { after, limit }: { after?: Position | undefined; limit: number },
    ): Promise<Position[]> {
      const order = orderOf(selection);
      const { prefix, role } = selection;
      const ids =
        few === 'prefix' && prefix
          ? prefix.username
            ? sql`SELECT id FROM accounts WHERE ${within(sql`email`, prefix.email)} UNION SELECT id FROM accounts WHERE ${within(sql`username_key`, prefix.username)}`
            : sql`SELECT id FROM accounts WHERE ${within(sql`email`, prefix.email)}`
          : sql`SELECT account_id FROM account_roles WHERE ${named(role ?? '')}`;
      return select(sql`SELECT created_at, id, email FROM accounts
        WHERE id ${db.oneOf(ids)} ${after ? sql`AND ${order.after(after)}` : noSql} ${conditionsOf({ ...selection, prefix: few === 'prefix' ? null : prefix }, sql`accounts`)}
        ${order.by} LIMIT ${limit}`);
    },
  };
}
