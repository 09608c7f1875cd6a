import type { SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import type { Sql } from './database.js';

/**
 * Single statements that go past Prisma's client, which takes three to five times as long as SQLite does with a row. They use the connection or
 * pool of the client's adapter and are heard by the same watcher.
 */
export type DirectStatements = {
  query<Row>(statement: Sql): Promise<Row[]>;
  /** The first row: for what is found by a key. Costs less than a list of one. */
  find<Row>(statement: Sql): Promise<Row | undefined>;
  execute(statement: Sql): Promise<number>;
};

/** A text with places for values, and the values. */
export type DirectStatement = { sql: string; args: readonly unknown[] };
/** Called once; `error` is null when there is none. A promise is made for the caller only, since each one costs as much as a small row. */
export type Done<Result> = (error: unknown, result?: Result) => void;

/** What the adapter of each database can do beside what Prisma asks of it. Errors are the adapter's. */
export type DirectDriver = {
  readAll(statement: DirectStatement, done: Done<object[]>): void;
  readFirst(statement: DirectStatement, done: Done<object | undefined>): void;
  write(statement: DirectStatement, done: Done<number>): void;
};

/** For whoever has to wait for what calls back. */
export const promiseOf = <Result>(start: (done: Done<Result>) => void): Promise<Result> =>
  new Promise((resolve, reject) => {
    start((error, result) => (error === null ? resolve(result as Result) : reject(error)));
  });

/** A factory of Prisma's whose adapters can do that. */
export type DirectAdapterFactory = Omit<SqlDriverAdapterFactory, 'connect'> & { connect(): Promise<SqlDriverAdapter & DirectDriver> };

/** Hands on a driver's error as what Prisma's adapter makes of it, which it throws. */
export const adapterErrors =
  <Result>(adapter: unknown, done: Done<Result>): Done<Result> =>
  (error, result) => {
    if (error === null) return done(null, result);
    try {
      (adapter as { onError(error: unknown): never }).onError(error);
    } catch (converted) {
      done(converted);
    }
  };

/** Keeps the adapter that a factory opens. */
export function keepAdapter<Factory extends DirectAdapterFactory>(
  factory: Factory,
): { factory: Factory; adapter(): DirectDriver | undefined } {
  let kept: DirectDriver | undefined;
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    kept = adapter;
    return adapter;
  };
  return { factory, adapter: () => kept };
}

/** @param options.connect opens the adapter where nobody has used it yet */
export function createDirectStatements({
  adapter,
  connect,
  textOf,
}: {
  adapter(): DirectDriver | undefined;
  connect(): Promise<void>;
  textOf(statement: Sql): string;
}): DirectStatements {
  async function opened(): Promise<DirectDriver> {
    await connect();
    const open = adapter();
    if (!open) throw new Error('the database was not opened');
    return open;
  }

  const sender =
    (method: keyof DirectDriver) =>
    <Result>(statement: Sql): Promise<Result> => {
      const send = (driver: DirectDriver) =>
        promiseOf<Result>((done) => driver[method]({ sql: textOf(statement), args: statement.values }, done as Done<unknown>));
      const open = adapter();
      return open ? send(open) : opened().then(send);
    };
  return { query: sender('readAll'), find: sender('readFirst'), execute: sender('write') };
}
