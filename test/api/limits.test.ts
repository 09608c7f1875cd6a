/** What nobody can find out or get around over the JSON API. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Answered, callApi } from '../support/json-api.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

/** All that a caller sees but what differs with every request. */
function seen({ status, headers, text }: Answered) {
  const varying = new Set(['date', 'x-request-id', 'content-security-policy']);
  return {
    status,
    headers: [...headers].filter(([name]) => !varying.has(name)),
    text: text.replace(/"request_id":"[^"]+"/, ''),
  };
}

describe('an account cannot be found', () => {
  let server: TestServer;
  let known: string;
  let unverified: string;
  beforeAll(async () => {
    server = await startTestServer();
    known = (await createPerson(server)).email;
    unverified = 'waiting@example.com';
    await callApi(server, 'POST', '/auth/register', { body: { email: unverified, password: PASSWORD } });
  });
  afterAll(() => server?.close());

  test.each([
    ['/auth/login', { password: 'not the password' }, 401],
    ['/v2/auth/login', { password: 'not the password' }, 401],
    ['/auth/password-reset/request', {}, 200],
    ['/auth/email/resend', {}, 200],
    ['/v2/auth/email/resend', {}, 200],
  ])('by what %s answers', async (path, rest, status) => {
    const answers = [];
    for (const email of [known, unverified, 'nobody@example.com', 'no address at all']) {
      answers.push(seen(await callApi(server, 'POST', path, { body: { email, ...rest } })));
    }
    expect(answers[0]?.status).toBe(status);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  test('while it is locked: right and wrong password are answered alike, known or not', async () => {
    const { email } = await createPerson(server);
    const texts = new Set<string>();
    for (const address of [email, 'nobody2@example.com']) {
      for (let tries = 0; tries < 5; tries++) await callApi(server, 'POST', '/auth/login', { body: { email: address, password: 'wrong' } });
      for (const password of [PASSWORD, 'wrong']) {
        const answer = await callApi(server, 'POST', '/auth/login', { body: { email: address, password } });
        expect([answer.status, answer.headers.has('retry-after')]).toEqual([403, true]);
        texts.add(seen(answer).text);
      }
    }
    expect(texts.size).toBe(1);
  });
});

describe('X-Forwarded-For', () => {
  // The windows of limits stand still, however slow the machine is.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());
  const failed = (server: TestServer, index: number, headers: Record<string, string>) =>
    callApi(server, 'POST', '/auth/login', { body: { email: `someone${index}@example.com`, password: 'wrong' }, headers });

  test('is no way around a limit', async () => {
    const server = await startTestServer({
      env: { LIMIT_FAILED_LOGINS_PER_MINUTE: '5', LIMIT_RESETS_PER_HOUR: '2', LIMIT_REGISTRATIONS_PER_HOUR: '2' },
    });
    try {
      const spoof = (index: number) => ({ 'x-forwarded-for': `203.0.113.${index}`, forwarded: `for=203.0.113.${index}` });
      for (let index = 0; index < 5; index++) expect((await failed(server, index, spoof(index))).status).toBe(401);
      const limited = await failed(server, 6, spoof(6));
      expect([limited.status, limited.body.code]).toEqual([429, 'login.rate_limited']);
      expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
      for (const [path, code] of [
        ['/auth/password-reset/request', 'recovery.rate_limited'],
        ['/auth/email/resend', 'registration.rate_limited'],
        ['/auth/register', 'registration.rate_limited'],
      ] as const) {
        const send = (index: number) =>
          callApi(server, 'POST', path, { body: { email: `new${index}@example.com`, password: PASSWORD }, headers: spoof(index) });
        expect([(await send(1)).status < 300, (await send(2)).status < 300]).toEqual([true, true]);
        const third = await send(3);
        expect([third.status, third.body.code, Number(third.headers.get('retry-after')) > 0]).toEqual([429, code, true]);
      }
    } finally {
      await server.close();
    }
  });

  test('locks nobody else out: behind a proxy only what the proxy itself wrote counts', async () => {
    const server = await startTestServer({ env: { LIMIT_FAILED_LOGINS_PER_MINUTE: '5', TRUST_PROXY: '1' } });
    try {
      const { host } = new URL(server.url);
      const through = (forwarded: string) => ({
        'x-forwarded-for': forwarded,
        'x-forwarded-host': host,
        'x-forwarded-proto': 'http',
      });
      for (let index = 0; index < 8; index++) await failed(server, index, through('203.0.113.9, 198.51.100.1'));
      expect((await failed(server, 9, through('198.51.100.1'))).status).toBe(429);
      expect((await failed(server, 10, through('203.0.113.9'))).status).toBe(401);
    } finally {
      await server.close();
    }
  });
});
