import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../platform/errors.js';

/**
 * Lets failures of some codes out no sooner than `floorMs` after the work began, so that their time tells nothing. While it waits it holds
 * nothing: no hash slot, no connection to the database. Elapsed time is monotonic, whatever is done to the clock.
 */
export async function withFailureFloor<Result>(
  { floorMs, codes }: { floorMs: number; codes: ReadonlySet<string> },
  work: () => Promise<Result>,
): Promise<Result> {
  const startedAt = performance.now();
  try {
    return await work();
  } catch (error) {
    const restMs = floorMs - (performance.now() - startedAt);
    if (restMs > 0 && error instanceof AppError && codes.has(error.code)) await delay(restMs);
    throw error;
  }
}
