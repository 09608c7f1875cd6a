import { setImmediate as nextTurn } from 'node:timers/promises';
import { nowDate } from '../../platform/clock.js';
import { type Database, type Sql, sql } from '../../platform/db/index.js';

export type PurgeKind =
  | 'artifacts'
  | 'refresh_successors'
  | 'grants'
  | 'sessions'
  | 'one_time_tokens'
  | 'sign_in_devices'
  | 'limit_counters'
  | 'explanations'
  | 'initial_access_tokens';
export type PurgeCounts = Record<PurgeKind, number>;

/**
 * How long a row outlives its expiry. A tombstone must be there for as long as a request that began before it can still save, and the library
 * accepts what expired within its clock tolerance.
 */
const GRACE_SECONDS = 10 * 60;
/** A mail link that is a week too old is still called expired rather than unknown. */
const ONE_TIME_TOKEN_GRACE_SECONDS = 7 * 24 * 3600;

/**
 * Deletes what has expired, by the expiry index, in batches of one short statement each, and lets other work in between. What was revoked or
 * used stays until its own expiry: until then it is what refuses a second use.
 */
export function createPurge({ db, batchSize = 500 }: { db: Database; batchSize?: number }): { run(): Promise<PurgeCounts> } {
  const { client, skipLocked, oneOf } = db;
  const expired = (columnAndTable: Sql, graceSeconds: number): Sql => {
    const before = new Date(nowDate().getTime() - graceSeconds * 1000);
    return oneOf(sql`SELECT ${columnAndTable} WHERE expires_at < ${before} ORDER BY expires_at LIMIT ${batchSize} ${skipLocked}`);
  };
  const batches: Record<PurgeKind, () => Promise<number>> = {
    artifacts: () => client.$executeRaw`DELETE FROM artifacts WHERE id_hash ${expired(sql`id_hash FROM artifacts`, GRACE_SECONDS)}`,
    // Nothing is deleted here: a used refresh token stays, what it was exchanged for is forgotten with its reuse window.
    refresh_successors: () =>
      client.$executeRaw`UPDATE artifacts SET successor = NULL, successor_until = NULL WHERE id_hash ${oneOf(
        sql`SELECT id_hash FROM artifacts WHERE successor_until < ${nowDate()} ORDER BY successor_until LIMIT ${batchSize} ${skipLocked}`,
      )}`,
    grants: () => client.$executeRaw`DELETE FROM grants WHERE id ${expired(sql`id FROM grants`, GRACE_SECONDS)}`,
    sessions: () => client.$executeRaw`DELETE FROM sessions WHERE uid ${expired(sql`uid FROM sessions`, GRACE_SECONDS)}`,
    one_time_tokens: () =>
      client.$executeRaw`DELETE FROM one_time_tokens WHERE id_hash ${expired(sql`id_hash FROM one_time_tokens`, ONE_TIME_TOKEN_GRACE_SECONDS)}`,
    // Its key has two columns; the accounts of a batch lead to it, and each has few.
    sign_in_devices: () =>
      client.$executeRaw`DELETE FROM sign_in_devices WHERE account_id ${expired(sql`account_id FROM sign_in_devices`, 0)} AND expires_at < ${nowDate()}`,
    initial_access_tokens: () =>
      client.$executeRaw`DELETE FROM initial_access_tokens WHERE id ${expired(sql`id FROM initial_access_tokens`, 0)}`,
    explanations: () => client.$executeRaw`DELETE FROM explanations WHERE id ${expired(sql`id FROM explanations`, 0)}`,
    limit_counters: () => client.$executeRaw`DELETE FROM limit_counters WHERE key ${expired(sql`key FROM limit_counters`, 0)}`,
  };
  return {
    /** One pass over all tables. @returns how many rows each lost */
    async run() {
      const kinds = Object.keys(batches) as PurgeKind[];
      const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as PurgeCounts;
      for (const kind of kinds) {
        for (let deleted = batchSize; deleted >= batchSize; ) {
          deleted = await batches[kind]();
          counts[kind] += deleted;
          await nextTurn();
        }
      }
      return counts;
    },
  };
}
