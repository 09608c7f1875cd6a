import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { migrate, openDatabase, pendingMigrations } from '../../src/platform/db/index.js';
import { databases } from '../support/database.js';
import { onServer } from '../support/postgres.js';

const prisma = path.resolve(import.meta.dirname, '../../prisma');
let made = 0;

describe.each(databases)('migrations on %s', (provider) => {
  let folder: string;
  let directory: string;
  let url: string;
  let name: string;
  beforeEach(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-migrations-'));
    directory = path.join(folder, 'prisma');
    cpSync(path.join(prisma, provider), path.join(directory, provider), { recursive: true });
    made += 1;
    name = `migrations_${process.pid}_${made}`;
    url = provider === 'sqlite' ? `file:${path.join(folder, 'latchkey.db')}` : `${inject('postgresServer')}/${name}`;
    if (provider === 'postgresql') await onServer(inject('postgresServer'), `CREATE DATABASE ${name}`);
  });
  afterEach(async () => {
    if (provider === 'postgresql') await onServer(inject('postgresServer'), `DROP DATABASE ${name} WITH (FORCE)`);
    rmSync(folder, { recursive: true, force: true });
  });

  it.runIf(provider === 'sqlite')(
    'make a file that only its owner may read, in whatever folder, with all that stands beside it',
    async () => {
      chmodSync(folder, 0o755);
      await migrate({ url, directory });
      const db = await openDatabase({ url });
      await db.client.role.create({ data: { name: 'a', description: 'a' } });
      const modes = readdirSync(folder).flatMap((file) =>
        file.startsWith('latchkey.db') ? [statSync(path.join(folder, file)).mode & 0o777] : [],
      );
      expect(modes).toEqual([0o600, 0o600, 0o600]);
      await db.close();
    },
  );

  const addMigration = (migration: string, sql: string) => {
    const at = path.join(directory, provider, 'migrations', migration);
    mkdirSync(at, { recursive: true });
    writeFileSync(path.join(at, 'migration.sql'), sql);
  };
  const rows = async () => {
    const db = await openDatabase({ url });
    const found = await db.client.$queryRaw<Record<string, unknown>[]>`SELECT * FROM _prisma_migrations ORDER BY migration_name`;
    await db.close();
    return found;
  };

  it('are applied once by servers that start on an empty database at the same moment', async () => {
    const reports = await Promise.all(Array.from({ length: 8 }, () => migrate({ url, directory })));
    expect(reports.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
    expect(await rows()).toHaveLength(reports[0]?.total ?? 0);
    expect(await pendingMigrations({ url, directory })).toEqual([]);
  });

  it('are written down as Prisma writes them: its columns, its checksum', async () => {
    await migrate({ url, directory });
    const [row = {}] = await rows();
    expect(Object.keys(row).sort()).toEqual([
      'applied_steps_count',
      'checksum',
      'finished_at',
      'id',
      'logs',
      'migration_name',
      'rolled_back_at',
      'started_at',
    ]);
    const file = path.join(directory, provider, 'migrations', String(row.migration_name), 'migration.sql');
    expect(row.checksum).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
    expect(row).toMatchObject({ applied_steps_count: 1, logs: null, rolled_back_at: null });
    expect(row.finished_at).not.toBeNull();
  });

  it('apply what is new to a database that has the rest', async () => {
    await migrate({ url, directory });
    addMigration('29990101000000_more', 'CREATE TABLE "more" ("id" TEXT PRIMARY KEY);');
    expect(await pendingMigrations({ url, directory })).toEqual(['29990101000000_more']);
    expect((await migrate({ url, directory })).applied).toEqual(['29990101000000_more']);
  });

  it('leave nothing behind when one fails, and go on when it was mended', async () => {
    addMigration('29990101000000_more', 'CREATE TABLE "more" ("id" TEXT PRIMARY KEY); CREATE TABLE nonsense (;');
    await expect(migrate({ url, directory })).rejects.toThrow();
    addMigration('29990101000000_more', 'CREATE TABLE "more" ("id" TEXT PRIMARY KEY);');
    expect((await migrate({ url, directory })).applied).toContain('29990101000000_more');
  });

  it('refuse a file that was changed after it was applied, and say what to do', async () => {
    await migrate({ url, directory });
    const [row = {}] = await rows();
    addMigration(String(row.migration_name), '-- another text');
    await expect(migrate({ url, directory })).rejects.toMatchObject({
      code: 'database.migration_changed',
      message: expect.stringContaining('Restore the original file'),
    });
  });

  it('leave alone what a newer version added, and refuse a database from which a newer one took something away', async () => {
    const addNewer = async (migration: string) => {
      addMigration(migration, `CREATE TABLE "t_${migration}" ("id" TEXT PRIMARY KEY);`);
      await migrate({ url, directory });
      rmSync(path.join(directory, provider, 'migrations', migration), { recursive: true });
    };
    await addNewer('29990101000000_more');
    expect(await migrate({ url, directory })).toMatchObject({ applied: [], ahead: ['29990101000000_more'] });
    await addNewer('29990102000000_contract_29990101000000_drop_it');
    await expect(migrate({ url, directory })).rejects.toMatchObject({ code: 'database.newer' });
  });
});
