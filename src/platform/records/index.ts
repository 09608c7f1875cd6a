/**
 * Owns: how the parts that keep record of what happens hang together: events, their chain, webhooks, explanations of refusals, and messages to others.
 * Does not own: any of them.
 */
import { type Audit, type AuditEvent, type AuditTrail, createAudit, createAuditTrail } from '../audit/index.js';
import type { SecretStore } from '../crypto/index.js';
import type { Database } from '../db/index.js';
import { createExplanations, type Explanations } from '../explanations/index.js';
import type { Logger } from '../log/index.js';
import type { Outbound } from '../outbound/index.js';
import { createOutbox, type Outbox } from '../outbox/index.js';
import { currentRequest } from '../trace/index.js';
import { createWebhooks, type Webhooks } from '../webhooks/index.js';

export type Records = {
  audit: Audit;
  auditTrail: AuditTrail;
  outbox: Outbox;
  webhooks: Webhooks;
  explanations: Explanations;
  /** Writes what was kept back to be written together. */
  flushRecords(): Promise<void>;
};

export type RecordsDeps = {
  db: Database;
  secrets: Pick<SecretStore, 'sealer' | 'auditKey'>;
  log: Logger;
  outbound: Pick<Outbound, 'fetch'>;
  /** hears of each event, for counting */
  onEvent: (event: AuditEvent) => void;
};

export function createRecords({ db, secrets, log, outbound, onEvent }: RecordsDeps): Records {
  const key = secrets.auditKey;
  const { sealer } = secrets;
  const audit = createAudit({ db, key, log, onEvent, requestId: () => currentRequest()?.requestId });
  const outbox = createOutbox({ db, sealer, log });
  const webhooks = createWebhooks({ db, sealer, outbox, outbound, audit });
  const explanations = createExplanations({ db, sealer, log });
  return {
    ...{ audit, outbox, webhooks, explanations },
    auditTrail: createAuditTrail({ db, key, log, onChained: webhooks.onChained }),
    flushRecords: async () => void (await Promise.all([audit.flush(), explanations.flush()])),
  };
}
