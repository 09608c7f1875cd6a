import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.js';

describe('POST /password/strength', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  const ask = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/password/strength`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json', accept: 'application/json', origin: server.url, ...headers },
    });

  it('says how strong a password is, and why it is not', async () => {
    const weak = await ask({ password: 'password1', inputs: [] });
    expect(weak.status).toBe(200);
    expect(weak.headers.get('cache-control')).toBe('no-store');
    const { score, warning, suggestions } = (await weak.json()) as { score: number; warning: string; suggestions: string[] };
    expect(score).toBeLessThan(2);
    expect(warning).not.toBe('');
    expect(Array.isArray(suggestions)).toBe(true);
    expect(await (await ask({ password: 'correct horse battery staple 42' })).json()).toMatchObject({ score: 4 });
  });

  it('counts what is known of the person against it', async () => {
    const password = 'mirabel.thornquist';
    const alone = (await (await ask({ password })).json()) as { score: number };
    const known = (await (await ask({ password, inputs: ['mirabel.thornquist@example.com'] })).json()) as { score: number };
    expect(known.score).toBeLessThan(alone.score);
  });

  it('answers pages of this server only', async () => {
    const body = { password: 'secret' };
    expect((await ask(body, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await ask(body, { origin: '' })).status).toBe(403);
    expect((await ask(body, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await ask(body, { 'sec-fetch-site': 'none' })).status).toBe(403);
    expect((await ask(body, { origin: '', 'sec-fetch-site': 'same-origin' })).status).toBe(200);
  });

  it.each([
    ['nothing', '', 400],
    ['no JSON', '{"password":', 400],
    ['a list', [], 422],
    ['null', null, 422],
    ['no password', {}, 422],
    ['a number', { password: 12345678 }, 422],
    ['a password without end', { password: 'x'.repeat(1025) }, 422],
    ['too many inputs', { password: 'x', inputs: Array.from({ length: 11 }, () => 'a') }, 422],
    ['an input without end', { password: 'x', inputs: ['y'.repeat(255)] }, 422],
    ['inputs that are no list', { password: 'x', inputs: 'y' }, 422],
    ['members that do not belong', { password: 'x', admin: true }, 422],
    ['a body past 64 KiB', JSON.stringify({ password: 'x'.repeat(70_000) }), 413],
  ])('refuses %s', async (_what, body, status) => {
    const answer = await ask(body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const text = await answer.text();
    expect(JSON.parse(text)).toHaveProperty('code');
    expect(text).not.toContain('xxxx');
  });

  it('refuses what is not sent as JSON, and other methods', async () => {
    expect((await ask('password=x', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415);
    expect((await fetch(`${server.url}/password/strength`)).status).toBe(404);
  });

  it('keeps nobody waiting over a long hostile password', async () => {
    const started = performance.now();
    expect((await ask({ password: '4@$'.repeat(340), inputs: Array.from({ length: 10 }, () => '4@$'.repeat(84)) })).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('is limited for each network, generously', async () => {
    const limited = await startTestServer();
    try {
      const statuses = new Map<number, number>();
      let retryAfter: string | null = null;
      for (let round = 0; round < 650; round += 50) {
        const answers = await Promise.all(
          Array.from({ length: 50 }, () =>
            fetch(`${limited.url}/password/strength`, {
              method: 'POST',
              body: '{"password":"abc"}',
              headers: { 'content-type': 'application/json', origin: limited.url },
            }),
          ),
        );
        for (const { status, headers } of answers) {
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          retryAfter ??= headers.get('retry-after');
        }
      }
      expect(statuses.get(200)).toBe(600);
      expect(statuses.get(429)).toBe(50);
      expect(Number(retryAfter)).toBeGreaterThan(0);
    } finally {
      await limited.close();
    }
  });
});
