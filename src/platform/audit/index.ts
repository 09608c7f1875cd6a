/**
 * Owns: the append-only record of what changed security state or failed to authenticate: who, what, on whom, from where, outcome; the chain that
 * shows what somebody did to it afterwards, its search, its export, and how long it is kept.
 * Does not own: logs (platform/log), which may be lost; metrics; telling others of events (platform/webhooks).
 */
import type { KeyObject } from 'node:crypto';
import { addSeconds, nowDate } from '../clock.js';
import type { Database } from '../db/index.js';
import { withLease } from '../leases/index.js';
import type { Logger } from '../log/index.js';
import { createChain, type OnChained } from './chain.js';
import { createChainRepository } from './chain-repository.js';
import { createContinuation } from './continuation.js';
import { createMarks } from './marks.js';
import { type Audit, type AuditDeps, createRecorder } from './recorder.js';
import { createRetention } from './retention.js';
import { createSearch } from './search.js';
import { createVerification } from './verification.js';

export type { OnChained } from './chain.js';
export type { ChainedEvent, KeptEvent } from './chain-repository.js';
export { type AuditEventType, auditEventTypes } from './event-types.js';
export type { AuditFault } from './findings.js';
export type { Audit, AuditDetail, AuditEvent } from './recorder.js';
export { type AuditPage, type AuditQuery, typesOf } from './search.js';
export { type ToldEvent, tellEvent } from './told-event.js';
export { type AuditVerification, parseHead } from './verification.js';

/** Who writes events. @param deps.key 32 bytes, see marks.ts */
export const createAudit = ({ key, ...deps }: Omit<AuditDeps, 'marks'> & { key: KeyObject }): Audit =>
  createRecorder({ ...deps, marks: createMarks(key) });

/** Who looks after the events that are written. */
export type AuditTrail = ReturnType<typeof createAuditTrail>;

const CHAIN_LEASE_SECONDS = 60;
const RETENTION_LEASE_SECONDS = 300;

/** @param deps.onChained puts what is to be sent because of events into the transaction that chains them */
export function createAuditTrail({
  db,
  key,
  log,
  onChained,
  batch,
}: {
  db: Database;
  key: KeyObject;
  log: Pick<Logger, 'error' | 'info'>;
  onChained?: OnChained | undefined;
  batch?: number;
}) {
  const repository = createChainRepository(db);
  const parts = { repository, marks: createMarks(key), log, ...(batch === undefined ? {} : { batch }) };
  const chain = createChain({ ...parts, onChained });
  const retention = createRetention(parts);
  let begun = false;
  return {
    /** Gives waiting events their places, if no other process is at it. @returns how many */
    async chain(signal?: AbortSignal): Promise<number> {
      if (begun && !(await repository.hasUnchained())) return 0;
      const outcome = await withLease(db, 'audit_chain', CHAIN_LEASE_SECONDS, () => chain.run(signal));
      begun ||= outcome.held;
      return outcome.held ? outcome.result : 0;
    },
    /** Deletes events that are older than so many days, if no other process is at it. @returns how many */
    async deleteOlderThan(days: number, signal?: AbortSignal): Promise<number> {
      const cutoff = addSeconds(nowDate(), -days * 86_400);
      const outcome = await withLease(db, 'audit_retention', RETENTION_LEASE_SECONDS, () => retention.run(cutoff, signal));
      return outcome.held ? outcome.result : 0;
    },
    verify: createVerification(parts),
    continueChain: createContinuation(parts),
    ...createSearch(parts),
  };
}
