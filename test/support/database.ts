import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inject } from 'vitest';
import { randomId } from '../../src/platform/crypto/index.js';
import { type Database, openDatabase } from '../../src/platform/db/index.js';
import { onServer } from './postgres.js';

export type TestDatabase = { url: string; db: Database; drop(): Promise<void> };

/** Both databases, for `describe.each(databases)`: one contract, run on each. */
export const databases = ['sqlite', 'postgresql'] as const;

/** `empty` has tables only; in `server` a test server has started once, so that the next finds its keys, roles and secrets. */
export type Template = 'empty' | 'server';

/** The URL of a migrated database of its own, and how to get rid of it. */
export async function createDatabaseUrl(
  provider: Database['provider'],
  template: Template = 'empty',
): Promise<{ url: string; drop(): Promise<void> }> {
  if (provider === 'sqlite') {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-db-'));
    const file = path.join(folder, 'latchkey.db');
    copyFileSync(path.join(inject('sqliteTemplates'), `${template}.db`), file);
    return { url: `file:${file}`, drop: async () => rmSync(folder, { recursive: true, force: true }) };
  }
  const server = inject('postgresServer');
  const name = `test_${randomId(9)
    .replace(/[^a-zA-Z0-9]/g, '')
    .toLowerCase()}_${Date.now()}`;
  await onServer(server, `CREATE DATABASE ${name} TEMPLATE latchkey_${template}`);
  return { url: `${server}/${name}`, drop: () => onServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** Opens a migrated, empty database of its own. */
export async function createTestDatabase(provider: Database['provider']): Promise<TestDatabase> {
  const { url, drop } = await createDatabaseUrl(provider);
  const db = await openDatabase({ url });
  return {
    url,
    db,
    async drop() {
      await db.close();
      await drop();
    },
  };
}
