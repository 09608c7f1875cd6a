import type { DatabaseTrouble } from './trouble.js';
import type { StatementWatcher } from './watch.js';

/** Hears of an outage once when it begins and once when it is over. */
export type OutageListener = {
  began(trouble: DatabaseTrouble, error: unknown): void;
  ended(trouble: DatabaseTrouble): void;
};

/** What the statements of this process have lately met. */
export type Vitals = StatementWatcher & {
  /** The database answered after it could not be written: asks it to take a row, as long as nobody knows that it can. */
  provesWritable(): Promise<boolean>;
};

/** Longer than a page of either database, so that it needs space of its own. */
const PROBE_CHARS = 12_000;

/**
 * @param options.write puts a row with this text into the database and takes it out again; throws when it cannot
 */
export function createVitals({ write, outage }: { write(text: string): Promise<void>; outage?: OutageListener | undefined }): Vitals {
  let unreachable = false;
  let unwritable: DatabaseTrouble | undefined;
  let proving: Promise<boolean> | undefined;

  async function prove(): Promise<boolean> {
    try {
      await write('x'.repeat(PROBE_CHARS));
    } catch {
      return false;
    }
    if (unwritable) outage?.ended(unwritable);
    unwritable = undefined;
    return true;
  }

  return {
    failed(trouble, error) {
      // Waiting too long is no outage: the one who waited is told to come again.
      if (trouble === 'busy') return;
      if (trouble === 'unreachable') {
        if (!unreachable) outage?.began(trouble, error);
        unreachable = true;
      } else {
        if (!unwritable) outage?.began(trouble, error);
        unwritable = trouble;
      }
    },
    succeeded() {
      if (!unreachable) return;
      unreachable = false;
      outage?.ended('unreachable');
    },
    async provesWritable() {
      if (!unwritable) return true;
      // However often it is asked, the database is tried once at a time.
      proving ??= prove().finally(() => {
        proving = undefined;
      });
      return proving;
    },
  };
}
