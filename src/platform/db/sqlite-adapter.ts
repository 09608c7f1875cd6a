import type { Client } from '@libsql/client';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import type { SqlQuery } from '@prisma/driver-adapter-utils';
import type { DirectAdapter } from './direct.js';
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
    const adapter = (await super.connect()) as DirectAdapter & { onError(error: unknown): never };
    const opened = this.#opened;
    if (opened) {
      adapter.queryRows = async ({ sql, args }: SqlQuery) => {
        try {
          return await opened.read({ sql, args: args.map((arg) => toColumn(arg, undefined)) });
        } catch (error) {
          return adapter.onError(error);
        }
      };
      adapter.executeRaw = async ({ sql, args, argTypes }: SqlQuery) => {
        try {
          return await opened.write({ sql, args: args.map((arg, index) => toColumn(arg, argTypes[index]?.scalarType)) });
        } catch (error) {
          return adapter.onError(error);
        }
      };
    }
    return adapter;
  }
}

const timeText = (time: Date): string => time.toISOString().replace('Z', '+00:00');

/**
 * A value as the adapter itself would store it: Prisma's client hands several types over as text and says beside it what they are. Times are text
 * whose order is that of time, so all of them must be written alike.
 */
function toColumn(value: unknown, type: string | undefined): unknown {
  if (value instanceof Date) return timeText(value);
  if (typeof value !== 'string') return value;
  if (type === 'datetime') return timeText(new Date(value));
  if (type === 'bigint') return BigInt(value);
  if (type === 'decimal') return Number.parseFloat(value);
  return type === 'bytes' ? Buffer.from(value, 'base64') : value;
}
