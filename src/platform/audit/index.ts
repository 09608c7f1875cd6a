/**
 * Owns: the append-only record of what changed security state or failed to authenticate: who, what, on whom, from where, outcome.
 * Does not own: logs (platform/log), which may be lost; metrics.
 */
import { randomUUID } from 'node:crypto';
import { nowDate } from '../clock.js';
import type { Database, Transaction } from '../db/index.js';
import type { AuditEventType } from './event-types.js';
import { type AuditRow, createAuditRepository } from './repository.js';

export { type AuditEventType, auditEventTypes } from './event-types.js';

/** Scalars only: whatever is deeper has no place in an event that people search. Never a secret, never what somebody typed. */
export type AuditDetail = Record<string, string | number | boolean>;

export type AuditEvent = {
  type: AuditEventType;
  outcome: 'success' | 'failure';
  /** who did it, when that is known */
  actorId?: string | undefined;
  /** the account it was done to */
  subjectId?: string | undefined;
  clientId?: string | undefined;
  ip?: string | undefined;
  detail?: AuditDetail | undefined;
};

export type Audit = {
  /** Appends an event. Never fails the caller: what cannot be written goes to the log instead. */
  record(event: AuditEvent): Promise<void>;
  /** Appends events with what they tell of, in its transaction: both or neither. @throws what the database throws */
  recordAll(events: readonly AuditEvent[], tx: Transaction): Promise<void>;
};

export type AuditDeps = {
  db: Database;
  log: { error(fields: object, message: string): void };
  /** hears of each event beside the table, for counting; must not throw */
  onEvent?: (event: AuditEvent) => void;
  /** the id of the request in progress, if there is one */
  requestId?: () => string | undefined;
};

const MAX_DETAIL_CHARS = 300;

export function createAudit({ db, log, onEvent, requestId }: AuditDeps): Audit {
  const events = createAuditRepository(db);
  const toRow = ({ detail, ...columns }: AuditEvent): AuditRow => ({
    id: randomUUID(),
    occurredAt: nowDate(),
    requestId: requestId?.(),
    ...columns,
    ...(detail ? { detail: JSON.stringify(shorten(detail)) } : {}),
  });
  return {
    async record(event) {
      onEvent?.(event);
      try {
        await events.insert(toRow(event));
      } catch (error) {
        log.error({ err: error, auditEvent: { ...event, detail: undefined } }, 'an audit event could not be written');
      }
    },
    async recordAll(all, tx) {
      await events.insertAll(all.map(toRow), tx);
      for (const event of all) onEvent?.(event);
    },
  };
}

function shorten(detail: AuditDetail): AuditDetail {
  return Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, MAX_DETAIL_CHARS) : value]),
  );
}
