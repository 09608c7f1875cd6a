/**
 * Owns: the connection to the database, the one place that knows which of the two it is, and the migrations.
 * Does not own: queries, which live in each feature's repository.ts.
 */
export { openCurrentDatabase } from './current.js';
export { type Database, databaseProviderOf, noSql, openDatabase, type Sql, sql, sqlList, type Transaction } from './database.js';
export { type MigrationReport, migrate, pendingMigrations, readableBy } from './migrate.js';
export { copySqlite, replaceSqlite, sqliteFileOf, sqliteUrlOf, stageSqlite } from './sqlite-file.js';
export { type DatabaseTrouble, troubleOf, unavailableError } from './trouble.js';
export type { OutageListener } from './vitals.js';
