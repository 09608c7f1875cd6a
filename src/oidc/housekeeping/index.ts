/**
 * Owns: the recurring work of a server: signing keys rotate and go, audit events are chained, expired rows are deleted. Does not own: how each is done.
 */
import type { Config } from '../../config/index.js';
import type { AuditTrail } from '../../platform/audit/index.js';
import type { Database } from '../../platform/db/index.js';
import type { JobRunner } from '../../platform/jobs/index.js';
import { withLease } from '../../platform/leases/index.js';
import type { Logger } from '../../platform/log/index.js';
import type { Metrics } from '../../platform/metrics/index.js';
import { createPurge } from '../adapter/index.js';
import type { Clients } from '../clients/index.js';
import type { SigningKeys } from '../signing-keys/index.js';

const ROTATION_CHECK_SECONDS = 60;
const REMOVAL_CHECK_SECONDS = 3600;
const PURGE_LEASE_SECONDS = 300;
/** An event has its place in the chain within ten seconds. */
const CHAIN_SECONDS = 5;
const RETENTION_CHECK_SECONDS = 3600;

export type HousekeepingDeps = {
  config: Pick<Config, 'purgeIntervalSeconds' | 'auditRetentionDays'>;
  db: Database;
  signingKeys: SigningKeys;
  clients: Pick<Clients, 'deleteUnused'>;
  auditTrail: Pick<AuditTrail, 'chain' | 'deleteOlderThan'>;
  metrics: Pick<Metrics, 'rowsPurged'>;
  log: Logger;
};

/** Adds the jobs to a runner. */
export function addHousekeeping(jobs: JobRunner, { config, db, signingKeys, clients, auditTrail, metrics, log }: HousekeepingDeps): void {
  jobs.every({ name: 'rotate signing keys', seconds: ROTATION_CHECK_SECONDS, run: () => signingKeys.rotateIfDue() });
  jobs.every({ name: 'remove retired signing keys', seconds: REMOVAL_CHECK_SECONDS, run: () => signingKeys.removeExpired() });
  jobs.every({ name: 'chain audit events', seconds: CHAIN_SECONDS, run: auditTrail.chain });
  if (config.auditRetentionDays > 0) {
    jobs.every({
      name: 'delete old audit events',
      seconds: RETENTION_CHECK_SECONDS,
      async run(signal) {
        const deleted = await auditTrail.deleteOlderThan(config.auditRetentionDays, signal);
        metrics.rowsPurged('audit_events', deleted);
        if (deleted > 0) log.info({ deleted }, 'old audit events were deleted');
      },
    });
  }
  if (config.purgeIntervalSeconds === 0) return;
  const purge = createPurge({ db });
  jobs.every({
    name: 'purge expired rows',
    seconds: config.purgeIntervalSeconds,
    async run() {
      const outcome = await withLease(db, 'purge', PURGE_LEASE_SECONDS, async () => ({
        ...(await purge.run()),
        clients: await clients.deleteUnused(),
      }));
      if (!outcome.held) return;
      for (const [kind, rows] of Object.entries(outcome.result)) metrics.rowsPurged(kind, rows);
      if (Object.values(outcome.result).some((rows) => rows > 0)) log.info({ purged: outcome.result }, 'expired rows were deleted');
    },
  });
}
