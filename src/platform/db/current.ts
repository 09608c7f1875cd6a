import type { Logger } from '../log/index.js';
import { inRequestScope } from '../trace/index.js';
import { type Database, openDatabase } from './database.js';
import { migrate } from './migrate.js';
import type { DatabaseTrouble } from './trouble.js';

const OUTAGES: Record<DatabaseTrouble, string> = {
  unreachable: 'the database cannot be reached; requests are answered 503 until it can',
  busy: 'the database is busy',
  full: 'the database cannot be written: is the disk full? Requests that write are answered 503 until there is space',
  read_only: 'the database cannot be written: it is read-only. Requests that write are answered 503 until it is not',
};

const MAX_STATEMENT_CHARS = 1000;

/**
 * Brings the database up to date and opens it; its outages are told in the log, once when they begin and once when they are over.
 * @param options.directory where the migrations of both databases lie
 * @throws AppError when it cannot be used; the message says what to do
 */
export async function openCurrentDatabase({
  url,
  directory,
  log,
  poolSize,
  onStatement,
  slow,
}: {
  url: string;
  directory: string;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  poolSize?: number;
  onStatement?: (seconds: number) => void;
  /** what took so many milliseconds is told in the log, and counted */
  slow?: { fromMs: number; count(): void };
}): Promise<Database> {
  const migrated = await migrate({ url, directory });
  if (migrated.ahead.length > 0) log.info({ migrations: migrated.ahead }, 'the database is of a newer version, which this one works with');
  if (migrated.applied.length > 0) log.info({ migrations: migrated.applied }, 'the database was brought up to date');
  return openDatabase({
    url,
    ...(poolSize ? { poolSize } : {}),
    onStatement(seconds, text, request) {
      onStatement?.(seconds);
      if (!slow || slow.fromMs === 0 || seconds * 1000 < slow.fromMs) return;
      slow.count();
      const statement = text?.replace(/\s+/g, ' ').slice(0, MAX_STATEMENT_CHARS);
      inRequestScope(request, () => log.warn({ ms: Math.round(seconds * 1000), statement }, 'a statement was slow'));
    },
    outage: {
      began: (trouble, error) => log.error({ err: error, trouble }, OUTAGES[trouble]),
      // Nobody's: heard by whatever asked first.
      ended: (trouble) => inRequestScope(undefined, () => log.info({ trouble }, 'the database is back')),
    },
  });
}
