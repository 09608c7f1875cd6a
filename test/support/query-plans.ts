import type { ArgType, SqlDriverAdapter, SqlQuery, Transaction } from '@prisma/driver-adapter-utils';
import { vi } from 'vitest';
import type { DirectDriver, DirectStatement } from '../../src/platform/db/direct.js';
import type { Database } from '../../src/platform/db/index.js';
import { PostgresqlAdapter } from '../../src/platform/db/postgresql-adapter.js';
import { SqliteAdapter } from '../../src/platform/db/sqlite-adapter.js';

/** Tables that grow with people and their sign-ins. A statement that reads one of them from end to end gets slower every day. */
const GROWING = [
  'accounts',
  'api_keys',
  'account_roles',
  'artifacts',
  'clients',
  'audit_events',
  'consents',
  'grants',
  'limit_counters',
  'one_time_tokens',
  'sign_in_devices',
  'sessions',
];

const ANY: ArgType = { scalarType: 'unknown', arity: 'scalar' };

/** How far a test may go on listening: every distinct statement that was sent, with the values of its first time. */
export type Capture = {
  statements: Map<string, SqlQuery>;
  /** The text of each statement, in order, as often as it was sent. */
  sent: string[];
  /** The plan of a statement, asked on the connection it was sent on. */
  explain(statement: SqlQuery): Promise<string[]>;
  stop(): void;
};

/** Listens to the driver adapters, below everything of ours, from the next database that is opened on. */
export function captureStatements(provider: Database['provider']): Capture {
  const statements = new Map<string, SqlQuery>();
  const sent: string[] = [];
  let ask: ((query: SqlQuery) => Promise<{ rows: unknown[][] }>) | undefined;
  const heard = (query: SqlQuery) => {
    sent.push(query.sql);
    if (!statements.has(query.sql)) statements.set(query.sql, query);
  };
  const listen = (target: SqlDriverAdapter | Transaction) => {
    ask ??= target.queryRaw.bind(target);
    for (const method of ['queryRaw', 'executeRaw'] as const) {
      const send = target[method].bind(target) as (query: SqlQuery) => Promise<never>;
      target[method] = (query: SqlQuery) => {
        heard(query);
        return send(query);
      };
    }
  };
  const listenDirect = (target: DirectDriver) => {
    for (const method of ['readAll', 'readFirst', 'write'] as const) {
      const send = target[method];
      target[method] = (statement: DirectStatement, done: never) => {
        heard({ sql: statement.sql, args: [...statement.args], argTypes: statement.args.map(() => ANY) });
        send(statement, done);
      };
    }
  };
  const factory = (provider === 'sqlite' ? SqliteAdapter : PostgresqlAdapter) as typeof PostgresqlAdapter;
  const { connect } = factory.prototype;
  const spy = vi.spyOn(factory.prototype, 'connect').mockImplementation(async function connectAndListen(this: never) {
    const opened = (await connect.call(this)) as SqlDriverAdapter & DirectDriver;
    listen(opened);
    listenDirect(opened);
    const begin = opened.startTransaction.bind(opened);
    opened.startTransaction = async (...args) => {
      const transaction = await begin(...args);
      listen(transaction);
      return transaction;
    };
    return opened as never;
  });
  return {
    statements,
    sent,
    stop: () => spy.mockRestore(),
    async explain(statement) {
      if (!ask) throw new Error('no database was opened');
      const prefix = provider === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN (FORMAT TEXT, COSTS OFF)';
      const { rows } = await ask({ ...statement, sql: `${prefix} ${statement.sql}` });
      return rows.map((row) => String(row.at(-1)));
    },
  };
}

/** The growing tables that the plan of a statement reads from end to end. */
export function scannedTables(provider: Database['provider'], sql: string, plan: readonly string[]): string[] {
  // SQLite: `SCAN t` reads all rows, `SCAN t USING INDEX i` all rows in an index's order (which a LIMIT ends), `SEARCH` only what is asked for.
  const pattern = provider === 'sqlite' ? /^SCAN (\w+)\b(?! USING)/ : /Seq Scan on (\w+)/;
  return scannedBy(pattern, sql, plan);
}

/** As `scannedTables`, with those that are read in the order of an index: nothing of it is a look at a few rows by their key. */
export function walkedTables(provider: Database['provider'], sql: string, plan: readonly string[]): string[] {
  return scannedBy(provider === 'sqlite' ? /^SCAN (\w+)\b/ : /Seq Scan on (\w+)/, sql, plan);
}

