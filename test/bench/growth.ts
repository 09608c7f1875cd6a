import { createClient } from '@libsql/client';
import pg from 'pg';
import type { Plan } from './arguments.js';
import type { Installation } from './sides.js';

/** So many rows for each statement: sorted by their random key, a batch meets few pages of an index. */
const BATCH = 250_000;
/** As long as a sealed payload is. */
const PAYLOAD = 'x'.repeat(500);

type Runner = { run(sql: string): Promise<unknown>; close(): Promise<unknown> };
type Dialect = { time(text: string): string; series(from: number, to: number): string; random: string };

const sqlite: Dialect = {
  time: (text) => `'${text}T00:00:00.000+00:00'`,
  series: (from, to) => `WITH RECURSIVE series(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM series WHERE n < ${to})`,
  random: 'lower(hex(randomblob(21)))',
};
const postgresql: Dialect = {
  time: (text) => `'${text}'::timestamp`,
  series: (from, to) => `WITH series AS (SELECT generate_series(${from}, ${to}) AS n)`,
  random: 'md5(random()::text) || substr(md5(random()::text), 1, 10)',
};

async function openRunner({ database, env, folder }: Installation): Promise<Runner> {
  if (database === 'postgresql') {
    const client = new pg.Client({ connectionString: env.DATABASE_URL });
    await client.connect();
    await client.query('SET synchronous_commit = off');
    return { run: (sql) => client.query(sql), close: () => client.end() };
  }
  const client = createClient({ url: `file:${folder}/latchkey.db` });
  await client.executeMultiple('PRAGMA synchronous = OFF; PRAGMA cache_size = -600000; PRAGMA temp_store = MEMORY;');
  return { run: (sql) => client.execute(sql), close: async () => client.close() };
}

/** Fills the tables that grow with people and their tokens, in bulk: keys as random as real ones, every index in place. */
export async function fillUp(installation: Installation, { accounts, tokens }: Pick<Plan, 'accounts' | 'tokens'>): Promise<void> {
  const { run, close } = await openRunner(installation);
  const { time, series, random } = installation.database === 'sqlite' ? sqlite : postgresql;
  const [past, soon] = [time('2026-01-01'), time('2099-01-01')];
  const fill = async (table: string, rows: number, columns: Record<string, string>) => {
    for (let from = 1; from <= rows; from += BATCH) {
      const to = Math.min(rows, from + BATCH - 1);
      await run(`INSERT INTO ${table} (${Object.keys(columns)}) ${series(from, to)} SELECT ${Object.values(columns)} FROM series`);
    }
  };
  const grants = Math.max(1, Math.floor(tokens / 5));
  await fill('accounts', accounts, {
    ...{ id: "'filler' || n", email: "'filler' || n || '@example.com'", status: "'active'", email_verified_at: past },
    ...{ created_at: past, updated_at: past },
  });
  await fill('account_roles', accounts, { account_id: "'filler' || n", role_name: "'user'", granted_at: past });
  await fill('grants', grants, {
    ...{ id: "'filler' || n", account_id: `'filler' || (n % ${accounts} + 1)`, client_id: "'application'" },
    ...{ payload: `'${PAYLOAD}'`, created_at: past, expires_at: soon },
  });
  await fill('artifacts', tokens, {
    ...{
      id_hash: random,
      kind: "CASE WHEN n % 2 = 0 THEN 'RefreshToken' ELSE 'AccessToken' END",
      grant_id: `'filler' || (n % ${grants} + 1)`,
    },
    ...{ account_id: `'filler' || (n % ${accounts} + 1)`, client_id: "'application'", payload: `'${PAYLOAD}'` },
    ...{ created_at: past, expires_at: soon },
  });
  await run('ANALYZE');
  await close();
}
