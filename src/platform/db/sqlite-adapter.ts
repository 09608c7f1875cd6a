import type { Client } from '@libsql/client';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import type { SqlQuery } from '@prisma/driver-adapter-utils';
import { adapterErrors, type DirectDriver, promiseOf } from './direct.js';
import { openSqliteConnection, type SqliteConnection } from './sqlite-connection.js';

/**
 * Prisma's adapter for SQLite over a connection of our own (see there). Writes outside of transactions go past the adapter's lock, which lets
 * one statement in at a time, so that they can be committed together; so do direct reads, which would wait for it eight promises long. The
 * connection itself keeps both out of transactions.
 */
export class SqliteAdapter extends PrismaLibSql {
  #opened: SqliteConnection | undefined;

  override createClient({ url, timeout }: { url: string; timeout?: number | undefined }): Client {
    this.#opened = openSqliteConnection({ url, timeout: timeout ?? 0 });
    return this.#opened.client;
  }

  override async connect() {
    const adapter = await super.connect();
    const opened = this.#opened;
    if (!opened) throw new Error('the database was not opened');
    const direct: DirectDriver = {
      readAll: (statement, done) => opened.readAll(statement, adapterErrors(adapter, done)),
      readFirst: (statement, done) => opened.readFirst(statement, adapterErrors(adapter, done)),
      write: (statement, done) => opened.enqueue(statement, adapterErrors(adapter, done)),
    };
    adapter.executeRaw = ({ sql, args, argTypes }: SqlQuery) =>
      promiseOf((done) => {
        const values = args.map((arg, index) => ofType(arg, argTypes[index]?.scalarType));
        direct.write({ sql, args: values }, done);
      });
    return Object.assign(adapter, direct);
  }
}

/** Prisma's client hands several types over as text and says beside it what they are. */
function ofType(value: unknown, type: string | undefined): unknown {
  if (typeof value !== 'string') return value;
  if (type === 'datetime') return new Date(value);
  if (type === 'bigint') return BigInt(value);
  if (type === 'decimal') return Number.parseFloat(value);
  return type === 'bytes' ? Buffer.from(value, 'base64') : value;
}
