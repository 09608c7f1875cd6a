import type { Database } from '../db/index.js';

export function createAuditRepository(db: Database) {
  return {
    async insert(row: {
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
    }): Promise<void> {
      await db.client.auditEvent.create({ data: row, select: { id: true } });
    },
  };
}
