import type { Database, Transaction } from '../../platform/db/index.js';
import type { ClientRow } from './record.js';

/** The topic that processes watch for changed clients. */
export const CLIENTS_TOPIC = 'clients';

export type ClientRepository = ReturnType<typeof createClientRepository>;

/** SHA-256 of the token that was shown. */
type ManagedBy = { id: string; tokenHash: string };

/** A place in the list: what comes after it is asked for. */
export type ListPosition = { createdAt: Date; id: string };

/** SQLite binds at most so many values in one statement that this stays well below. */
const IDS_PER_QUERY = 500;
const ROWS_PER_INSERT = 100;

export function createClientRepository(db: Pick<Database, 'client' | 'isUniqueViolation'>) {
  return {
    isTaken: (error: unknown): boolean => db.isUniqueViolation(error),

    find: (id: string, tx: Transaction = db.client): Promise<ClientRow | null> => tx.client.findUnique({ where: { id } }),

    async listByIds(ids: readonly string[], tx: Transaction = db.client): Promise<ClientRow[]> {
      const rows: ClientRow[] = [];
      for (let start = 0; start < ids.length; start += IDS_PER_QUERY) {
        rows.push(...(await tx.client.findMany({ where: { id: { in: ids.slice(start, start + IDS_PER_QUERY) } } })));
      }
      return rows;
    },

    /** In the order in which clients were made. */
    list: (limit: number, after?: ListPosition): Promise<ClientRow[]> =>
      db.client.client.findMany({
        ...(after ? { where: { OR: [{ createdAt: { gt: after.createdAt } }, { createdAt: after.createdAt, id: { gt: after.id } }] } } : {}),
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: limit,
      }),

    /** In the order in which clients were made. */
    listFirstParty: () =>
      db.client.client.findMany({
        where: { firstParty: true },
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        select: { redirectUris: true, metadata: true },
      }),

    async listIdsOfSource(source: string, tx: Transaction = db.client): Promise<string[]> {
      const rows = await tx.client.findMany({ where: { source }, select: { id: true }, orderBy: { id: 'asc' } });
      return rows.map(({ id }) => id);
    },

    /** @throws what `isTaken` recognises when the id is there already */
    async insert(tx: Transaction, row: ClientRow): Promise<void> {
      await tx.client.create({ data: row });
    },

    /** A row, and what belongs to it in the same transaction. */
    async insertAlongside(row: ClientRow, work?: (tx: Transaction) => Promise<void>): Promise<void> {
      if (!work) await db.client.client.create({ data: row });
      else
        await db.client.$transaction(async (tx) => {
          // First of all: a SQLite transaction that began by reading could not wait for another writer.
          await tx.client.create({ data: row });
          await work(tx);
        });
    },

    /** Changes or deletes a client that registered itself while this is still the token that manages it. False: it is not. */
    async updateManaged(tx: Transaction, { id, tokenHash }: ManagedBy, data: Partial<ClientRow>): Promise<boolean> {
      return (await tx.client.updateMany({ where: { id, managementTokenHash: tokenHash }, data })).count > 0;
    },
    async deleteManaged(tx: Transaction, { id, tokenHash }: ManagedBy): Promise<boolean> {
      return (await tx.client.deleteMany({ where: { id, managementTokenHash: tokenHash } })).count > 0;
    },

    async noteUse(id: string, { at, notedBefore, unusedUntil }: { at: Date; notedBefore: Date; unusedUntil: Date }): Promise<void> {
      await db.client.$executeRaw`UPDATE clients SET last_used_at = ${at}, unused_until = ${unusedUntil}
        WHERE id = ${id} AND unused_until IS NOT NULL AND (last_used_at IS NULL OR last_used_at < ${notedBefore})`;
    },

    async listUnused(at: Date, limit: number): Promise<string[]> {
      const rows = await db.client.client.findMany({
        where: { unusedUntil: { lt: at } },
        select: { id: true },
        orderBy: { unusedUntil: 'asc' },
        take: limit,
      });
      return rows.map(({ id }) => id);
    },
    /** Those of them that are unused at this moment. */
    async deleteUnused(tx: Transaction, ids: readonly string[], at: Date): Promise<string[]> {
      const gone: string[] = [];
      for (const id of ids) if ((await tx.client.deleteMany({ where: { id, unusedUntil: { lt: at } } })).count > 0) gone.push(id);
      return gone;
    },

    /** Many at once: a thousand statements one by one would outlast the transaction on a slow machine. @throws as `insert` */
    async insertAll(tx: Transaction, rows: readonly ClientRow[]): Promise<void> {
      for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
        await tx.client.createMany({ data: rows.slice(start, start + ROWS_PER_INSERT) });
      }
    },

    async update(tx: Transaction, id: string, data: Partial<ClientRow>): Promise<void> {
      await tx.client.update({ where: { id }, data });
    },

    async delete(tx: Transaction, id: string): Promise<boolean> {
      return (await tx.client.deleteMany({ where: { id } })).count > 0;
    },
  };
}
