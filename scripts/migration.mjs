// npm run migration -- NAME: writes the SQL that leads from the models of the newest migration to today's, for both databases.
// Migrations only add, so that the version before works on the new schema; see "Migrations only add" in DECISIONS.md, and the test of it.
// The models as they were at the newest migration are kept in prisma/migrated.prisma; `--check` only says whether they differ.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { composeSchema, providers, root } from './prisma.mjs';

const snapshotFile = path.join(root, 'prisma', 'migrated.prisma');

async function openSchemaEngine() {
  const folder = path.join(root, 'node_modules', '@prisma', 'schema-engine-wasm');
  const bindings = await import(path.join(folder, 'schema_engine_bg.js'));
  const bytes = readFileSync(path.join(folder, 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start?.();
  return bindings;
}

function readModels() {
  const folder = path.join(root, 'prisma', 'models');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.prisma'))
    .sort()
    .map((name) => readFileSync(path.join(folder, name), 'utf8'))
    .join('\n');
}

/**
 * What the models cannot say, written after the first migration. PostgreSQL compares these two bytewise, as SQLite does: a language's own rules
 * (Czech sorts `ch` after `h`) would give another order in every installation, and no range that holds what a text begins with.
 */
const beyondModels = {
  sqlite: '',
  postgresql: `
-- Collation
ALTER TABLE "accounts" ALTER COLUMN "email" TYPE TEXT COLLATE "C", ALTER COLUMN "username_key" TYPE TEXT COLLATE "C";
`,
};

/** What a provider's own schema file says before the models; its generator says which features of the language they use. */
const header = (provider) => `${readFileSync(path.join(root, 'prisma', provider, 'schema.prisma'), 'utf8')}\n`;

/** A database that is never asked anything that matters: model-to-model diffs need its dialect only, yet the engine insists on a connection. */
function offlineDatabase(provider) {
  const identity = { provider: provider === 'postgresql' ? 'postgres' : 'sqlite', adapterName: 'offline' };
  const connection = {
    ...identity,
    getConnectionInfo: () => ({ schemaName: provider === 'postgresql' ? 'public' : 'main', supportsRelationJoins: false }),
    queryRaw: async () => ({ columnNames: [], columnTypes: [], rows: [] }),
    executeRaw: async () => 0,
    executeScript: async () => {},
    startTransaction: async () => {
      throw new Error('no transactions offline');
    },
    dispose: async () => {},
  };
  return { ...identity, connect: async () => connection, connectToShadowDb: async () => connection };
}

/** Returns the SQL between two sets of models for one provider; the empty string when they agree. */
export async function diffModels(engineModule, provider, from, to) {
  const logged = [];
  const engine = await engineModule.SchemaEngine.new(
    { datamodels: [['schema.prisma', header(provider) + to]] },
    (line) => logged.push(line),
    bindMigrationAwareSqlAdapterFactory(offlineDatabase(provider)),
  );
  const files = (content) => ({ files: [{ path: 'schema.prisma', content: header(provider) + content }], configDir: root });
  const result = await engine.diff({
    from: from === null ? { tag: 'empty' } : { tag: 'schemaDatamodel', ...files(from) },
    to: { tag: 'schemaDatamodel', ...files(to) },
    script: true,
    exitCode: true,
    shadowDatabaseUrl: null,
    filters: { externalTables: [], externalEnums: [] },
  });
  engine.free?.();
  // A hosted database often forbids CREATE SCHEMA even where the schema exists; the connection's search path says where tables go.
  const sql = (result.stdout ?? '').replace(/-- CreateSchema\nCREATE SCHEMA [^;]+;\n+/g, '');
  return result.exitCode === 0 ? '' : sql;
}

/** The newest migration that is not asked whom it keeps waiting: it is from before the rule. */
const NEWEST_BEFORE_LOCK_RULE = '20261128043909';
/** Tables that grow with use: what locks them while it reads them through keeps everybody waiting. */
const LARGE_TABLES = [
  ...['artifacts', 'grants', 'sessions', 'consents', 'audit_events', 'explanations', 'outbox_messages', 'limit_counters'],
  ...['accounts', 'account_roles', 'sign_in_devices', 'one_time_tokens', 'api_keys'],
];

const BUILD_FIRST = 'Build first, drop last; one that keeps its name is built under another, and renamed once the old one is dropped.';

/**
 * What a migration of PostgreSQL does that keeps requests waiting for as long as an index takes. A migration is one transaction, so a lock is
 * held from its statement to the end, and CONCURRENTLY is not to be had: DROP INDEX keeps even readers out, so it comes after every CREATE INDEX;
 * CREATE INDEX of a large table keeps writers out, so the line before it is a comment `-- Locks: ` that says whom and for how long.
 * @returns sentences; none when it is all right
 */
export function findLockFaults(sql) {
  const lines = sql.split('\n');
  const created = new Set([...sql.matchAll(/^CREATE TABLE (?:IF NOT EXISTS )?"?(\w+)"?/gim)].map(([, table]) => table));
  const faults = [];
  let dropped;
  for (const [index, line] of lines.entries()) {
    dropped ??= /^\s*DROP INDEX\b/i.test(line) ? line.trim() : undefined;
    if (!/^\s*CREATE (UNIQUE )?INDEX\b/i.test(line)) continue;
    if (dropped) faults.push(`"${dropped}" comes before "${line.trim()}": readers would wait while it is built. ${BUILD_FIRST}`);
    const [, table] = /\bON (?:ONLY )?"?(\w+)"?/i.exec(lines.slice(index).join(' ')) ?? [];
    if (!LARGE_TABLES.includes(table) || created.has(table) || /^-- Locks: \S/.test(lines[index - 1] ?? '')) continue;
    faults.push(`"${line.trim()}" keeps the writers of ${table} waiting: measure it, and say so in a line "-- Locks: ..." before it.`);
  }
  return faults;
}

function requireFewLocks() {
  const folder = path.join(root, 'prisma', 'postgresql', 'migrations');
  const names = readdirSync(folder).filter((each) => /^\d{14}_/.test(each) && each.slice(0, 14) > NEWEST_BEFORE_LOCK_RULE);
  const faults = names.flatMap((each) =>
    findLockFaults(readFileSync(path.join(folder, each, 'migration.sql'), 'utf8')).map((fault) => `${each}: ${fault}`),
  );
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

async function main() {
  const name = process.argv[2];
  if (!name) throw new Error('Say what the migration does: npm run migration -- add_api_keys (or --check)');
  if (name !== '--check' && !/^[a-z][a-z0-9_]*$/.test(name)) throw new Error('A migration name is lower case words joined by _.');
  for (const provider of providers) composeSchema(provider);
  const engineModule = await openSchemaEngine();
  const before = existsSync(snapshotFile) ? readFileSync(snapshotFile, 'utf8') : null;
  const after = readModels();
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  let differs = false;
  for (const provider of providers) {
    const sql = await diffModels(engineModule, provider, before, after);
    if (!sql.trim() || sql.includes('This is an empty migration')) continue;
    differs = true;
    if (name === '--check') continue;
    const folder = path.join(root, 'prisma', provider, 'migrations', `${stamp}_${name}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'migration.sql'), `${sql.trimEnd()}\n${before === null ? beyondModels[provider] : ''}`);
    writeFileSync(
      path.join(root, 'prisma', provider, 'migrations', 'migration_lock.toml'),
      `# Please do not edit this file manually\n# It should be added in your version-control system (e.g., Git)\nprovider = "${provider}"\n`,
    );
    console.log(`wrote ${path.relative(root, folder)}/migration.sql`);
  }
  if (name === '--check') {
    requireFewLocks();
    if (differs) throw new Error('The models have changed since the newest migration. Run: npm run migration -- WHAT_IT_DOES');
    console.log('The models and the newest migration agree.');
  } else if (differs) writeFileSync(snapshotFile, after);
  else console.log('Nothing to migrate: the models are as the newest migration left them.');
}

if (import.meta.filename === path.resolve(process.argv[1] ?? '')) {
  main().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
