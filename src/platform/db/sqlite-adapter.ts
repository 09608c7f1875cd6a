import { type Client, createClient, LibsqlError, type Transaction } from '@libsql/client';
import { PrismaLibSql } from '@prisma/adapter-libsql';

type LibSqlConfig = ConstructorParameters<typeof PrismaLibSql>[0];

/**
 * Prisma's adapter for SQLite, with transactions on a connection that is kept. The library opens a connection for each transaction and leaves it to
 * the garbage collector, which does not see that it holds megabytes: after a thousand transactions a process has grown by hundreds of them.
 * Prisma runs one transaction at a time and nothing beside it, so one connection is enough.
 */
export class SqliteAdapter extends PrismaLibSql {
  override createClient(config: LibSqlConfig): Client {
    const client = createClient(config);
    const connection = createTransactionConnection(() => createClient(config));
    const close = client.close.bind(client);
    client.transaction = () => connection.begin();
    client.close = () => {
      connection.close();
      close();
    };
    return client;
  }
}

function createTransactionConnection(open: () => Client) {
  let kept: Client | undefined;

  /** A connection on which anything failed is closed, which rolls back whatever is open on it. */
  const drop = () => {
    kept?.close();
    kept = undefined;
  };

  return {
    close: drop,
    /** The transaction before has ended: Prisma's adapter holds a lock from `begin` until then. */
    async begin(): Promise<Transaction> {
      kept ??= open();
      const connection = kept;
      let state: 'open' | 'broken' | 'closed' = 'open';
      const requireOpen = () => {
        if (state !== 'open') throw new LibsqlError('The transaction is closed', 'TRANSACTION_CLOSED');
      };
      const guarded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
        requireOpen();
        try {
          return await work();
        } catch (error) {
          // A broken constraint undoes its statement only. After anything else SQLite may have rolled back by itself (a full disk), and what
          // came next would be written outside of any transaction.
          if (!isConstraintViolation(error)) state = 'broken';
          throw error;
        }
      };
      const end = async (statement: 'COMMIT' | 'ROLLBACK'): Promise<void> => {
        const wasOpen = state === 'open';
        state = 'closed';
        if (!wasOpen) {
          drop();
          if (statement === 'COMMIT') throw new LibsqlError('The transaction is closed', 'TRANSACTION_CLOSED');
          return;
        }
        try {
          await connection.execute(statement);
        } catch (error) {
          drop();
          throw error;
        }
      };
      await connection.execute('BEGIN DEFERRED').catch((error: unknown) => {
        drop();
        throw error;
      });
      return {
        execute: (...args: Parameters<Transaction['execute']>) => guarded(() => connection.execute(...args)),
        batch: (statements) => guarded(async () => Promise.all(statements.map((statement) => connection.execute(statement)))),
        executeMultiple: (text) => guarded(() => connection.executeMultiple(text)),
        commit: () => end('COMMIT'),
        rollback: () => (state === 'closed' ? Promise.resolve() : end('ROLLBACK')),
        close: () => {
          if (state !== 'closed') drop();
          state = 'closed';
        },
        get closed() {
          return state !== 'open';
        },
      };
    },
  };
}

const isConstraintViolation = (error: unknown): boolean => error instanceof LibsqlError && error.code.startsWith('SQLITE_CONSTRAINT');
