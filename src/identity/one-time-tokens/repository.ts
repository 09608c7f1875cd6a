import type { Database, Transaction } from '../../platform/db/index.js';

export type TokenRow = {
  idHash: string;
  kind: string;
  accountId: string | null;
  subjectKey: string | null;
  payload: string | null;
  createdAt: Date;
  expiresAt: Date;
  consumedAt: Date | null;
};

/** Whose tokens: an account's, or those of an address that has no account yet. */
export type TokenOwner = { accountId: string } | { subjectKey: string };

export function createTokenRepository(db: Database) {
  return {
    async insert(row: Omit<TokenRow, 'consumedAt'>): Promise<void> {
      await db.client.oneTimeToken.create({ data: row, select: { idHash: true } });
    },

    find: (idHash: string): Promise<TokenRow | null> => db.client.oneTimeToken.findUnique({ where: { idHash } }),

    /** The one moment in which a token is used. Answers whether this call used it. */
    async consume(idHash: string, kind: string, at: Date, tx: Transaction = db.client): Promise<boolean> {
      const { count } = await tx.oneTimeToken.updateMany({
        where: { idHash, kind, consumedAt: null, expiresAt: { gt: at } },
        data: { consumedAt: at },
      });
      return count === 1;
    },

    /** Holds the owner's oldest token until the transaction ends: everybody who begins so waits at the same row. */
    async lockOldest(kind: string, owner: TokenOwner, tx: Transaction): Promise<void> {
      if ('accountId' in owner) {
        await tx.$executeRaw`UPDATE one_time_tokens SET kind = kind WHERE id_hash = (
          SELECT id_hash FROM one_time_tokens WHERE account_id = ${owner.accountId} AND kind = ${kind} ORDER BY created_at, id_hash LIMIT 1)`;
      } else {
        await tx.$executeRaw`UPDATE one_time_tokens SET kind = kind WHERE id_hash = (
          SELECT id_hash FROM one_time_tokens WHERE subject_key = ${owner.subjectKey} AND kind = ${kind} ORDER BY created_at, id_hash LIMIT 1)`;
      }
    },

    async consumeAll(kind: string, owner: TokenOwner, at: Date, tx: Transaction = db.client): Promise<void> {
      await tx.oneTimeToken.updateMany({ where: { kind, ...owner, consumedAt: null }, data: { consumedAt: at } });
    },

    /** Those that still work, newest first. */
    listLive: (kind: string, owner: TokenOwner, at: Date, limit: number): Promise<TokenRow[]> =>
      db.client.oneTimeToken.findMany({
        where: { kind, ...owner, consumedAt: null, expiresAt: { gt: at } },
        orderBy: [{ createdAt: 'desc' }, { idHash: 'asc' }],
        take: limit,
      }),
  };
}
