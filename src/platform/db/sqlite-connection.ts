import { type Client, LibsqlError, type ResultSet, type Transaction } from '@libsql/client';
import Connection from 'libsql';
import { LRUCache } from 'lru-cache';
import { type ToObject, toObjectWith } from './sqlite-rows.js';

export type Statement = { sql: string; args: readonly unknown[] };
/** What Prisma's adapter reads of an answer. */
type Answer = Pick<ResultSet, 'columns' | 'columnTypes' | 'rows' | 'rowsAffected'>;

/** The one connection to a SQLite file. */
export type SqliteConnection = {
  /** What Prisma's adapter needs of the client that it would open itself. */
  client: Client;
  /** A read by itself: rows as objects. Waits for the transaction that is open, since both are on one connection. */
  read(statement: Statement): Promise<object[]>;
  /** A write by itself: committed when it resolves, together with what others write at the same moment. */
  write(statement: Statement): Promise<number>;
};

/** Statements that are kept prepared; the longer ones are made once for each combination of conditions. */
const MAX_PREPARED = 500;
/** So many writes share a commit at most. */
const MAX_GROUP = 64;

type Reader = { statement: Connection.Statement; columns: string[]; columnTypes: string[]; toObject: ToObject };
type Prepared = Reader | { statement: Connection.Statement };
type Waiting = Statement & { resolve(changes: number): void; reject(error: unknown): void };

/**
 * Opens the file of a `file:` URL.
 *
 * - Statements stay prepared: SQLite prepares them again by itself where a table has changed.
 * - Transactions stay on this connection. The library gives its connection to each transaction, opens another one, and leaves the first to the
 *   garbage collector, which does not see that it holds megabytes.
 * - Writes that come in the same turn of the event loop are committed together. Each is atomic by itself as before, and none is answered before
 *   it is on the disk; only the waiting for the disk, which costs more than the write, is shared.
 */
export function openSqliteConnection({ url, timeout }: { url: string; timeout: number }): SqliteConnection {
  const file = fileOf(url);
  let connection = new Connection(file, { timeout });
  const prepared = new LRUCache<string, Prepared>({ max: MAX_PREPARED });
  /** Resolves when the transaction that is open has ended. */
  let transaction: Promise<void> | undefined;
  const waiting: Waiting[] = [];

  function prepare(text: string): Prepared {
    const known = prepared.get(text);
    if (known) return known;
    const statement = connection.prepare(text);
    const made = statement.reader ? readerOf(statement) : { statement };
    prepared.set(text, made);
    return made;
  }

  function run({ sql, args }: Statement): Answer {
    try {
      const known = prepare(sql);
      const values = args.map(toSqlite);
      if (!('columns' in known)) return { ...NO_ROWS, rowsAffected: known.statement.run(values).changes };
      const { columns, columnTypes } = known;
      return { columns, columnTypes, rows: known.statement.all(values) as Answer['rows'], rowsAffected: 0 };
    } catch (error) {
      throw toLibsqlError(error);
    }
  }

  function readObjects({ sql, args }: Statement): object[] {
    try {
      const known = prepare(sql);
      const values = args.map(toSqlite);
      // Without an answer it is no statement that reads (`INSERT` without `RETURNING`).
      if (!('toObject' in known)) throw new TypeError('a statement that answers nothing was to be read');
      return (known.statement.all(values) as unknown[][]).map(known.toObject);
    } catch (error) {
      throw toLibsqlError(error);
    }
  }

  const runAlone = (each: Waiting) => {
    try {
      each.resolve(run(each).rowsAffected);
    } catch (error) {
      each.reject(error);
    }
  };

  /** Nothing of a group counts unless all of it is committed; then each of them is tried by itself, and fails or not by itself. */
  function runTogether(group: readonly Waiting[]): void {
    const outcomes: (() => void)[] = [];
    try {
      run(BEGIN);
    } catch (error) {
      // Another process writes, for longer than is waited. Each by itself would wait as long again, and nothing else runs meanwhile.
      for (const each of group) each.reject(error);
      return;
    }
    try {
      for (const each of group) outcomes.push(outcomeOf(each));
      run(COMMIT);
    } catch {
      rollBack();
      for (const each of group) runAlone(each);
      return;
    }
    for (const settle of outcomes) settle();
  }

  /** A broken constraint undoes its statement only. @throws whatever else is wrong */
  function outcomeOf(each: Waiting): () => void {
    try {
      const { rowsAffected } = run(each);
      return () => each.resolve(rowsAffected);
    } catch (error) {
      if (!isConstraintViolation(error)) throw error;
      return () => each.reject(error);
    }
  }

  function rollBack(): void {
    try {
      run(ROLLBACK);
    } catch (error) {
      // Closing it rolls back as well. Where SQLite had done so already, there is nothing left to do.
      if (!/no transaction is active/.test(String(error))) reconnect();
    }
  }

  function reconnect(): void {
    prepared.clear();
    connection.close();
    connection = new Connection(file, { timeout });
  }

  async function flush(): Promise<void> {
    while (transaction) await transaction;
    const group = waiting.splice(0, MAX_GROUP);
    if (waiting.length > 0) setImmediate(flush);
    const [first] = group;
    if (first && group.length === 1) runAlone(first);
    else if (first) runTogether(group);
  }

  function beginTransaction(): Transaction {
    run(BEGIN_DEFERRED);
    let ended = () => {};
    transaction = new Promise((resolve) => {
      ended = () => {
        transaction = undefined;
        resolve();
      };
    });
    return createTransaction({ run, rollBack, ended });
  }

  const client = {
    execute: async (statement: Statement) => run(statement),
    executeMultiple: async (text: string) => void connection.exec(text),
    transaction: async () => beginTransaction(),
    close: () => {
      prepared.clear();
      connection.close();
    },
  };
  return {
    client: client as unknown as Client,
    async read(statement) {
      while (transaction) await transaction;
      return readObjects(statement);
    },
    write: (statement) =>
      new Promise((resolve, reject) => {
        if (waiting.push({ ...statement, resolve, reject }) === 1) setImmediate(flush);
      }),
  };
}

