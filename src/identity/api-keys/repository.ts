import type { Database, Transaction } from '../../platform/db/index.js';

export type ApiKeyRow = {
  id: string;
  prefix: string;
  name: string;
  permissions: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
};

const shown = { id: true, prefix: true, name: true, permissions: true, createdAt: true, expiresAt: true, lastUsedAt: true } as const;

export function createApiKeyRepository(db: Database) {
  const living = (accountId: string, at: Date) => ({ accountId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: at } }] });
  return {
    transaction: <Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> =>
      db.client.$transaction(work, { maxWait: 10_000, timeout: 10_000 }),

    /**
     * Holds the account until the transaction ends, if it may act and its sign-ins were not ended since `generation` was read: who makes a key
     * beside this one waits, and so does who ends everything. Answers whether it is so.
     */
    async lockOwner(accountId: string, generation: number | undefined, tx: Transaction): Promise<boolean> {
      const { count } = await tx.account.updateMany({
        where: { id: accountId, status: 'active', ...(generation === undefined ? {} : { signInGeneration: generation }) },
        data: { status: 'active' },
      });
      return count === 1;
    },

    countLiving: (accountId: string, at: Date, tx: Transaction = db.client): Promise<number> =>
      tx.apiKey.count({ where: living(accountId, at) }),

    /** Forgets keys that were revoked, and those that ended before `expiredBefore`. */
    async deleteDead(accountId: string, expiredBefore: Date, tx: Transaction): Promise<void> {
      await tx.apiKey.deleteMany({ where: { accountId, OR: [{ revokedAt: { not: null } }, { expiresAt: { lt: expiredBefore } }] } });
    },

    async insert(row: Omit<ApiKeyRow, 'lastUsedAt'> & { accountId: string; keyHash: string }, tx: Transaction): Promise<void> {
      await tx.apiKey.create({ data: row, select: { id: true } });
    },

    /** What was not revoked, newest first; expired ones are among them for a while. */
    list: (accountId: string, limit: number): Promise<ApiKeyRow[]> =>
      db.client.apiKey.findMany({
        where: { accountId, revokedAt: null },
        orderBy: [{ createdAt: 'desc' }, { id: 'asc' }],
        take: limit,
        select: shown,
      }),

    findByHash: (keyHash: string) =>
      db.client.apiKey.findUnique({
        where: { keyHash },
        select: { ...shown, accountId: true, revokedAt: true, account: { select: { status: true } } },
      }),

    /** Answers whether there was one to revoke. */
    async revoke(id: string, accountId: string, at: Date): Promise<boolean> {
      const { count } = await db.client.apiKey.updateMany({ where: { id, accountId, revokedAt: null }, data: { revokedAt: at } });
      return count === 1;
    },

    async revokeAll(accountId: string, at: Date): Promise<number> {
      const { count } = await db.client.apiKey.updateMany({ where: { accountId, revokedAt: null }, data: { revokedAt: at } });
      return count;
    },

    /** Notes a use, unless one was noted after `unlessSince`: of any number of calls at once one writes. */
    async touch(id: string, at: Date, unlessSince: Date): Promise<void> {
      await db.client.apiKey.updateMany({
        where: { id, revokedAt: null, OR: [{ lastUsedAt: null }, { lastUsedAt: { lte: unlessSince } }] },
        data: { lastUsedAt: at },
      });
    },
  };
}
