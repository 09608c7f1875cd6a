import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type Database, openDatabase } from '../../src/platform/db/index.js';

const prisma = path.resolve(import.meta.dirname, '../../prisma');

type Column = { table: string; column: string; type: string; nullable: boolean; hasDefault: boolean };
type Rule = { table: string; columns: string[] };

/** What a database's own catalogue says of its tables. */
export type Catalogue = { columns: Column[]; unique: Rule[]; constraints: Rule[] };

/** The names of the migrations of this version, the oldest first. */
export const migrationNames = (provider: Database['provider']): string[] =>
  readdirSync(path.join(prisma, provider, 'migrations'))
    .filter((name) => /^\d{14}_/.test(name))
    .sort();

/** Makes a migrations folder as an earlier version had it: with the migrations named only. @returns the `prisma` folder for `migrate` */
export function copyMigrations(provider: Database['provider'], names: readonly string[], folder: string): string {
  const to = path.join(folder, 'prisma');
  mkdirSync(path.join(to, provider, 'migrations'), { recursive: true });
  for (const name of names) {
    cpSync(path.join(prisma, provider, 'migrations', name), path.join(to, provider, 'migrations', name), { recursive: true });
  }
  return to;
}

const splitColumns = (text: string): string[] => text.split(',').sort();

/** Reads the catalogue of a migrated database. */
export async function readCatalogue(url: string): Promise<Catalogue> {
  const db = await openDatabase({ url });
  const query = <Row>(sql: string) => db.client.$queryRawUnsafe<Row[]>(sql);
  const rules = async (sql: string): Promise<Rule[]> =>
    (await query<{ table: string; columns: string }>(sql)).map(({ table, columns }) => ({ table, columns: splitColumns(columns) }));
  try {
    if (db.provider === 'sqlite') {
      const tables = `(SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_%' ESCAPE '\\')`;
      const columns = await query<{ table: string; column: string; type: string; notnull: bigint; fallback: string | null; pk: bigint }>(
        `SELECT t.name AS "table", c.name AS "column", c.type, c."notnull", c.dflt_value AS fallback, c.pk FROM ${tables} t JOIN pragma_table_info(t.name) c`,
      );
      return {
        columns: columns.map(({ table, column, type, notnull, fallback }) => ({
          ...{ table, column, type },
          nullable: Number(notnull) === 0,
          hasDefault: fallback !== null,
        })),
        unique:
          await rules(`SELECT t.name AS "table", (SELECT group_concat(coalesce(i.name, '?')) FROM pragma_index_info(l.name) i) AS columns
          FROM ${tables} t JOIN pragma_index_list(t.name) l WHERE l."unique" = 1`),
        constraints: await rules(`SELECT t.name AS "table", f."from" AS columns FROM ${tables} t JOIN pragma_foreign_key_list(t.name) f`),
      };
    }
    const columns = await query<{ table: string; column: string; type: string; nullable: string; fallback: string | null }>(
      `SELECT table_name AS "table", column_name AS "column", data_type AS type, is_nullable AS nullable, column_default AS fallback
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'`,
    );
    const names = (keys: string, of: string) =>
      `(SELECT string_agg(a.attname, ',') FROM pg_attribute a WHERE a.attrelid = ${of} AND a.attnum = ANY (${keys}))`;
    return {
      columns: columns.map(({ table, column, type, nullable, fallback }) => ({
        ...{ table, column, type },
        nullable: nullable === 'YES',
        hasDefault: fallback !== null,
      })),
      unique: await rules(`SELECT c.relname AS "table", coalesce(${names('i.indkey', 'i.indrelid')}, '?') AS columns
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.indisunique AND n.nspname = 'public'`),
      constraints: await rules(`SELECT c.relname AS "table", coalesce(${names('k.conkey', 'k.conrelid')}, '?') AS columns
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE k.contype IN ('f', 'c', 'x') AND n.nspname = 'public'`),
    };
  } finally {
    await db.close();
  }
}

/**
 * What an older version, which knows `before` only, would stumble over in `after`: something it reads is gone, something it leaves out has to be
 * given, something it writes is refused.
 */
export function findBreaks(before: Catalogue, after: Catalogue): string[] {
  const tables = new Set(before.columns.map(({ table }) => table));
  const keyOf = ({ table, column }: Pick<Column, 'table' | 'column'>) => `${table}.${column}`;
  const old = new Map(before.columns.map((column) => [keyOf(column), column]));
  const now = new Map(after.columns.map((column) => [keyOf(column), column]));
  const breaks: string[] = [];
  for (const [key, was] of old) {
    const is = now.get(key);
    if (!is) breaks.push(`${key} is gone`);
    else if (is.type !== was.type) breaks.push(`${key} is ${is.type}, was ${was.type}`);
    else if (was.nullable && !is.nullable) breaks.push(`${key} may not be null any more`);
    else if (was.hasDefault && !is.hasDefault && !is.nullable) breaks.push(`${key} has lost its default`);
  }
  for (const [key, is] of now) {
    if (old.has(key) || !tables.has(is.table)) continue;
    if (!is.nullable && !is.hasDefault) breaks.push(`${key} is new and has to be given`);
  }
  // A rule over what the older version writes, that it does not know.
  const fresh = (rules: Rule[], known: Rule[]) =>
    rules.filter(
      ({ table, columns }) =>
        columns.every((column) => column === '?' || old.has(`${table}.${column}`)) &&
        tables.has(table) &&
        !known.some((rule) => rule.table === table && rule.columns.join() === columns.join()),
    );
  for (const { table, columns } of fresh(after.unique, before.unique)) breaks.push(`${table} (${columns}) has to be unique`);
  for (const { table, columns } of fresh(after.constraints, before.constraints)) breaks.push(`${table} (${columns}) has a new constraint`);
  return breaks;
}
