import { type Database, sql, type Transaction } from '../../platform/db/index.js';

/** What is compared with a row that names the same person. */
export type ExistingAccount = {
  id: string;
  email: string;
  usernameKey: string | null;
  firstName: string | null;
  lastName: string | null;
  fullName: string | null;
  createdAt: Date;
};

export type AccountToInsert = ExistingAccount & {
  username: string | null;
  status: string;
  emailVerifiedAt: Date | null;
  passwordHash: string | null;
  passwordSetAt: Date | null;
  updatedAt: Date;
  roles: readonly string[];
};

export function createUserImportRepository(db: Database) {
  return {
    /** Everybody who has one of the ids, addresses or usernames. Each is found by its own unique index. */
    async findAny({ ids, emails, usernameKeys }: { ids: string[]; emails: string[]; usernameKeys: string[] }): Promise<ExistingAccount[]> {
      const found = await Promise.all(
        [
          { column: sql`id`, keys: ids },
          { column: sql`email`, keys: emails },
          { column: sql`username_key`, keys: usernameKeys },
        ]
          .filter(({ keys }) => keys.length > 0)
          .map(
            ({ column, keys }) => db.client.$queryRaw<ExistingAccount[]>`
              SELECT id, email, username_key AS "usernameKey", first_name AS "firstName", last_name AS "lastName", full_name AS "fullName", created_at AS "createdAt"
              FROM accounts WHERE ${column} ${db.oneOf(sql`SELECT value ->> 'key' FROM ${db.jsonRows(keys.map((key) => ({ key })))}`)}`,
          ),
      );
      return found.flat();
    },

    /** Inserts the accounts whose id, address and username are free, with their roles. Answers their ids. */
    async insert(accounts: readonly AccountToInsert[], tx: Transaction): Promise<Set<string>> {
      const inserted = await tx.$queryRaw<{ id: string }[]>`
        INSERT INTO accounts (id, email, username, username_key, first_name, last_name, full_name, status, email_verified_at, password_hash, password_set_at, created_at, updated_at)
        SELECT value ->> 'id', value ->> 'email', value ->> 'username', value ->> 'usernameKey', value ->> 'firstName', value ->> 'lastName', value ->> 'fullName', value ->> 'status',
          ${db.jsonTime('emailVerifiedAt')}, value ->> 'passwordHash', ${db.jsonTime('passwordSetAt')}, ${db.jsonTime('createdAt')}, ${db.jsonTime('updatedAt')}
        FROM ${db.jsonRows(accounts)} WHERE true ON CONFLICT DO NOTHING RETURNING id`;
      const ids = new Set(inserted.map(({ id }) => id));
      const given = accounts
        .filter(({ id }) => ids.has(id))
        .flatMap(({ id, roles, updatedAt }) => roles.map((role) => ({ id, role, at: updatedAt })));
      await tx.$executeRaw`
        INSERT INTO account_roles (account_id, role_name, granted_at)
        SELECT value ->> 'id', value ->> 'role', ${db.jsonTime('at')} FROM ${db.jsonRows(given)}`;
      return ids;
    },

    transaction: <Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> =>
      db.client.$transaction(work, { maxWait: 30_000, timeout: 30_000 }),
  };
}
