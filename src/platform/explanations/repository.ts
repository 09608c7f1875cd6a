import { type Database, noSql, sql } from '../db/index.js';

export type ExplanationRow = { id: string; clientId: string | null; payload: string; createdAt: Date; expiresAt: Date };

/** At a time, so that nothing waits long for it. */
const BATCH = 500;

export function createExplanationRepository(db: Database) {
  const { client } = db;
  return {
    async insertAll(rows: readonly ExplanationRow[]): Promise<void> {
      await client.$executeRaw`INSERT INTO explanations (id, client_id, payload, created_at, expires_at)
        SELECT value ->> 'id', value ->> 'clientId', value ->> 'payload', ${db.jsonTime('createdAt')}, ${db.jsonTime('expiresAt')} FROM ${db.jsonRows(rows)}`;
    },
    find: (id: string): Promise<ExplanationRow | null> => client.explanation.findUnique({ where: { id } }),
    /** Deletes what is more than so many, the oldest first. @param clientId of one client only */
    async trim(most: number, clientId?: string): Promise<void> {
      const where = clientId === undefined ? noSql : sql`WHERE client_id = ${clientId}`;
      const surplus = db.oneOf(sql`SELECT id FROM explanations ${where} ORDER BY created_at DESC LIMIT ${BATCH} OFFSET ${most}`);
      for (let deleted = BATCH; deleted === BATCH; ) deleted = await client.$executeRaw`DELETE FROM explanations WHERE id ${surplus}`;
    },
  };
}
