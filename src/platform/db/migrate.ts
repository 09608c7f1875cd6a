import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createClient } from '@libsql/client';
import pg from 'pg';
import { now, nowDate } from '../clock.js';
import { AppError } from '../errors.js';
import { databaseProviderOf, SQLITE_BUSY_TIMEOUT_MS } from './database.js';
import { CONNECTION_OPTIONS } from './postgresql-silence.js';
import { makePrivate } from './sqlite-file.js';

/** Prisma's own advisory lock on PostgreSQL, so that `prisma migrate deploy` and a starting server wait for each other. */
const PRISMA_ADVISORY_LOCK = 72707369;

export type MigrationReport = {
  applied: string[];
  total: number;
  /** Migrations of a newer version that this one does not know and works with; see `readableBy`. */
  ahead: string[];
};

type Migration = { name: string; sql: string; checksum: string };
type AppliedMigration = { name: string; checksum: string; finished: boolean };

/** A connection that applies migrations: one transaction that other processes wait for. */
type MigrationSession = {
  ensureTable(): Promise<void>;
  applied(): Promise<AppliedMigration[]>;
  apply(migration: Migration): Promise<void>;
  commit(): Promise<void>;
  /** Gives back the connection; undoes what was not committed. */
  close(): Promise<void>;
};

/**
 * Brings the database to the newest migration, one transaction for all, under a lock that other processes wait for. The bookkeeping is
 * Prisma's (`_prisma_migrations`), so its own `migrate deploy` and `migrate status` agree with it.
 * @param url DATABASE_URL
 * @param directory the `prisma` folder, which holds `<provider>/migrations/<name>/migration.sql`
 * @throws AppError `database.migration_changed` when an applied migration's file was edited since, `database.newer` when a newer version took
 *   away what this one uses, `database.migration_failed` when an earlier attempt was left unfinished
 */
export async function migrate({ url, directory }: { url: string; directory: string }): Promise<MigrationReport> {
  const migrations = await readMigrations(url, directory);
  const session = await openSession(url);
  try {
    await session.ensureTable();
    const { pending, ahead } = compare(migrations, await session.applied());
    for (const migration of pending) await session.apply(migration);
    await session.commit();
    return { applied: pending.map(({ name }) => name), total: migrations.length, ahead };
  } finally {
    await session.close();
  }
}

/** Names the migrations that are still to be applied, changing nothing. Errors as `migrate`. */
export async function pendingMigrations({ url, directory }: { url: string; directory: string }): Promise<string[]> {
  const migrations = await readMigrations(url, directory);
  const session = await openSession(url);
  try {
    await session.ensureTable();
    return compare(migrations, await session.applied()).pending.map(({ name }) => name);
  } finally {
    await session.close();
  }
}

async function readMigrations(url: string, directory: string): Promise<Migration[]> {
  const folder = path.join(directory, databaseProviderOf(url), 'migrations');
  const names = (await readdir(folder)).filter((name) => existsSync(path.join(folder, name, 'migration.sql'))).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(path.join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Whether a version can work with a migration it does not know. Migrations only add, so versions that serve side by side, or that somebody goes
 * back to, work with those of newer ones. One that takes away says in its name since which migration nobody needs what it takes:
 * `20270301120000_contract_20261201120000_drop_old_column` is for every version that knows 20261201120000 or a later one.
 * @param newestKnown the name of this version's newest migration
 */
export function readableBy(newestKnown: string, unknown: string): boolean {
  const [, contract, since] = /^\d{14}_(contract)_?(\d{14})?/.exec(unknown) ?? [];
  return !contract || (since !== undefined && newestKnown.slice(0, 14) >= since);
}

function compare(migrations: Migration[], applied: AppliedMigration[]): { pending: Migration[]; ahead: string[] } {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  const ahead: string[] = [];
  for (const row of applied) {
    const migration = known.get(row.name);
    if (!row.finished) {
      throw new AppError(
        'database.migration_failed',
        500,
        `The migration ${row.name} was begun and not finished. Restore the backup, or repair it and mark it with "prisma migrate resolve".`,
      );
    }
    if (!migration) {
      if (!readableBy(migrations.at(-1)?.name ?? '', row.name)) {
        throw new AppError(
          'database.newer',
          500,
          `The database has the migration ${row.name}, which took away what this version uses. Run the newer version.`,
        );
      }
      ahead.push(row.name);
    } else if (row.checksum !== migration.checksum) {
      throw new AppError(
        'database.migration_changed',
        500,
        `The file of migration ${row.name} was changed after it was applied. Restore the original file; a trial installation may also delete its DATA_DIR and start anew.`,
      );
    }
  }
  const done = new Set(applied.map(({ name }) => name));
  return { pending: migrations.filter(({ name }) => !done.has(name)), ahead };
}

function openSession(url: string): Promise<MigrationSession> {
  return databaseProviderOf(url) === 'sqlite' ? openSqliteSession(url) : openPostgresqlSession(url);
}

async function openSqliteSession(url: string): Promise<MigrationSession> {
  await makePrivate(url);
  const client = createClient({ url, timeout: SQLITE_BUSY_TIMEOUT_MS });
  await client.execute('PRAGMA journal_mode = WAL');
  // "write" is BEGIN IMMEDIATE: a second process waits here until the first has committed.
  const transaction = await client.transaction('write');
  return {
    async ensureTable() {
      await transaction.execute(`CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
        "id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT,
        "rolled_back_at" DATETIME, "started_at" DATETIME NOT NULL DEFAULT current_timestamp, "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0)`);
    },
    async applied() {
      const { rows } = await transaction.execute(
        'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name',
      );
      return rows.map((row) => ({ name: String(row.migration_name), checksum: String(row.checksum), finished: row.finished_at !== null }));
    },
    async apply({ name, sql, checksum }) {
      const started = now();
      await transaction.executeMultiple(sql);
      await transaction.execute({
        sql: 'INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count) VALUES (?, ?, ?, ?, ?, 1)',
        args: [randomUUID(), checksum, name, started, now()],
      });
    },
    commit: () => transaction.commit(),
    async close() {
      transaction.close();
      client.close();
    },
  };
}

async function openPostgresqlSession(url: string): Promise<MigrationSession> {
  const client = new pg.Client({ connectionString: url, ...CONNECTION_OPTIONS });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT pg_advisory_xact_lock($1)', [PRISMA_ADVISORY_LOCK]);
  let open = true;
  return {
    async ensureTable() {
      await client.query(`CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
        "id" VARCHAR(36) PRIMARY KEY NOT NULL, "checksum" VARCHAR(64) NOT NULL, "finished_at" TIMESTAMPTZ, "migration_name" VARCHAR(255) NOT NULL,
        "logs" TEXT, "rolled_back_at" TIMESTAMPTZ, "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(), "applied_steps_count" INTEGER NOT NULL DEFAULT 0)`);
    },
    async applied() {
      const { rows } = await client.query<{ migration_name: string; checksum: string; finished_at: Date | null }>(
        'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name',
      );
      return rows.map((row) => ({ name: row.migration_name, checksum: row.checksum, finished: row.finished_at !== null }));
    },
    async apply({ name, sql, checksum }) {
      const started = nowDate();
      await client.query(sql);
      await client.query(
        'INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count) VALUES ($1, $2, $3, $4, $5, 1)',
        [randomUUID(), checksum, name, started, nowDate()],
      );
    },
    async commit() {
      await client.query('COMMIT');
      open = false;
    },
    async close() {
      if (open) await client.query('ROLLBACK').catch(() => undefined);
      await client.end();
    },
  };
}
