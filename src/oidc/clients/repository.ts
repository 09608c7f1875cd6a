import type { Database, Transaction } from '../../platform/db/index.js';
import type { ClientRow } from './record.js';

/** The topic that processes watch for changed clients. */
export const CLIENTS_TOPIC = 'clients';

export type ClientRepository = ReturnType<typeof createClientRepository>;

/** A place in the list: what comes after it is asked for. */
export type ListPosition = { createdAt: Date; id: string };

/** SQLite binds at most so many values in one statement that this stays well below. */
const IDS_PER_QUERY = 500;

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

    async update(tx: Transaction, id: string, data: Partial<ClientRow>): Promise<void> {
      await tx.client.update({ where: { id }, data });
    },

    async delete(tx: Transaction, id: string): Promise<boolean> {
      return (await tx.client.deleteMany({ where: { id } })).count > 0;
    },
  };
}
