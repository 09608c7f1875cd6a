/**
 * Owns: how the parts that keep record of what happens hang together: events, their chain, and messages to others.
 * Does not own: any of them.
 */
import { type Audit, type AuditEvent, type AuditTrail, createAudit, createAuditTrail } from '../audit/index.js';
import type { SecretStore } from '../crypto/index.js';
import type { Database } from '../db/index.js';
import type { Logger } from '../log/index.js';
import { createOutbox, type Outbox } from '../outbox/index.js';

export type Records = {
  audit: Audit;
  auditTrail: AuditTrail;
  outbox: Outbox;
};

export type RecordsDeps = {
  db: Database;
  secrets: Pick<SecretStore, 'sealer' | 'auditKey'>;
  log: Logger;
  /** hears of each event, for counting */
  onEvent: (event: AuditEvent) => void;
};

export function createRecords({ db, secrets, log, onEvent }: RecordsDeps): Records {
  const key = secrets.auditKey;
  return {
    audit: createAudit({ db, key, log, onEvent }),
    auditTrail: createAuditTrail({ db, key, log }),
    outbox: createOutbox({ db, sealer: secrets.sealer, log }),
  };
}
