import { describe, expect, it } from 'vitest';
import { backoffMs, createAggregate } from '../../src/platform/cluster/index.js';
import { createMetrics } from '../../src/platform/metrics/index.js';

const valueOf = (text: string, name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);

describe('the metrics of several workers', () => {
  it('are added where they count, and told once where they say what is in the database', async () => {
    const workers = [3, 4].map((count) => {
      const metrics = createMetrics();
      for (let each = 0; each < count; each++) metrics.tokenIssued('authorization_code', 'access_token');
      metrics.statementFinished(0.002);
      metrics.gaugesFrom({
        sessionsActive: async () => 50,
        accountsLocked: async () => 2,
        signingKeyAgeSeconds: () => 1000,
        passwordHashQueueDepth: () => count,
      });
      return metrics;
    });
    const text = await createAggregate().render(await Promise.all(workers.map((metrics) => metrics.snapshot())));
    expect(valueOf(text, 'auth_tokens_issued_total\\{grant="authorization_code",kind="access_token"\\}')).toBe(7);
    expect(valueOf(text, 'db_query_duration_seconds_count')).toBe(2);
    expect(valueOf(text, 'db_query_duration_seconds_bucket\\{le="0.0025"\\}')).toBe(2);
    expect(valueOf(text, 'auth_sessions_active')).toBe(50);
    expect(valueOf(text, 'auth_accounts_locked')).toBe(2);
    expect(valueOf(text, 'auth_signing_key_age_seconds')).toBe(1000);
    expect(valueOf(text, 'password_hash_queue_depth')).toBe(7);
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
    expect(valueOf(text, 'auth_logins_total\\{result="success"\\}')).toBe(6);
    expect(valueOf(text, 'http_request_duration_seconds_count\\{method="GET",route="/livez"\\}')).toBe(6);
    expect(valueOf(await aggregate.render([]), 'auth_logins_total\\{result="success"\\}')).toBe(5);
  });
});

it('a worker that fails is started again soon, and ever more rarely, but within half a minute', () => {
  expect(backoffMs(1)).toBeLessThan(1000);
  for (let failures = 1; failures < 50; failures++) expect(backoffMs(failures + 1)).toBeGreaterThanOrEqual(backoffMs(failures));
  expect(backoffMs(50)).toBe(30_000);
});
