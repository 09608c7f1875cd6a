import { type Database, sql, type Transaction } from '../../platform/db/index.js';

export function createRoleRepository(db: Database) {
  return {
    list: () => db.client.role.findMany({ include: { permissions: true }, orderBy: { name: 'asc' } }),

    /** Adds what is missing; two processes that start at once do no harm to each other. */
    async insertRole(name: string, description: string): Promise<void> {
      await db.client.$executeRaw`INSERT INTO roles (name, description) VALUES (${name}, ${description}) ON CONFLICT (name) DO NOTHING`;
    },
    async insertPermission(role: string, permission: string): Promise<void> {
      await db.client
        .$executeRaw`INSERT INTO role_permissions (role_name, permission) VALUES (${role}, ${permission}) ON CONFLICT (role_name, permission) DO NOTHING`;
    },

    accountExists: async (id: string) => (await db.client.account.findUnique({ where: { id }, select: { id: true } })) !== null,

    /** Answers whether the account did not have the role before. */
    async grant(accountId: string, role: string, at: Date, tx: Transaction): Promise<boolean> {
      const inserted =
        await tx.$executeRaw`INSERT INTO account_roles (account_id, role_name, granted_at) VALUES (${accountId}, ${role}, ${at}) ON CONFLICT (account_id, role_name) DO NOTHING`;
      return inserted === 1;
    },
    async revoke(accountId: string, role: string, tx: Transaction = db.client): Promise<boolean> {
      const { count } = await tx.accountRole.deleteMany({ where: { accountId, roleName: role } });
      return count === 1;
    },
    /** Who has the role and may sign in. */
    async hasOther(role: string, accountId: string, tx: Transaction = db.client): Promise<boolean> {
      const other = await tx.accountRole.findFirst({
        where: { roleName: role, accountId: { not: accountId }, account: { status: 'active' } },
        select: { accountId: true },
      });
      return other !== null;
    },
    async has(role: string, accountId: string, tx: Transaction = db.client): Promise<boolean> {
      return (await tx.accountRole.findUnique({ where: { accountId_roleName: { accountId, roleName: role } } })) !== null;
    },
    /** Outside of a transaction a part of every sign-in by the API, and of every request with a key. */
    async permissionsOf(accountId: string, tx?: Transaction): Promise<string[]> {
      const statement = sql`SELECT DISTINCT p.permission FROM account_roles r JOIN role_permissions p ON p.role_name = r.role_name
        WHERE r.account_id = ${accountId} ORDER BY p.permission`;
      const rows = tx ? await tx.$queryRaw<{ permission: string }[]>(statement) : await db.query<{ permission: string }>(statement);
      return rows.map(({ permission }) => permission);
    },
    /** Roles of an account that may act, each with what it allows. */
    rightsOf: (accountId: string) =>
      db.query<{ role_name: string; permission: string | null }>(sql`SELECT r.role_name, p.permission
        FROM accounts a JOIN account_roles r ON r.account_id = a.id LEFT JOIN role_permissions p ON p.role_name = r.role_name
        WHERE a.id = ${accountId} AND a.status = ${'active'}`),
    rolesOf: async (accountId: string, tx: Transaction = db.client): Promise<string[]> =>
      (await tx.accountRole.findMany({ where: { accountId }, select: { roleName: true }, orderBy: { roleName: 'asc' } })).map(
        ({ roleName }) => roleName,
      ),
    /** Marks the account as changed, and holds it until the transaction ends. Answers whether it is there. */
    async touchAccount(accountId: string, at: Date, tx: Transaction): Promise<boolean> {
      const { count } = await tx.account.updateMany({ where: { id: accountId }, data: { updatedAt: at } });
      return count === 1;
    },
    async replace(
      accountId: string,
      { added, removed }: { added: readonly string[]; removed: readonly string[] },
      at: Date,
      tx: Transaction,
    ) {
      if (removed.length > 0) await tx.accountRole.deleteMany({ where: { accountId, roleName: { in: [...removed] } } });
      if (added.length > 0) {
        await tx.accountRole.createMany({ data: added.map((roleName) => ({ accountId, roleName, grantedAt: at })) });
      }
    },
    /** Whoever comes second waits for the first one's transaction: an update that changes nothing locks the row on both databases. */
    async lock(role: string, tx: Transaction): Promise<void> {
      await tx.$executeRaw`UPDATE roles SET name = name WHERE name = ${role}`;
    },
    transaction: <Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> =>
      db.client.$transaction(work, { maxWait: 10_000, timeout: 10_000 }),
  };
}
