import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils';
import { currentRequest, inRequestScope, type RequestScope } from '../trace/index.js';
import type { DirectAdapterFactory, DirectDriver, DirectStatement, Done } from './direct.js';
import { type DatabaseTrouble, troubleOf } from './trouble.js';

/** Hears what becomes of statements, beside whoever sent them. */
export type StatementWatcher = {
  /** Called in the scope of the request whose statement it was. */
  failed(trouble: DatabaseTrouble, error: unknown): void;
  /** Called after every statement that went through, so it must cost nothing. */
  succeeded(): void;
  /**
   * How long a statement took, from asking the driver to its answer; its text has places for values, never the values. Whose it was is said, since
   * a driver calls back in the scope of the request that opened the connection, or began the commit.
   */
  took?(seconds: number, text: string | undefined, request: RequestScope | undefined): void;
};

/**
 * Lets a watcher hear of every statement of a driver adapter. It stands below Prisma's client, where each statement passes once, whoever
 * sends it, in whatever transaction.
 */
export function watchStatements<Factory extends DirectAdapterFactory>(factory: Factory, watcher: StatementWatcher): Factory {
  function succeeded(startedAt: number, text: string | undefined, request: RequestScope | undefined): void {
    watcher.succeeded();
    watcher.took?.((performance.now() - startedAt) / 1000, text, request);
  }
  function failed(error: unknown, request: RequestScope | undefined): void {
    const trouble = troubleOf(error);
    if (trouble) inRequestScope(request, () => watcher.failed(trouble, error));
  }
  const textOf = (query: unknown) => (query as { sql?: string } | undefined)?.sql;
  const watched =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      const startedAt = performance.now();
      const request = currentRequest();
      try {
        const result = await call(...args);
        succeeded(startedAt, textOf(args[0]), request);
        return result;
      } catch (error) {
        failed(error, request);
        throw error;
      }
    };
  const watchedDirect =
    <Result>(call: (statement: DirectStatement, done: Done<Result>) => void) =>
    (statement: DirectStatement, done: Done<Result>): void => {
      const startedAt = performance.now();
      const request = currentRequest();
      call(statement, (error, result) => {
        if (error === null) succeeded(startedAt, statement.sql, request);
        else failed(error, request);
        done(error, result);
      });
    };
  const watchQueries = (target: Pick<SqlDriverAdapter, 'queryRaw' | 'executeRaw'>) => {
    target.queryRaw = watched(target.queryRaw.bind(target));
    target.executeRaw = watched(target.executeRaw.bind(target));
  };
  const watchDirect = (target: DirectDriver) => {
    target.readAll = watchedDirect(target.readAll);
    target.readFirst = watchedDirect(target.readFirst);
    target.write = watchedDirect(target.write);
  };
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    watchQueries(adapter);
    watchDirect(adapter);
    const begin = watched(adapter.startTransaction.bind(adapter));
    adapter.startTransaction = async (...args) => {
      const transaction = await begin(...args);
      watchQueries(transaction);
      transaction.commit = watched(transaction.commit.bind(transaction));
      return transaction;
    };
    return adapter;
  };
  return factory;
}
