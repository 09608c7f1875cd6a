import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createPurge } from '../../src/oidc/adapter/index.js';
import { databases } from '../support/database.js';
import { lasting, openTestStore } from '../support/storage.js';

const EXPIRED_ROWS = Number(process.env.DURABILITY_ROUNDS ?? 100) >= 100 ? 100_000 : 20_000;

/** Milliseconds that so many of the measured took at most. */
const percentile = (sorted: readonly number[], part: number) =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1);

describe.each(databases)('a purge of many expired rows (%s)', (provider) => {
  it('lets logins write beside it', async () => {
    const store = await openTestStore(provider);
    const { client } = store.db;
    const series =
      provider === 'sqlite'
        ? `WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${EXPIRED_ROWS})`
        : `WITH series AS (SELECT generate_series(1, ${EXPIRED_ROWS}) AS n)`;
    const past = provider === 'sqlite' ? "'2020-01-01T00:00:00.000+00:00'" : "'2020-01-01'::timestamptz";
    await client.$executeRawUnsafe(`INSERT INTO artifacts (id_hash, kind, grant_id, account_id, client_id, payload, created_at, expires_at) ${series}
      SELECT 'artifact' || n, 'AccessToken', 'grant' || n, 'account' || n, 'client', '${'x'.repeat(400)}', ${past}, ${past} FROM series`);
    const grantId = await store.addGrant();
    const tokens = store.adapter('AccessToken');
    let written = 0;
    const write = async () => {
      const began = performance.now();
      await tokens.upsert(`token${written++}`, { ...lasting(600), grantId, accountId: 'person', clientId: 'app' });
      return performance.now() - began;
    };
    const alone: number[] = [];
    for (let count = 0; count < 500; count++) alone.push(await write());

    let over = false;
    const began = performance.now();
    const purge = createPurge({ db: store.db })
      .run()
      .finally(() => {
        over = true;
      });
    const beside: number[] = [];
    while (!over) {
      beside.push(await write());
      await nextTurn();
    }
    const { artifacts } = await purge;
    const seconds = (performance.now() - began) / 1000;
    await store.drop();

    for (const times of [alone, beside]) times.sort((a, b) => a - b);
    const show = (times: readonly number[]) =>
      `p50 ${percentile(times, 0.5)} ms, p99 ${percentile(times, 0.99)} ms, slowest ${percentile(times, 1)} ms`;
    console.log(
      `${provider}: ${artifacts} rows purged in ${seconds.toFixed(1)} s; a write alone: ${show(alone)}; ` +
        `beside the purge (${beside.length} writes): ${show(beside)}`,
    );
    expect(artifacts).toBe(EXPIRED_ROWS);
    // Writers take turns with the purge's batches; none waits for the purge.
    expect(beside.length).toBeGreaterThan(EXPIRED_ROWS / 5000);
    expect(Number(percentile(beside, 0.99))).toBeLessThan(2000);
  });
});