type TransactionDeps = { run(statement: Statement): Answer; rollBack(): void; ended(): void };

function createTransaction({ run, rollBack, ended }: TransactionDeps): Transaction {
  let state: 'open' | 'broken' | 'ended' = 'open';

  function end(): void {
    if (state === 'ended') return;
    state = 'ended';
    rollBack();
    ended();
  }

  const transaction = {
    async execute(statement: Statement) {
      if (state !== 'open') throw transactionClosed();
      try {
        return run(statement);
      } catch (error) {
        // After anything but a broken constraint SQLite may have rolled back by itself (a full disk), and what came next would be written
        // outside of any transaction.
        if (!isConstraintViolation(error)) state = 'broken';
        throw error;
      }
    },
    async commit() {
      if (state !== 'open') {
        end();
        throw transactionClosed();
      }
      try {
        run(COMMIT);
        state = 'ended';
        ended();
      } catch (error) {
        end();
        throw error;
      }
    },
    rollback: async () => end(),
    close: end,
    get closed() {
      return state !== 'open';
    },
  };
  return transaction as unknown as Transaction;
}

const BEGIN: Statement = { sql: 'BEGIN IMMEDIATE', args: [] };
const BEGIN_DEFERRED: Statement = { sql: 'BEGIN DEFERRED', args: [] };
const COMMIT: Statement = { sql: 'COMMIT', args: [] };
const ROLLBACK: Statement = { sql: 'ROLLBACK', args: [] };
const NO_ROWS = { columns: [], columnTypes: [], rows: [] };

function readerOf(statement: Connection.Statement): Reader {
  const declared = statement.columns();
  const columns = declared.map(({ name }) => name);
  const columnTypes = declared.map(({ type }) => type ?? '');
  return { statement: statement.raw(true), columns, columnTypes, toObject: toObjectWith(columns, columnTypes) };
}

function toSqlite(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === undefined) throw new TypeError('a parameter of a statement is missing');
  return value instanceof ArrayBuffer ? Buffer.from(value) : value;
}

/** The path in a `file:` URL: absolute (`file:/a.db`, `file:///a.db`) or from the working directory (`file:a.db`). */
function fileOf(url: string): string {
  const path = /^file:(?:\/\/(?:localhost)?(?=\/))?([^?#]*)/i.exec(url)?.[1];
  if (!path) throw new TypeError('a SQLite database is named by a URL like file:/path/to/file.db');
  return decodeURIComponent(path);
}

/** In the shape that Prisma's adapter knows. */
function toLibsqlError(error: unknown): unknown {
  if (!(error instanceof Connection.SqliteError)) return error;
  const { message, code, rawCode } = error as Error & { code: string; rawCode?: number };
  return new LibsqlError(message, code, code, rawCode, error);
}

const transactionClosed = () => new LibsqlError('The transaction is closed', 'TRANSACTION_CLOSED');
const isConstraintViolation = (error: unknown): boolean => error instanceof LibsqlError && error.code.startsWith('SQLITE_CONSTRAINT');
