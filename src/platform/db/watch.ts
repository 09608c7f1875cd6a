import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import type { DirectAdapter } from './direct.js';
import { type DatabaseTrouble, troubleOf } from './trouble.js';

/** Hears what becomes of statements, beside whoever sent them. */
export type StatementWatcher = {
  failed(trouble: DatabaseTrouble, error: unknown): void;
  /** Called after every statement that went through, so it must cost nothing. */
  succeeded(): void;
  /** How long a statement took, from asking the driver to its answer; its text has places for values, never the values. */
  took?(seconds: number, text: string | undefined): void;
};

/**
 * Lets a watcher hear of every statement of a driver adapter. It stands below Prisma's client, where each statement passes once, whoever
 * sends it, in whatever transaction.
 */
export function watchStatements<Factory extends SqlDriverAdapterFactory>(factory: Factory, watcher: StatementWatcher): Factory {
  const textOf = (query: unknown) => (query as { sql?: string } | undefined)?.sql;
  const watched =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      const startedAt = performance.now();
      try {
        const result = await call(...args);
        watcher.succeeded();
        watcher.took?.((performance.now() - startedAt) / 1000, textOf(args[0]));
        return result;
      } catch (error) {
        const trouble = troubleOf(error);
        if (trouble) watcher.failed(trouble, error);
        throw error;
      }
    };
  const watchQueries = (target: Pick<DirectAdapter, 'queryRaw' | 'executeRaw' | 'queryRows'>) => {
    target.queryRaw = watched(target.queryRaw.bind(target));
    target.executeRaw = watched(target.executeRaw.bind(target));
    if (target.queryRows) target.queryRows = watched(target.queryRows.bind(target));
  };
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    watchQueries(adapter);
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
