import { type Client, createClient, LibsqlError, type ResultSet, type Transaction } from '@libsql/client';
import { PrismaLibSql } from '@prisma/adapter-libsql';

type LibSqlConfig = ConstructorParameters<typeof PrismaLibSql>[0];

/**
 * Prisma's adapter for SQLite, with transactions on the connection that is there. The library gives its connection to each transaction, opens
 * another one, and leaves the first to the garbage collector, which does not see that it holds megabytes: after a hundred transactions a process
 * had grown by as many. Prisma's adapter holds a lock from the beginning of a transaction to its end, so nothing else is sent in between.
 */
export class SqliteAdapter extends PrismaLibSql {
  override createClient(config: LibSqlConfig): Client {
    const client = createClient(config);
    client.transaction = async () => {
      await client.execute('BEGIN DEFERRED');
      return createTransaction(client);
    };
    return client;
  }
}

function createTransaction(client: Client): Transaction {
  let state: 'open' | 'broken' | 'ended' = 'open';

  const guarded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (state !== 'open') throw transactionClosed();
    try {
      return await work();
    } catch (error) {
      // A broken constraint undoes its statement only. After anything else SQLite may have rolled back by itself (a full disk), and what came
      // next would be written outside of any transaction.
      if (!isConstraintViolation(error)) state = 'broken';
      throw error;
    }
  };

  /** Leaves the connection without a transaction, whatever state it was in. */
  async function rollback(): Promise<void> {
    if (state === 'ended') return;
    state = 'ended';
    try {
      await client.execute('ROLLBACK');
    } catch (error) {
      // Closing it rolls back as well. Where SQLite had done so already, there is nothing left to do.
      if (!/no transaction is active/.test(String(error))) await client.reconnect();
    }
  }

  async function commit(): Promise<void> {
    if (state !== 'open') {
      await rollback();
      throw transactionClosed();
    }
    try {
      await client.execute('COMMIT');
      state = 'ended';
    } catch (error) {
      await rollback();
      throw error;
    }
  }

  return {
    execute: (...args: Parameters<Transaction['execute']>) => guarded(() => client.execute(...args)),
    executeMultiple: (text) => guarded(() => client.executeMultiple(text)),
    batch: (statements) =>
      guarded(async () => {
        const results: ResultSet[] = [];
        for (const statement of statements) results.push(await client.execute(statement));
        return results;
      }),
    commit,
    rollback,
    close: () => void rollback(),
    get closed() {
      return state !== 'open';
    },
  };
}

const transactionClosed = () => new LibsqlError('The transaction is closed', 'TRANSACTION_CLOSED');
const isConstraintViolation = (error: unknown): boolean => error instanceof LibsqlError && error.code.startsWith('SQLITE_CONSTRAINT');
