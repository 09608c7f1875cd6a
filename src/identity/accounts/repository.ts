import type { Database, Transaction } from '../../platform/db/index.js';

const withRoles = { roles: { select: { roleName: true }, orderBy: { roleName: 'asc' } } } as const;

export type AccountRow = NonNullable<Awaited<ReturnType<ReturnType<typeof createAccountRepository>['find']>>>;
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
    find: (key: AccountKey, tx: Transaction = db.client) => tx.account.findUnique({ where: key, include: withRoles }),

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
