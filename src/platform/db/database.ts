import { nowDate } from '../clock.js';
import { randomId } from '../crypto/index.js';
import { createDirectStatements, type DirectStatements, keepAdapter } from './direct.js';
import { PrismaClient as PostgresqlClient } from './generated/postgresql/client.js';
import { Prisma, PrismaClient as SqliteClient } from './generated/sqlite/client.js';
import { PostgresqlAdapter } from './postgresql-adapter.js';
import { compileQueryCompilerOnce } from './query-compiler.js';
import { SqliteAdapter } from './sqlite-adapter.js';
import { createVitals, type OutageListener } from './vitals.js';
import { type StatementWatcher, watchStatements } from './watch.js';

/** What a query can be run on: the client or an open transaction. */
export type Transaction = Prisma.TransactionClient;

/** A piece of SQL with its parameters, for statements that are put together. */
export type Sql = Prisma.Sql;

/** Makes a piece of SQL to be put into a statement; values become parameters. */
export const sql = Prisma.sql;
/** A list of values for `IN (...)`; must not be empty. */
export const sqlList = Prisma.join;
/** The piece of SQL that says nothing. */
export const noSql = Prisma.empty;

/**
 * An open database. Code is typed against the SQLite client, the narrower of the two (no case-insensitive filters, no lists), so what
 * compiles runs on both.
 */
export type Database = DirectStatements & {
  client: SqliteClient;
  provider: 'sqlite' | 'postgresql';
  /** True for an error that a unique index caused: somebody else was first. */
  isUniqueViolation(error: unknown): boolean;
  /**
   * Appended to a SELECT that must hold rows still until its statement's transaction ends. SQLite has one writer at a time and needs none;
   * PostgreSQL needs `FOR SHARE`, so that an insert which depends on a row cannot slip past a concurrent update of it.
   */
  lockRows: Prisma.Sql;
  /** Like `lockRows`, for rows that the same transaction goes on to change: everybody who wants them waits (`FOR UPDATE`). */
  lockForUpdate: Prisma.Sql;
  /** Both of these for a SELECT from two tables: `lockRows` on the first, then `lockForUpdate` on the second. Takes the names they have there. */
  lockInOrder(held: string, changed: string): Prisma.Sql;
  /** Like `lockForUpdate`, but passes over rows that somebody else holds, so that housekeeping never waits and never deadlocks. */
  skipLocked: Prisma.Sql;
  /**
   * The condition `= one of` what a subquery selects. PostgreSQL is given an array, so that the subquery runs once, its LIMIT holds, and its
   * few rows are found by the index however many others there are.
   */
  oneOf(subquery: Sql): Sql;
  /** A column by which SQLite, which knows nothing of how many rows fit, must not begin to search. PostgreSQL counts. */
  notLeading(column: Sql): Sql;
  /**
   * Rows of a JSON array as a table of one column: `value ->> 'member'` is a member's text. However many rows, it is one parameter and a short
   * statement; a statement with thousands of parameters takes a megabyte outside of the heap until it is collected.
   */
  jsonRows(rows: readonly object[]): Sql;
  /** A member of `jsonRows` that is a Date, as columns keep times. */
  jsonTime(member: string): Sql;
  /** What time it is there. An embedded one has the time of its machine. */
  clock(): Promise<Date>;
  /** @throws when the database does not answer */
  ping(): Promise<void>;
  /** Whether rows can be written, as far as is known: after a write failed for want of space or permission, tries one itself. */
  isWritable(): Promise<boolean>;
  close(): Promise<void>;
};

