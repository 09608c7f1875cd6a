import { type Database, type Sql, sql, type Transaction } from '../../platform/db/index.js';

const withRoles = { roles: { select: { roleName: true }, orderBy: { roleName: 'asc' } } } as const;

const findWithRoles = (tx: Transaction, key: AccountKey) => tx.account.findUnique({ where: key, include: withRoles });

export type AccountRow = NonNullable<Awaited<ReturnType<typeof findWithRoles>>>;
export type AccountKey = { id: string } | { email: string } | { usernameKey: string };
export type AccountChange = {
  email?: string | undefined;
  username?: string | null | undefined;
  usernameKey?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
  fullName?: string | null | undefined;
  status?: 'active' | 'disabled' | undefined;
  emailVerifiedAt?: Date | null | undefined;
  passwordHash?: string | undefined;
  passwordSetAt?: Date | undefined;
};
export type NewAccountRow = AccountChange & { id: string; email: string; createdAt: Date; roles: readonly string[] };

export function createAccountRepository(db: Database) {
  return {
    /** Outside of a transaction one statement: it is what every sign-in, token and call of the API begins with. */
    find(key: AccountKey, tx?: Transaction): Promise<AccountRow | null> {
      if (tx) return findWithRoles(tx, key);
      const found = db.find<RawRow>(sql`SELECT ${columns} FROM accounts WHERE ${conditionOf(key)}`);
      return found.then((row) => (row ? toRow(row) : null));
    },

    /** @throws a unique violation when the address or username is taken; the role must exist */
    async insert({ roles, ...row }: NewAccountRow, tx: Transaction = db.client) {
      return tx.account.create({
        data: { ...row, updatedAt: row.createdAt, roles: { create: roles.map((roleName) => ({ roleName, grantedAt: row.createdAt })) } },
        include: withRoles,
      });
    },

    /** Changes the account if it is still as `where` says. Answers whether it was. @throws a unique violation for a taken username or address */
    async change(
      where: {
        id: string;
        email?: string;
        status?: 'active';
        passwordHash?: string | null;
        passwordSetAt?: Date | null;
        signInGeneration?: number;
        emailVerifiedAt?: null;
      },
      change: AccountChange,
      at: Date,
      tx: Transaction = db.client,
    ): Promise<boolean> {
      const { count } = await tx.account.updateMany({ where, data: { ...change, updatedAt: at } });
      return count === 1;
    },

    /** Replaces a hash by a better one of the same password, which is no change anybody made. */
    async upgradeHash(id: string, from: string, to: string): Promise<void> {
      await db.client.account.updateMany({ where: { id, passwordHash: from }, data: { passwordHash: to } });
    },

    async delete(id: string, tx: Transaction = db.client): Promise<boolean> {
      const { count } = await tx.account.deleteMany({ where: { id } });
      return count === 1;
    },

    /** A sign-up or reset that finds the database busy waits for it, within what a person would. */
    transaction: <Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> =>
      db.client.$transaction(work, { maxWait: 10_000, timeout: 10_000 }),

    /** In no order. */
    listByIds: (ids: readonly string[]) => db.client.account.findMany({ where: { id: { in: [...ids] } }, include: withRoles }),
  };
}

type RawRow = {
  id: string;
  email: string;
  username: string | null;
  username_key: string | null;
  first_name: string | null;
  last_name: string | null;
  full_name: string | null;
  status: string;
  email_verified_at: Date | null;
  password_hash: string | null;
  password_set_at: Date | null;
  sign_in_generation: number;
  created_at: Date;
  updated_at: Date;
  roles: string | null;
};

/** No name of a role has it. */
const ROLE_SEPARATOR = '\n';

const columns = sql`accounts.id, accounts.email, accounts.username, accounts.username_key, accounts.first_name, accounts.last_name,
  accounts.full_name, accounts.status, accounts.email_verified_at, accounts.password_hash, accounts.password_set_at,
  accounts.sign_in_generation, accounts.created_at, accounts.updated_at,
  (SELECT string_agg(role_name, ${ROLE_SEPARATOR}) FROM account_roles WHERE account_roles.account_id = accounts.id) AS roles`;

function conditionOf(key: AccountKey): Sql {
  if ('id' in key) return sql`accounts.id = ${key.id}`;
  return 'email' in key ? sql`accounts.email = ${key.email}` : sql`accounts.username_key = ${key.usernameKey}`;
}

/** An account in a statement of somebody else: what to select, how to join it, and what a row says. */
export const besideOthers = {
  columns,
  join: (accountId: Sql): Sql => sql`LEFT JOIN accounts ON accounts.id = ${accountId}`,
  read: (row: object): AccountRow | null => ((row as Partial<RawRow>).id == null ? null : toRow(row as RawRow)),
};

function toRow(row: RawRow): AccountRow {
  return {
    id: row.id,
    email: row.email,
    username: row.username,
    usernameKey: row.username_key,
    firstName: row.first_name,
    lastName: row.last_name,
    fullName: row.full_name,
    status: row.status,
    emailVerifiedAt: row.email_verified_at,
    passwordHash: row.password_hash,
    passwordSetAt: row.password_set_at,
    signInGeneration: row.sign_in_generation,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    roles: (row.roles?.split(ROLE_SEPARATOR) ?? []).sort().map((roleName) => ({ roleName })),
  };
}
