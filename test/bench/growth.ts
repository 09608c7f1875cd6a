import { createClient } from '@libsql/client';
import pg from 'pg';
import type { Plan } from './arguments.js';
import type { Installation } from './sides.js';

/** So many rows for each statement. */
const BATCH = 250_000;
/** As long as a sealed payload is. */
const PAYLOAD = 'x'.repeat(500);

type Runner = { run(sql: string): Promise<unknown>; close(): Promise<unknown> };
type Dialect = { time(text: string): string; series(from: number, to: number): string };

const sqlite: Dialect = {
  time: (text) => `'${text}T00:00:00.000+00:00'`,
  series: (from, to) => `WITH RECURSIVE series(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM series WHERE n < ${to})`,
};
const postgresql: Dialect = {
  time: (text) => `'${text}'::timestamp`,
  series: (from, to) => `WITH series AS (SELECT generate_series(CAST(${from} AS bigint), ${to}) AS n)`,
};

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const HEX = '0123456789abcdef';

/**
 * The key of the n-th row. It begins with characters that are spread as those of real keys are, so that real ones fall everywhere among them:
 * with one word before all of them, whatever is inserted later would find the few pages at its ends in memory.
 */
function key(word: string, alphabet: string, n = 'n'): string {
  const digits = [0, 1, 2, 3, 4].map((place) => {
    // Fibonacci hashing: neighbours are far from each other.
    const value = `((${n}) * 2654435761 / ${alphabet.length ** place}) % ${alphabet.length}`;
    return `substr('${alphabet}', CAST(${value} AS INTEGER) + 1, 1)`;
  });
  return `${digits.join(' || ')} || '${word}' || (${n})`;
}
const account = (n?: string) => key('-filler-account-', HEX, n);
const grant = (n?: string) => key('-filler-grant-of-a-sign-in-', BASE64, n);

async function openRunner({ database, env, folder }: Installation): Promise<Runner> {
  if (database === 'postgresql') {
    const client = new pg.Client({ connectionString: env.DATABASE_URL });
    await client.connect();
    await client.query('SET synchronous_commit = off');
    return {
      run: (sql) => client.query(sql),
      async close() {
        // As a database that has been there for a while: autovacuum has counted.
        await client.query('VACUUM ANALYZE');
        await client.end();
      },
    };
  }
  // No ANALYZE: nobody runs it in production.
  const client = createClient({ url: `file:${folder}/latchkey.db` });
  await client.executeMultiple('PRAGMA synchronous = OFF; PRAGMA cache_size = -1500000; PRAGMA temp_store = MEMORY;');
  return {
    run: (sql) => client.execute(sql),
    async close() {
      await client.executeMultiple('PRAGMA wal_checkpoint(TRUNCATE)');
      client.close();
    },
  };
}

/** Fills the tables that grow with people and their tokens, in bulk, with every index in place. A fifth of the tokens is a client's own. */
export async function fillUp(installation: Installation, { accounts, tokens }: Pick<Plan, 'accounts' | 'tokens'>): Promise<void> {
  const { run, close } = await openRunner(installation);
  const { time, series } = installation.database === 'sqlite' ? sqlite : postgresql;
  const [past, soon] = [time('2026-01-01'), time('2099-01-01')];
  const fill = async (table: string, rows: number, columns: Record<string, string>) => {
    for (let from = 1; from <= rows; from += BATCH) {
      const to = Math.min(rows, from + BATCH - 1);
      await run(`INSERT INTO ${table} (${Object.keys(columns)}) ${series(from, to)} SELECT ${Object.values(columns)} FROM series`);
    }
  };
  const grants = Math.max(1, Math.floor(tokens / 5));
  // `n % accounts + 1` is one of them, and as many rows are of each.
  const ownerOf = (grantNumber: string) => account(`(${grantNumber}) % ${accounts} + 1`);
  const times = { created_at: past, expires_at: soon };
  await fill('accounts', accounts, {
    ...{ id: account(), email: `${account()} || '@example.com'`, status: "'active'", email_verified_at: past },
    ...{ created_at: past, updated_at: past },
  });
  await fill('account_roles', accounts, { account_id: account(), role_name: "'user'", granted_at: past });
  await fill('sessions', accounts, {
    ...{ uid: key('-filler-session-', BASE64), id_hash: key('-filler-hash-of-a-session-', BASE64), account_id: account() },
    ...{ payload: `'${PAYLOAD}'`, last_seen_at: past, ...times },
  });
  await fill('grants', grants, { id: grant(), account_id: ownerOf('n'), client_id: "'application'", payload: `'${PAYLOAD}'`, ...times });
  const ofPerson = (value: string, others = 'NULL') => `CASE WHEN n % 5 > 0 THEN ${value} ELSE ${others} END`;
  await fill('artifacts', tokens, {
    id_hash: key('-filler-hash-of-a-bearer-value-', BASE64),
    kind: "CASE n % 5 WHEN 0 THEN 'ClientCredentials' WHEN 1 THEN 'AuthorizationCode' WHEN 2 THEN 'RefreshToken' ELSE 'AccessToken' END",
    grant_id: ofPerson(grant(`n % ${grants} + 1`)),
    account_id: ofPerson(ownerOf(`n % ${grants} + 1`)),
    client_id: ofPerson("'application'", "'service'"),
    ...{ payload: `'${PAYLOAD}'`, ...times },
  });
  await close();
}
