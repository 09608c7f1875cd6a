import { type Client, LibsqlError, type Transaction } from '@libsql/client';
import { type Done, promiseOf } from './direct.js';
import { type Answer, openSqliteStatements, type Statement } from './sqlite-statements.js';

/** The one connection to a SQLite file. */
export type SqliteConnection = {
  /** What Prisma's adapter needs of the client that it would open itself. */
  client: Client;
  /** A read by itself. Waits for the transaction that is open, since both are on one connection. */
  readAll(statement: Statement, done: Done<object[]>): void;
  readFirst(statement: Statement, done: Done<object | undefined>): void;
  /** A write by itself: committed when it resolves, together with what others write at the same moment. */
  write(statement: Statement): Promise<number>;
  /** The same for whoever needs no promise. */
  enqueue(statement: Statement, done: Done<number>): void;
};

/** The last answers have so long to leave the process, in milliseconds. */
const ANSWERS_MS = 100;

/** So many writes share a commit at most. */
const MAX_GROUP = 64;

type Waiting = { statement: Statement; done: Done<number> };

/**
 * Opens the file of a `file:` URL.
 *
 * - Transactions stay on this connection. The library gives its connection to each transaction, opens another one, and leaves the first to the
 *   garbage collector, which does not see that it holds megabytes.
 * - Writes that come in the same turn of the event loop, or in turns that follow at once, are committed together. Each is atomic by itself, and
 *   none is answered before it is on the disk; only the waiting for the disk, which costs more than the write, is shared.
 * - Where a transaction can be neither committed nor undone, every statement fails from then on and the process ends, for whoever supervises it
 *   to start it again: SQLite then undoes what was not committed.
 */
export function openSqliteConnection({
  url,
  timeout,
  onLost = endProcess,
}: {
  url: string;
  timeout: number;
  /** the connection is of no more use and holds the file's lock, which ends with the process only */
  onLost?: (error: Error) => void;
}): SqliteConnection {
  const statements = openSqliteStatements(fileOf(url), { timeout });
  const { run, write, readAll, readFirst, executeScript, close } = statements;
  /** Resolves when the transaction that is open has ended. */
  let transaction: Promise<void> | undefined;
  const waiting: Waiting[] = [];
  /** How many there were a turn ago, while more are coming. */
  let gathered = 1;
  /** Whether the turn before brought none. */
  let quiet = false;

  const reader =
    <Result>(read: (statement: Statement) => Result) =>
    (statement: Statement, done: Done<Result>): void => {
      if (transaction) transaction.then(() => reader(read)(statement, done));
      else done(...attempt(read, statement));
    };

  /** Nothing of a group counts unless all of it is committed; then each of them is tried by itself, and fails or not by itself. */
  function runTogether(group: readonly Waiting[]): void {
    const [blocked] = attempt(run, BEGIN);
    if (blocked !== null) {
      // Another process writes, for longer than is waited. Each by itself would wait as long again, and nothing else runs meanwhile.
      for (const { done } of group) done(blocked);
      return;
    }
    let outcomes: Outcome<number>[];
    try {
      outcomes = group.map(({ statement }) => attemptWithin(statement));
      run(COMMIT);
    } catch {
      rollBack();
      for (const { statement, done } of group) done(...attempt(write, statement));
      return;
    }
    group.forEach(({ done }, index) => {
      done(...(outcomes[index] as Outcome<number>));
    });
  }

  /** A broken constraint undoes its statement only. @throws whatever else is wrong, after which the transaction may have ended by itself */
  function attemptWithin(statement: Statement): Outcome<number> {
    const outcome = attempt(write, statement);
    if (outcome[0] !== null && !isConstraintViolation(outcome[0])) throw outcome[0];
    return outcome;
  }

  function rollBack(): void {
    try {
      run(ROLLBACK);
    } catch (error) {
      // After a full disk or a failed read SQLite has undone the transaction by itself, and there is nothing left to do.
      if (statements.isInTransaction()) lose(error);
    }
  }

  /**
   * Another connection would not help: closing this one frees nothing while statements are prepared on it, which the driver leaves to the garbage
   * collector, so the file would stay locked, for every process; and this one would commit to a transaction that nobody can end.
   */
  function lose(cause: unknown): void {
    const lost = new LibsqlError('a transaction could not be undone', 'SQLITE_IOERR', undefined, undefined, cause as Error);
    statements.refuseAll(lost);
    onLost(lost);
  }

  function flush(): void {
    if (transaction) {
      // What waits for it gathers meanwhile. With a turn more afterwards the next transaction would have begun, and the one after that.
      gathered = MAX_GROUP;
      transaction.then(flush);
      return;
    }
    // A commit costs as much as several writes, so it waits while turns bring more of them, and for one turn that brings none.
    const grows = waiting.length > gathered;
    if (waiting.length < MAX_GROUP && gathered < MAX_GROUP && (grows || !quiet)) {
      quiet = !grows;
      gathered = waiting.length;
      setImmediate(flush);
      return;
    }
    quiet = false;
    gathered = 1;
    const group = waiting.splice(0, MAX_GROUP);
    if (waiting.length > 0) setImmediate(flush);
    const [first] = group;
    if (first && group.length === 1) first.done(...attempt(write, first.statement));
    else if (first) runTogether(group);
  }

  function enqueue(statement: Statement, done: Done<number>): void {
    if (waiting.push({ statement, done }) === 1) setImmediate(flush);
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
    executeMultiple: async (text: string) => executeScript(text),
    transaction: async () => beginTransaction(),
    close,
  };
  return {
    client: client as unknown as Client,
    readAll: reader(readAll),
    readFirst: reader(readFirst),
    enqueue,
    write: (statement) => promiseOf((done) => enqueue(statement, done)),
  };
}

/** Once those who waited have been answered. */
function endProcess(error: Error): void {
  setTimeout(() => {
    throw error;
  }, ANSWERS_MS);
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

type Outcome<Result> = Parameters<Done<Result>>;

function attempt<Result>(work: (statement: Statement) => Result, statement: Statement): Outcome<Result> {
  try {
    return [null, work(statement)];
  } catch (error) {
    return [error];
  }
}

const BEGIN: Statement = { sql: 'BEGIN IMMEDIATE', args: [] };
const BEGIN_DEFERRED: Statement = { sql: 'BEGIN DEFERRED', args: [] };
const COMMIT: Statement = { sql: 'COMMIT', args: [] };
const ROLLBACK: Statement = { sql: 'ROLLBACK', args: [] };

/** The path in a `file:` URL: absolute (`file:/a.db`, `file:///a.db`) or from the working directory (`file:a.db`). */
function fileOf(url: string): string {
  const path = /^file:(?:\/\/(?:localhost)?(?=\/))?([^?#]*)/i.exec(url)?.[1];
  if (!path) throw new TypeError('a SQLite database is named by a URL like file:/path/to/file.db');
  return decodeURIComponent(path);
}

const transactionClosed = () => new LibsqlError('The transaction is closed', 'TRANSACTION_CLOSED');
const isConstraintViolation = (error: unknown): boolean => error instanceof LibsqlError && error.code.startsWith('SQLITE_CONSTRAINT');
