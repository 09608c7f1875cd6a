/** CIBA's ping (section 10.2): an application hears that there is an answer, not which; nobody waits for it. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createOutbound } from '../../src/platform/outbound/index.js';
import { type Asker, answer, createAsker, openQuestion } from '../support/asking.js';
import { databases } from '../support/database.js';
import { type Listening, listenHttps } from '../support/listening.js';
import { createPerson } from '../support/people.js';
import { startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { certificate } from '../support/tls.js';

type Heard = { authorization: string | undefined; type: string | undefined; body: string };

describe.each(databases)('an application that is pinged on %s', (provider) => {
  let server: TestServer;
  let bank: Asker;
  let listener: Listening;
  let endpoint: string;
  let breakOff = () => {};
  const heard: Heard[] = [];
  let status = 204;

  beforeAll(async () => {
    listener = await listenHttps(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      heard.push({ authorization: request.headers.authorization, type: request.headers['content-type'], body });
      // 0: it takes the request and does not answer until it breaks off.
      if (status !== 0) response.writeHead(status, status === 302 ? { location: `${endpoint}/elsewhere` } : {}).end();
      else breakOff = () => request.socket.destroy();
    });
    endpoint = `https://keys.example.com:${listener.port}/ping`;
    server = await startDeclaredServer({ provider });
    // The guarded fetch as it is, but for where names lead and whose certificates count.
    const allow = ['keys.example.com'];
    const resolve = async () => ['127.0.0.1'];
    Object.assign(
      server.services.outbound,
      createOutbound({ allow, development: false, log: server.services.log, resolve, ca: certificate }),
    );
    bank = await createPinged(endpoint);
  });
  afterEach(async () => {
    vi.useRealTimers();
    breakOff();
    await server.services.outbox.idle();
    await server.services.db.client.outboxMessage.deleteMany({});
    heard.length = 0;
    status = 204;
  });
  afterAll(async () => {
    await server?.close();
    await listener?.close();
  });

  const createPinged = (address: string) =>
    createAsker(server, { backchannel_token_delivery_mode: 'ping', backchannel_client_notification_endpoint: address });
  const asked = async (asker: Asker, token = 'notify-me') => {
    const person = await createPerson(server);
    const { auth_req_id: id } = await asker.ask({ login_hint: person.email, client_notification_token: token });
    return { id, ...(await openQuestion(server, person)) };
  };
  const outbox = () => server.services.db.client.outboxMessage.findMany({});

  test.each(['allow', 'refuse'] as const)('hears with its own token that there is an answer (%s), and collects it', async (decision) => {
    const { id, browser, page } = await asked(bank, 'aB3-._~+/==');
    expect(heard).toEqual([]);
    await answer(browser, page, decision);
    await expect.poll(() => heard, { timeout: 20_000 }).toHaveLength(1);
    expect(heard[0]).toMatchObject({ authorization: 'Bearer aB3-._~+/==', type: 'application/json' });
    expect(JSON.parse(String(heard[0]?.body))).toEqual({ auth_req_id: id });
    await expect.poll(outbox, { timeout: 20_000 }).toEqual([]);
    expect(await bank.poll(id)).toMatchObject(decision === 'allow' ? { status: 200 } : { status: 400, error: 'access_denied' });
  });

  test('hears once of an answer that was given 10 times at the same moment', async () => {
    const { browser, page } = await asked(bank);
    await Promise.all(Array.from({ length: 10 }, (_, index) => answer(browser, page, index % 2 ? 'allow' : 'refuse')));
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBeGreaterThan(0);
    await expect.poll(outbox, { timeout: 20_000 }).toEqual([]);
    expect(heard).toHaveLength(1);
  });

  test('that does not answer delays no person, keeps nothing in clear, and is told again until the question has run out', async () => {
    status = 0;
    const { id, browser, page } = await asked(bank, 'secret-notification-token');
    const began = performance.now();
    expect(titleOf(await answer(browser, page))).toContain('You allowed it');
    expect(performance.now() - began).toBeLessThan(4000);
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBe(1);
    const [message] = await outbox();
    expect(JSON.stringify(message)).not.toContain('secret-notification-token');
    expect(JSON.stringify(message)).not.toContain(id);
    breakOff();
    await server.services.outbox.idle();
    status = 204;
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    await server.services.outbox.run();
    expect(heard).toHaveLength(2);
    expect(await outbox()).toEqual([]);
  });

  test('is not told of a question that has run out', async () => {
    status = 500;
    const { browser, page } = await asked(bank);
    await answer(browser, page);
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBe(1);
    await server.services.outbox.idle();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 700_000 });
    await server.services.outbox.run();
    await server.services.outbox.idle();
    expect(heard).toHaveLength(1);
    expect(await outbox()).toEqual([]);
  });

  test('is not followed where it redirects to', async () => {
    status = 302;
    const { browser, page } = await asked(bank);
    await answer(browser, page);
    await expect.poll(async () => (await outbox())[0]?.lastError ?? '', { timeout: 20_000 }).not.toBe('');
    expect(heard).toHaveLength(1);
  });

  test.each(['https://10.0.0.7/ping', 'https://169.254.169.254/ping', 'https://[::ffff:10.0.0.7]/ping', 'https://192.168.0.1:8443/ping'])(
    'is not reached at an address that nobody may name: %s',
    async (address) => {
      const made = await createPinged(address).catch((error: { code?: string }) => error.code);
      // Refused when it is registered, or never asked.
      if (typeof made === 'string') return expect(made).toBe('clients.invalid');
      const { browser, page } = await asked(made as Asker);
      await answer(browser, page);
      await expect
        .poll(async () => (await outbox())[0]?.lastError ?? '', { timeout: 20_000 })
        .toMatch(/^outbound\.failed: \S+ leads to \S+, which /);
    },
  );

  test.each([
    ['none', undefined],
    ['one with spaces', 'a b'],
    ['one with a line break', 'a\nb'],
    ['one without end', 'a'.repeat(1025)],
  ])('must give a notification token: not %s', async (_what, token) => {
    const parameters = { login_hint: 'a@example.com', ...(token === undefined ? {} : { client_notification_token: token }) };
    expect(await bank.refused(parameters)).toMatchObject({ status: 400, error: 'invalid_request' });
  });
});
