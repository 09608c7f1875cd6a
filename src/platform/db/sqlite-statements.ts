import { LibsqlError, type ResultSet } from '@libsql/client';
import Connection from 'libsql';
import { LRUCache } from 'lru-cache';
import { type ToObject, toObjectWith } from './sqlite-rows.js';

export type Statement = { sql: string; args: readonly unknown[] };
/** What Prisma's adapter reads of an answer. */
export type Answer = Pick<ResultSet, 'columns' | 'columnTypes' | 'rows' | 'rowsAffected'>;

/** The statements of one connection, which stay prepared: SQLite prepares them again by itself where a table has changed. */
export type SqliteStatements = {
  run(statement: Statement): Answer;
  /** @returns how many rows were changed */
  write(statement: Statement): number;
  readAll(statement: Statement): object[];
  readFirst(statement: Statement): object | undefined;
  executeScript(text: string): void;
  /** Whether a transaction is open, as SQLite itself says. */
  isInTransaction(): boolean;
  /** From now on every statement fails with this, and none reaches the file. */
  refuseAll(error: Error): void;
  close(): void;
};

/** Statements that are kept prepared; the longer ones are made once for each combination of conditions. */
const MAX_PREPARED = 500;

/**
 * What was written is moved from the log of changes (`-wal`) to its place in the file whenever the log has so many pages of 4 KiB, by the commit
 * that makes it so long. SQLite's own 1000 makes every hundredth commit take 4 ms instead of 0.2 under load; this, one of 400 take 11, and a tenth
 * less in all, since a page that was changed often is moved once.
 */
const CHECKPOINT_PAGES = 4000;

type Reader = {
  all: Connection.Statement;
  /** The same once more; see `firstRow`. */
  first: Connection.Statement | undefined;
  columns: string[];
  columnTypes: string[];
  toObject: ToObject;
};
type Prepared = { reader: Reader; writer?: undefined } | { writer: Connection.Statement; reader?: undefined };

/** @param options.timeout how long another process that writes is waited for, in milliseconds */
export function openSqliteStatements(file: string, { timeout }: { timeout: number }): SqliteStatements {
  const connection = new Connection(file, { timeout });
  connection.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  let refusal: Error | undefined;
  const prepared = new LRUCache<string, Prepared>({ max: MAX_PREPARED });

  function prepare(text: string): Prepared {
    if (refusal) throw refusal;
    const known = prepared.get(text);
    if (known) return known;
    const statement = connection.prepare(text);
    const made = statement.reader ? { reader: readerOf(statement) } : { writer: statement };
    prepared.set(text, made);
    return made;
  }

  /** Without an answer it is no statement that reads (`INSERT` without `RETURNING`). */
  function prepareReader(text: string): Reader {
    const { reader } = prepare(text);
    if (!reader) throw new TypeError('a statement that answers nothing was to be read');
    return reader;
  }

  /**
   * The library's `get` costs two thirds of its `all`, but resets the statement only when all went well: one that was used otherwise, or failed,
   * would be found where it stopped and answer with the values it had before. So it is used for nothing else, and never again after an error.
   * Nor does it hear of what goes wrong at the end of a write.
   */
  function firstRow(reader: Reader, { sql, args }: Statement): unknown[] | undefined {
    const values = args.map(toSqlite);
    if (!reader.first && !/^\s*SELECT\b/i.test(sql)) throw new TypeError('only a SELECT can be asked for its first row');
    const statement = reader.first ?? connection.prepare(sql).raw(true);
    reader.first = undefined;
    const row = statement.get(values) as unknown[] | undefined;
    reader.first = statement;
    return row;
  }

  return {
    run: ({ sql, args }) =>
      asLibsqlDoes(() => {
        const { reader, writer } = prepare(sql);
        const values = args.map(toSqlite);
        if (writer) return { ...NO_ROWS, rowsAffected: writer.run(values).changes };
        const { columns, columnTypes } = reader;
        return { columns, columnTypes, rows: reader.all.all(values) as Answer['rows'], rowsAffected: 0 };
      }),
    write: ({ sql, args }) =>
      asLibsqlDoes(() => {
        const { reader, writer } = prepare(sql);
        const values = args.map(toSqlite);
        if (writer) return writer.run(values).changes;
        reader.all.all(values);
        return 0;
      }),
    readAll: ({ sql, args }) =>
      asLibsqlDoes(() => {
        const { all, toObject } = prepareReader(sql);
        return (all.all(args.map(toSqlite)) as unknown[][]).map(toObject);
      }),
    readFirst: (statement) =>
      asLibsqlDoes(() => {
        const reader = prepareReader(statement.sql);
        const row = firstRow(reader, statement);
        return row && reader.toObject(row);
      }),
    executeScript(text) {
      if (refusal) throw refusal;
      connection.exec(text);
    },
    // Asked after it was closed, the library would end the process.
    isInTransaction: () => connection.open && connection.inTransaction,
    refuseAll(error) {
      refusal = error;
    },
    close() {
      prepared.clear();
      connection.close();
    },
  };
}

const NO_ROWS = { columns: [], columnTypes: [], rows: [] };

function readerOf(statement: Connection.Statement): Reader {
  const declared = statement.columns();
  const columns = declared.map(({ name }) => name);
  const columnTypes = declared.map(({ type }) => type ?? '');
  return { all: statement.raw(true), first: undefined, columns, columnTypes, toObject: toObjectWith(columns, columnTypes) };
}

/** As a column keeps it. Times are text whose order is that of time, so all of them must be written alike, and as Prisma does. */
export function toSqlite(value: unknown): unknown {
  if (typeof value === 'string' || value === null) return value;
  if (value instanceof Date) return value.toISOString().replace('Z', '+00:00');
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === undefined) throw new TypeError('a parameter of a statement is missing');
  return value instanceof ArrayBuffer ? Buffer.from(value) : value;
}

/** Errors in the shape that Prisma's adapter knows. */
function asLibsqlDoes<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Connection.SqliteError)) throw error;
    const { message, code, rawCode } = error as Error & { code: string; rawCode?: number };
    throw new LibsqlError(message, code, code, rawCode, error);
  }
}
