import type { Client } from '@libsql/client';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import type { SqlDriverAdapter, SqlQuery } from '@prisma/driver-adapter-utils';
import { openSqliteConnection, type SqliteConnection } from './sqlite-connection.js';

/**
 * Prisma's adapter for SQLite over a connection of our own (see there). Writes outside of transactions go past the adapter's lock, which lets
 * one statement in at a time, so that they can be committed together; the connection itself keeps them out of transactions.
 */
export class SqliteAdapter extends PrismaLibSql {
  #opened: SqliteConnection | undefined;

  override createClient({ url, timeout }: { url: string; timeout?: number | undefined }): Client {
    this.#opened = openSqliteConnection({ url, timeout: timeout ?? 0 });
    return this.#opened.client;
  }

  override async connect() {
    const adapter = (await super.connect()) as SqlDriverAdapter & { onError(error: unknown): never };
    const opened = this.#opened;
    if (opened) {
      adapter.executeRaw = async ({ sql, args }: SqlQuery) => {
        try {
          return await opened.write({ sql, args: args.map(toColumn) });
        } catch (error) {
          return adapter.onError(error);
        }
      };
    }
    return adapter;
  }
}

/** Times are text that is in order, as Prisma writes them. */
const toColumn = (value: unknown): unknown => (value instanceof Date ? value.toISOString().replace('Z', '+00:00') : value);