function scannedBy(pattern: RegExp, sql: string, plan: readonly string[]): string[] {
  const found = plan.flatMap((line) => pattern.exec(line.trim().replace(/`|"|main\./g, ''))?.[1] ?? []);
  // SQLite calls a table by the name that the statement gives it.
  const aliases = new Map(
    GROWING.flatMap((table) => [...sql.matchAll(new RegExp(`\\b${table}\\s+(?:AS\\s+)?(\\w+)`, 'gi'))].map(([, name]) => [name, table])),
  );
  return found.map((name) => (GROWING.includes(name) ? name : (aliases.get(name) ?? name))).filter((name) => GROWING.includes(name));
}

/** Statements that can be explained and touch data. Prisma asks `WHERE 1=0` for what is in an empty list. */
export const isExplainable = (sql: string): boolean =>
  /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(sql) && !/\b(sqlite_|pg_)|WHERE 1=0\b/.test(sql);

/** Puts rows into the growing tables, spread over as many people and grants, and lets a database count them that would. */
export async function fillTables(db: Database, rows: number): Promise<void> {
  const sqlite = db.provider === 'sqlite';
  const at = (text: string) => (sqlite ? `'${text}+00:00'` : `'${text}'::timestamptz`);
  const [past, soon] = [at('2020-01-01T00:00:00.000'), at('2099-01-01T00:00:00.000')];
  // One row in a hundred has expired: what a purge finds.
  const expiry = `CASE WHEN n % 100 = 0 THEN ${past} ELSE ${soon} END`;
  const series = sqlite
    ? `WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${rows})`
    : `WITH series AS (SELECT generate_series(1, ${rows}) AS n)`;
  const word = (prefix: string, expression = 'n') => `'${prefix}' || (${expression})`;
  // As long as a sealed one is.
  const payload = `'${'x'.repeat(200)}'`;
  const fill = (table: string, columns: Record<string, string>) =>
    db.client.$executeRawUnsafe(
      sqlite
        ? `INSERT INTO ${table} (${Object.keys(columns)}) ${series} SELECT ${Object.values(columns)} FROM series`
        : `INSERT INTO ${table} (${Object.keys(columns)}) ${series} SELECT ${Object.values(columns)} FROM series`,
    );
  const times = { created_at: past, updated_at: past };
  await fill('accounts', {
    id: word('account'),
    email: word('filler', "n || '@example.com'"),
    username_key: word('filler'),
    status: "'active'",
    ...times,
  });
  await fill('account_roles', { account_id: word('account'), role_name: "'user'", granted_at: past });
  await fill('grants', {
    id: word('grant'),
    account_id: word('account'),
    client_id: word('client', 'n % 1000'),
    payload,
    created_at: past,
    expires_at: expiry,
  });
  await fill('clients', {
    ...{ id: word('registered'), name: word('Client '), source: "'registered'", token_endpoint_auth_method: "'none'" },
    ...{ redirect_uris: "'[]'", grant_types: "'[]'", unused_until: expiry, ...times },
  });
  await fill('sessions', {
    ...{ uid: word('uid'), id_hash: word('session'), account_id: word('account'), payload, version: '1' },
    ...{ last_seen_at: past, created_at: past, expires_at: expiry },
  });
  await fill('artifacts', {
    ...{
      id_hash: word('artifact'),
      kind: "'RefreshToken'",
      // One in four rests on no grant.
      grant_id: `CASE WHEN n % 4 > 0 THEN ${word('grant')} END`,
      account_id: word('account'),
      client_id: word('client', 'n % 1000'),
    },
    ...{ session_uid: word('uid'), user_code_hash: word('code'), payload, created_at: past, expires_at: expiry },
  });
  await fill('one_time_tokens', {
    ...{ id_hash: word('token'), kind: "'password_reset'", account_id: word('account'), subject_key: word('key') },
    ...{ created_at: past, expires_at: expiry },
  });
  await fill('api_keys', {
    ...{ id: word('key'), account_id: word('account'), key_hash: word('hash'), prefix: "'lk_00000000'", name: "'Backup'" },
    ...{ permissions: "'profile:read'", created_at: past },
  });
  await fill('sign_in_devices', { account_id: word('account'), device_hash: word('device'), last_seen_at: past, expires_at: expiry });
  await fill('limit_counters', { key: word('key'), count: '1', level: '0', expires_at: expiry });
  await fill('consents', {
    ...{
      account_id: word('account'),
      client_id: word('client', 'n % 1000'),
      resource: "''",
      scope: "'openid'",
      granted_at: past,
      updated_at: past,
    },
  });
  await fill('audit_events', {
    ...{ id: word('event'), occurred_at: past, type: "'token.refused'", outcome: "'failure'" },
    ...{ subject_id: word('account'), client_id: word('client', 'n % 1000'), sequence: 'n' },
  });
  // SQLite has no statistics in production either: nobody runs ANALYZE there, and PostgreSQL does it by itself.
  if (!sqlite) await db.client.$executeRawUnsafe('ANALYZE');
}
