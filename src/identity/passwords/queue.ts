import { passwordsBusy } from './errors.js';

/** Runs so many hashes at a time, lets so many wait, and refuses the rest. */
export type HashQueue = {
  /** @throws AppError `passwords.busy` when too many wait already */
  run<Result>(hash: () => Promise<Result>): Promise<Result>;
  /** How many wait. */
  depth(): number;
};

/** A caller that was refused comes back after the queue has had time to drain. */
const RETRY_AFTER_SECONDS = 2;

export function createHashQueue({ concurrency, maxWaiting }: { concurrency: number; maxWaiting: number }): HashQueue {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    depth: () => waiting.length,
    async run(hash) {
      if (running < concurrency) running++;
      else {
        if (waiting.length >= maxWaiting) throw passwordsBusy(RETRY_AFTER_SECONDS);
        // The slot is handed over, so nobody who comes later can take it.
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      try {
        return await hash();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else running--;
      }
    },
  };
}
