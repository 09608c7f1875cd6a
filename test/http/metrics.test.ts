import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createMetricsServer } from '../../src/platform/metrics/index.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { createRelyingParty, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe('the metrics', () => {
  let server: TestServer;
  let address: string;
  let close: () => void;
  beforeAll(async () => {
    server = await startDeclaredServer({ env: { PURGE_INTERVAL_SECONDS: '1' } });
    // Somebody is signed in before the first scrape: counts of rows are kept for a while.
    await obtainTokens(server, await createRelyingParty(server, 'ours'));
    const message = { topic: 'nobody-delivers-it', recipient: 'somebody', payload: '', createdAt: new Date(Date.now() - 3_600_000) };
    const { outboxMessage } = server.services.db.client;
    await outboxMessage.create({ data: { id: 'still tried', ...message, nextAttemptAt: new Date(Date.now() + 3_600_000) } });
    await outboxMessage.create({ data: { id: 'given up', ...message, nextAttemptAt: null } });
    server.services.metrics.watchProcess();
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

  const scrape = async () => (await fetch(`${address}/metrics`)).text();
  const PROVIDER_ROUTES = ['/authorize/:uid', '/token'];

  it('count sign-ins and why they failed', async () => {
    const { email } = await createPerson(server);
    const signIn = (password: string, identifier = email) =>
      server.services.identity.login.withPassword({ identifier, password, ip: '192.0.2.44' }).catch(() => undefined);
    await signIn(PASSWORD);
    await signIn('not the password at all');
    await signIn('not the password at all', 'nobody@example.com');
    await server.services.identity.accounts.disable((await server.services.identity.accounts.findByEmail(email))?.id ?? '');
    await signIn(PASSWORD);
    // With the one before the first scrape.
    expect(await read('auth_logins_total\\{result="success"\\}')).toBe(2);
    expect(await read('auth_logins_total\\{result="failure"\\}')).toBe(3);
    for (const reason of ['wrong_password', 'unknown_account', 'disabled'])
      expect(await read(`auth_login_failures_total\\{reason="${reason}"\\}`), reason).toBe(1);
  });

  it('count tokens by grant and kind, refreshes by their result, and requests by route, never by what somebody typed', async () => {
    const shop = await createRelyingParty(server, 'shop');
    const { tokens } = await obtainTokens(server, shop);
    const body = { grant_type: 'refresh_token', refresh_token: 'nonsense' };
    const headers = { authorization: `Basic ${Buffer.from('shop:a-secret-of-the-shop-long-enough-to-be-one').toString('base64')}` };
    await fetch(`${server.url}/token`, { method: 'POST', headers, body: new URLSearchParams(body) });
    await fetch(`${server.url}/token`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ ...body, refresh_token: tokens.refresh_token ?? '' }),
    });
    await fetch(`${server.url}/no/such/page/${'x'.repeat(50)}`);
    await fetch(`${server.url}/interaction/some-uid-or-other`);
    expect(await read('auth_tokens_issued_total\\{grant="authorization_code",kind="id_token"\\}')).toBe(2);
    expect(await read('auth_tokens_issued_total\\{grant="refresh_token",kind="access_token"\\}')).toBe(1);
    expect(await read('auth_token_refresh_total\\{result="refused"\\}')).toBe(1);
    expect(await read('auth_token_refresh_total\\{result="success"\\}')).toBe(1);
    const text = await scrape();
    for (const route of [...PROVIDER_ROUTES, '/interaction/:uid', 'other']) expect(text).toContain(`route="${route}"`);
    expect(text).not.toContain('xxxxx');
    expect(text).not.toContain('some-uid');
  });

  it('say how many are signed in and locked out, how old the signing key is, and how busy the process and the database are', async () => {
    const text = await scrape();
    for (const name of ['auth_sessions_active', 'auth_accounts_locked', 'auth_signing_key_age_seconds', 'password_hash_queue_depth'])
      expect(text, name).toMatch(new RegExp(`^${name} \\d`, 'm'));
    expect(text).toMatch(/^auth_sessions_active [1-9]/m);
    expect(text).toMatch(/^db_query_duration_seconds_count [1-9]/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
  });

  it('say how many messages are still tried and since when, for whoever is to hear that a receiver is down', async () => {
    const text = await scrape();
    expect(text).toMatch(/^auth_outbox_waiting_messages 1$/m);
    expect(Number(/^auth_outbox_oldest_message_seconds (\S+)$/m.exec(text)?.[1])).toBeGreaterThanOrEqual(3600);
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
