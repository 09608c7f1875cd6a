import { createClient } from '@libsql/client';
import pg from 'pg';
import { readCatalogue } from './schema-catalogue.js';

/** Tables and their columns of a migrated database. */
async function columnsOf(url: string): Promise<Map<string, string[]>> {
  const tables = new Map<string, string[]>();
  for (const { table, column } of (await readCatalogue(url)).columns) tables.set(table, [...(tables.get(table) ?? []), column]);
  return tables;
}

/**
 * Copies what one database holds into another that is at an earlier level and empty: of each table that is there, the columns that are there. Since
 * migrations only add, that is what the earlier version would have written.
 */
export async function projectData(from: string, to: string): Promise<void> {
  const tables = await columnsOf(to);
  const list = (columns: readonly string[]) => columns.map((column) => `"${column}"`).join(', ');
  if (from.startsWith('file:')) {
    const client = createClient({ url: to });
    const copies = [...tables].map(
      ([table, columns]) => `INSERT INTO "${table}" (${list(columns)}) SELECT ${list(columns)} FROM source."${table}";`,
    );
    await client.executeMultiple(
      `PRAGMA foreign_keys = OFF; ATTACH '${from.slice('file:'.length)}' AS source; ${copies.join(' ')} DETACH source;`,
    );
    return client.close();
  }
  const [source, target] = [new pg.Client({ connectionString: from }), new pg.Client({ connectionString: to })];
  await Promise.all([source.connect(), target.connect()]);
  try {
    // Rows come in any order; that they belong together was checked where they come from.
    await target.query('SET session_replication_role = replica');
    for (const [table, columns] of tables) {
      const { rows } = await source.query(
        `SELECT coalesce(json_agg(t), '[]')::text AS rows FROM (SELECT ${list(columns)} FROM "${table}") t`,
      );
      await target.query(
        `INSERT INTO "${table}" (${list(columns)}) SELECT ${list(columns)} FROM json_populate_recordset(NULL::"${table}", $1::json)`,
        [rows[0].rows],
      );
    }
  } finally {
    await Promise.all([source.end(), target.end()]);
  }
}
