import { type Database, sql, type Transaction } from '../db/index.js';

export type AuditRow = {
  id: string;
  occurredAt: Date;
  type: string;
  outcome: string;
  actorId?: string | undefined;
  subjectId?: string | undefined;
  clientId?: string | undefined;
  ip?: string | undefined;
  requestId?: string | undefined;
  detail?: string | undefined;
  mac: string;
};

export function createAuditRepository(db: Database) {
  return {
    async insert(row: AuditRow): Promise<void> {
      const { id, occurredAt, type, outcome, actorId = null, subjectId = null, clientId = null, ip = null } = row;
      await db.execute(sql`
        INSERT INTO audit_events (id, occurred_at, type, outcome, actor_id, subject_id, client_id, ip, request_id, detail, mac)
        VALUES (${id}, ${occurredAt}, ${type}, ${outcome}, ${actorId}, ${subjectId}, ${clientId}, ${ip}, ${row.requestId ?? null}, ${row.detail ?? null}, ${row.mac})`);
    },
    async insertAll(rows: readonly AuditRow[], tx: Pick<Transaction, '$executeRaw'> = db.client): Promise<void> {
      await tx.$executeRaw`
        INSERT INTO audit_events (id, occurred_at, type, outcome, actor_id, subject_id, client_id, ip, request_id, detail, mac)
        SELECT value ->> 'id', ${db.jsonTime('occurredAt')}, value ->> 'type', value ->> 'outcome', value ->> 'actorId', value ->> 'subjectId', value ->> 'clientId', value ->> 'ip',
          value ->> 'requestId', value ->> 'detail', value ->> 'mac'
        FROM ${db.jsonRows(rows)}`;
    },
  };
}
