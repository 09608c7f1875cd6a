import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createMetricsServer } from '../../src/platform/metrics/index.js';
import { createRelyingParty, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe('the metrics', () => {
  let server: TestServer;
  let address: string;
  let close: () => void;
  beforeAll(async () => {
    server = await startDeclaredServer({ env: { PURGE_INTERVAL_SECONDS: '1' } });
    const metrics = createMetricsServer(server.services.metrics);
    metrics.listen(0, '127.0.0.1');
    await once(metrics, 'listening');
    address = `http://127.0.0.1:${(metrics.address() as AddressInfo).port}`;
    close = () => metrics.close();
  });
  afterAll(async () => {
    close();
    await server.close();
  });

  const read = async (name: string) => {
    const text = await (await fetch(`${address}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  };

  it('are not on the public port, and nothing else is on theirs', async () => {
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
    expect((await fetch(`${address}/`)).status).toBe(404);
    expect((await fetch(`${address}/metrics`, { method: 'POST' })).status).toBe(404);
  });

  it('count the rows that the purge deletes, by kind', async () => {
    const expired = new Date(Date.now() - 30 * 86_400_000);
    await server.services.db.client.limitCounter.create({ data: { key: 'long ago', count: 1, expiresAt: expired } });
    await vi.waitFor(async () => expect(await read('auth_purged_rows_total\\{kind="limit_counters"\\}')).toBe(1), 20_000);
  });

  it('count a refresh token that is used again after its window, once for each use', async () => {
    const shop = await createRelyingParty(server, 'shop');
    const { tokens } = await obtainTokens(server, shop);
    const refresh = () =>
      fetch(`${server.url}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from('shop:a-secret-of-the-shop-long-enough-to-be-one').toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' }),
      });
    expect((await refresh()).status).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    expect((await refresh()).status).toBe(400);
    vi.useRealTimers();
    expect(await read('auth_token_reuse_detected_total')).toBe(1);
  });
});