/** `file:` is SQLite, `postgresql:` or `postgres:` is PostgreSQL. @throws TypeError for any other URL */
export function databaseProviderOf(url: string): Database['provider'] {
  if (url.startsWith('file:')) return 'sqlite';
  if (/^postgres(ql)?:\/\//.test(url)) return 'postgresql';
  throw new TypeError('DATABASE_URL must start with file: (SQLite) or postgresql:// (PostgreSQL)');
}

/** Waiting time of a SQLite writer for another process (the CLI beside the server), in milliseconds. */
export const SQLITE_BUSY_TIMEOUT_MS = 5000;

/**
 * Opens the database named by a URL. Nothing is created but a missing SQLite file; see `migrate`.
 * @param options.outage hears when the database cannot be reached or written, and when it can again
 */
export async function openDatabase({
  url,
  poolSize = 10,
  outage,
  onStatement,
}: {
  url: string;
  poolSize?: number;
  outage?: OutageListener;
  /** hears how many seconds each statement took, its text, which has no values in it, and the request it was sent for */
  onStatement?: StatementWatcher['took'];
}): Promise<Database> {
  const provider = databaseProviderOf(url);
  compileQueryCompilerOnce();
  const vitals = createVitals({ outage, write: (text) => tryToWrite(client, text) });
  const watcher = onStatement ? { ...vitals, took: onStatement } : vitals;
  const kept =
    provider === 'sqlite'
      ? keepAdapter(watchStatements(new SqliteAdapter({ url, timeout: SQLITE_BUSY_TIMEOUT_MS }), watcher))
      : keepAdapter(watchStatements(new PostgresqlAdapter({ url, poolSize }), watcher));
  const client =
    provider === 'sqlite'
      ? new SqliteClient({ adapter: kept.factory })
      : // The two generated clients differ in filters only that this code cannot express, since it is typed against the SQLite one.
        (new PostgresqlClient({ adapter: kept.factory }) as unknown as SqliteClient);
  // WAL lets readers read while one writes; the mode is kept in the file.
  if (provider === 'sqlite') await client.$queryRawUnsafe('PRAGMA journal_mode = WAL');
  return {
    ...createDirectStatements({
      adapter: kept.adapter,
      connect: () => client.$connect(),
      textOf: provider === 'sqlite' ? (statement) => statement.sql : (statement) => statement.text,
    }),
    client,
    provider,
    isUniqueViolation,
    lockRows: provider === 'postgresql' ? Prisma.sql`FOR SHARE` : Prisma.empty,
    lockForUpdate: provider === 'postgresql' ? Prisma.sql`FOR UPDATE` : Prisma.empty,
    lockInOrder: (held, changed) =>
      provider === 'postgresql' ? Prisma.raw(`FOR SHARE OF ${held} FOR UPDATE OF ${changed}`) : Prisma.empty,
    skipLocked: provider === 'postgresql' ? Prisma.sql`FOR UPDATE SKIP LOCKED` : Prisma.empty,
    oneOf: (subquery) => (provider === 'postgresql' ? Prisma.sql`= ANY (ARRAY(${subquery}))` : Prisma.sql`IN (${subquery})`),
    notLeading: (column) => (provider === 'sqlite' ? Prisma.sql`+${column}` : column),
    jsonRows(rows) {
      const json = JSON.stringify(rows);
      return provider === 'postgresql' ? Prisma.sql`jsonb_array_elements(CAST(${json} AS jsonb))` : Prisma.sql`json_each(${json})`;
    },
    jsonTime: (member) =>
      provider === 'postgresql'
        ? Prisma.sql`CAST(value ->> ${Prisma.raw(`'${member}'`)} AS timestamp(3))`
        : // As Prisma writes times, so that they are in order with its own.
          Prisma.sql`replace(value ->> ${Prisma.raw(`'${member}'`)}, 'Z', '+00:00')`,
    async clock() {
      if (provider === 'sqlite') return nowDate();
      const [row] = await client.$queryRaw<{ ms: number }[]>`SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::double precision AS ms`;
      return new Date(row?.ms ?? Number.NaN);
    },
    async ping() {
      await client.$queryRaw`SELECT 1`;
    },
    isWritable: vitals.provesWritable,
    close: () => client.$disconnect(),
  };
}

/** A row of its own in the table of leases, there and gone in one transaction. */
async function tryToWrite(client: SqliteClient, text: string): Promise<void> {
  const name = `write-probe:${randomId(9)}`;
  await client.$transaction([
    client.$executeRaw`INSERT INTO leases (name, holder, expires_at) VALUES (${name}, ${text}, ${nowDate()})`,
    client.$executeRaw`DELETE FROM leases WHERE name = ${name}`,
  ]);
}

type DriverError = { cause?: { kind?: unknown } };

/** Prisma's own calls say P2002; a raw statement says P2010 and carries the driver's account of it; a direct one is that account. */
function isUniqueViolation(error: unknown): boolean {
  const { code, meta, cause } = (error ?? {}) as DriverError & { code?: unknown; meta?: { driverAdapterError?: DriverError } };
  return code === 'P2002' || (meta?.driverAdapterError?.cause ?? cause)?.kind === 'UniqueConstraintViolation';
}
