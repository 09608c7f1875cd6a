/**
 * Owns: leases, by which one process at a time does a piece of work (purge, housekeeping). A lease saves doing work twice; what must be
 * right even when a lease runs out in the middle is decided by conditional writes or a transaction instead.
 */
import { addSeconds, nowDate } from '../clock.js';
import { randomId } from '../crypto/index.js';
import type { Database } from '../db/index.js';

/** The outcome of `withLease`: the work's result, or that another process holds the lease. */
export type LeaseOutcome<T> = { held: true; result: T } | { held: false };

/**
 * Runs the work if no process holds the lease, and gives it back afterwards. One conditional upsert decides. A lease that lasts longer than any is
 * given for was taken by a clock that was wrong; whoever took it and ended without giving it back must not keep the work from being done for days.
 * @param seconds after which others may take it, should this process die: longer than the work lasts
 */
export async function withLease<T>(
  db: Pick<Database, 'client'>,
  name: string,
  seconds: number,
  run: () => Promise<T>,
): Promise<LeaseOutcome<T>> {
  const holder = randomId(16);
  const now = nowDate();
  const taken = await db.client
    .$executeRaw`INSERT INTO leases (name, holder, expires_at) VALUES (${name}, ${holder}, ${addSeconds(now, seconds)})
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
    WHERE leases.expires_at <= ${now} OR leases.expires_at > ${addSeconds(now, 2 * seconds)}`;
  if (taken === 0) return { held: false };
  try {
    return { held: true, result: await run() };
  } finally {
    // Only its own: had it run out meanwhile, it may be another's by now.
    await db.client.$executeRaw`DELETE FROM leases WHERE name = ${name} AND holder = ${holder}`;
  }
}
