import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type ConfigurationError, loadConfig } from '../../src/config/index.js';
import { backoffMs, createAggregate } from '../../src/platform/cluster/index.js';
import { createMetrics } from '../../src/platform/metrics/index.js';

const KEY = Buffer.from('Vq7rT2mXw9LpZ4kHs8BnY6dJc3FgR5tQ').toString('base64');
const numberIn = (text: string, name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);

describe('the metrics of several workers', () => {
  it('are added where they count, and told once where they say what is in the database', async () => {
    const workers = [3, 4].map((count) => {
      const metrics = createMetrics();
      for (let each = 0; each < count; each++) metrics.tokenIssued('authorization_code', 'access_token');
      metrics.statementFinished(0.002);
      metrics.gaugesFrom({
        sessionsActive: async () => 50,
        accountsLocked: async () => 2,
        outbox: async () => ({ waiting: 3, oldestSeconds: 60 }),
        signingKeyAgeSeconds: () => 1000,
        passwordHashQueueDepth: () => count,
      });
      return metrics;
    });
    const text = await createAggregate().render(await Promise.all(workers.map((metrics) => metrics.snapshot())));
    expect(numberIn(text, 'auth_tokens_issued_total\\{grant="authorization_code",kind="access_token"\\}')).toBe(7);
    expect(numberIn(text, 'db_query_duration_seconds_count')).toBe(2);
    expect(numberIn(text, 'db_query_duration_seconds_bucket\\{le="0.0025"\\}')).toBe(2);
    expect(numberIn(text, 'auth_sessions_active')).toBe(50);
    expect(numberIn(text, 'auth_accounts_locked')).toBe(2);
    expect(numberIn(text, 'auth_outbox_waiting_messages')).toBe(3);
    expect(numberIn(text, 'auth_signing_key_age_seconds')).toBe(1000);
    expect(numberIn(text, 'password_hash_queue_depth')).toBe(7);
  });

  it('never count less when a worker ends, however many do', async () => {
    const aggregate = createAggregate();
    const counted = async () => {
      const metrics = createMetrics();
      metrics.loginFinished(undefined);
      metrics.requestAnswered({ method: 'GET', route: '/livez', status: 200, seconds: 0.001 });
      return metrics.snapshot();
    };
    for (let ended = 0; ended < 5; ended++) aggregate.keep(await counted());
    const text = await aggregate.render([await counted()]);
    expect(numberIn(text, 'auth_logins_total\\{result="success"\\}')).toBe(6);
    expect(numberIn(text, 'http_request_duration_seconds_count\\{method="GET",route="/livez"\\}')).toBe(6);
    expect(numberIn(await aggregate.render([]), 'auth_logins_total\\{result="success"\\}')).toBe(5);
  });
});

it('a worker that fails is started again soon, and ever more rarely, but within half a minute', () => {
  expect(backoffMs(1)).toBeLessThan(1000);
  for (let failures = 1; failures < 50; failures++) expect(backoffMs(failures + 1)).toBeGreaterThanOrEqual(backoffMs(failures));
  expect(backoffMs(50)).toBe(30_000);
});

describe('WORKERS', () => {
  const load = (environment: Record<string, string>) =>
    loadConfig({ KEY_ENCRYPTION_KEY: KEY, COOKIE_SECRETS: 'correct-horse-battery-staple-0123456789', ...environment });
  const faultsOf = (environment: Record<string, string>) => {
    try {
      load(environment);
    } catch (error) {
      return (error as ConfigurationError).faults;
    }
    return [];
  };

  it('is refused with SQLite, with the way out', () => {
    const mend = expect.stringMatching(/^WORKERS must be 1 with SQLite.*set DATABASE_URL to postgresql:\/\//);
    expect(faultsOf({ WORKERS: '2' })).toEqual([mend]);
    expect(faultsOf({ WORKERS: '2', DATABASE_URL: 'file:/var/lib/latchkey.db' })).toEqual([mend]);
    expect(faultsOf({ WORKERS: '2', DATABASE_URL: 'postgresql://localhost/latchkey' })).toEqual([]);
    expect(faultsOf({ WORKERS: '1' })).toEqual([]);
  });

  it('leaves a core to those who do not sign in, shares the others for hashing, and gives each process a pool with four threads more than that', () => {
    const of = (environment: Record<string, string>) => load({ DATABASE_URL: 'postgresql://localhost/latchkey', ...environment });
    const cores = availableParallelism();
    for (const workers of [1, 2, 3, 64]) {
      const share = Math.max(1, Math.floor((cores - 1) / workers));
      const { workerPoolThreads } = of({ WORKERS: String(workers) });
      expect(workerPoolThreads).toBe(share + 4);
      // What a worker that was started with this pool makes of it.
      expect(of({ WORKERS: String(workers), UV_THREADPOOL_SIZE: String(workerPoolThreads) }).hashConcurrency).toBe(share);
    }
    expect(of({ WORKERS: '2', UV_THREADPOOL_SIZE: '5' })).toMatchObject({ workerPoolThreads: 5, hashConcurrency: 1 });
  });
});
