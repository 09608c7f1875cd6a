/** Events sent to others, read by a library that is not ours: https://www.standardwebhooks.com. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { besideServer, type CommandLine } from '../support/command-line.js';
import { databases } from '../support/database.js';
import { startTestServer, type TestServer } from '../support/server.js';

type Heard = { headers: IncomingHttpHeaders; body: string };

/** Somebody who hears of events. */
async function openReceiver() {
  const heard: Heard[] = [];
  const answer = { status: 204 };
  const server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    heard.push({ headers: request.headers, body });
    response.writeHead(answer.status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`, heard, answer, close: () => server.close() };
}

type Told = { type: string; timestamp: string; data: Record<string, unknown> };
const read = (secret: string, { headers, body }: Heard) => new Webhook(secret).verify(body, headers as Record<string, string>) as Told;

describe.each(databases)('webhooks on %s', (provider) => {
  let server: TestServer;
  let latchkey: CommandLine;
  let receiver: Awaited<ReturnType<typeof openReceiver>>;
  beforeAll(async () => {
    [server, receiver] = await Promise.all([startTestServer({ provider }), openReceiver()]);
    latchkey = besideServer(server.config);
  });
  afterEach(async () => {
    vi.useRealTimers();
    for (const { id } of await server.services.webhooks.list()) await server.services.webhooks.delete(id);
    await server.services.outbox.idle();
    await server.services.db.client.outboxMessage.deleteMany();
    receiver.heard.length = 0;
    receiver.answer.status = 204;
  });
  afterAll(async () => {
    await server?.close();
    receiver?.close();
  });

  const record = (subjectId: string, type: 'account.locked' | 'login.failed' | 'role.granted' = 'account.locked') =>
    server.services.audit.record({ type, outcome: 'success', subjectId, ip: '192.0.2.1', detail: { reason: 'test' } });
  const create = (events: string[], url = receiver.url): Promise<{ id: string; secret: string }> =>
    latchkey.json(['webhook', 'create', '--url', url, ...events.flatMap((event) => ['--event', event])]);
  /** What the server's own jobs do, now. */
  const deliver = async () => {
    await server.services.auditTrail.chain();
    await server.services.outbox.idle();
    await server.services.outbox.run();
    await server.services.outbox.idle();
  };
  const subjects = () => receiver.heard.map(({ body }) => (JSON.parse(body) as Told).data.account_id);

  it('tell of the events that were chosen and of no others, signed, with what the log shows and nothing else', async () => {
    const { id, secret } = await create(['account.locked', 'role.*']);
    expect(secret).toMatch(/^whsec_/);
    await record('ann');
    await record('bob', 'login.failed');
    await record('eve', 'role.granted');
    await expect.poll(() => receiver.heard.length, { timeout: 15_000 }).toBe(2);
    await deliver();
    const told = receiver.heard.map((each) => read(secret, each));
    expect(told.map(({ type }) => type).sort()).toEqual(['account.locked', 'role.granted']);
    const ann = told.find(({ data }) => data.account_id === 'ann');
    const [event] = await server.services.db.client.auditEvent.findMany({ where: { subjectId: 'ann' } });
    expect(ann).toEqual({
      type: 'account.locked',
      timestamp: event?.occurredAt.toISOString(),
      data: {
        ...{
          id: event?.id,
          sequence: Number(event?.sequence),
          occurred_at: event?.occurredAt.toISOString(),
          type: 'account.locked',
          outcome: 'success',
        },
        ...{ actor_id: null, account_id: 'ann', client_id: null, ip: '192.0.2.1', request_id: null, detail: { reason: 'test' } },
      },
    });
    expect(receiver.heard.map(({ headers }) => headers['webhook-id'])).toContain(event?.id);
    expect(receiver.heard.every(({ headers }) => headers['content-type'] === 'application/json')).toBe(true);
    // Nothing that could be used to forge one is at rest in clear.
    const rows = JSON.stringify([await server.services.db.client.webhookEndpoint.findMany(), await latchkey.json(['webhook', 'list'])]);
    expect(rows).toContain(id);
    expect(rows).not.toContain(secret.slice(6));
    const [heard] = receiver.heard as [Heard];
    const changed = { ...heard, body: heard.body.replace('ann', 'eve').replace('192', '193') };
    expect(() => read(secret, changed)).toThrow(WebhookVerificationError);
  });

  it('arrive when the receiver is up again, under the same id, and once each although several processes look', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { secret } = await create(['account.locked']);
    receiver.answer.status = 503;
    await record('late');
    await deliver();
    expect(receiver.heard).toHaveLength(1);
    receiver.answer.status = 204;
    vi.setSystemTime(Date.now() + 60_000);
    await Promise.all([deliver(), deliver(), server.services.outbox.run()]);
    expect(receiver.heard).toHaveLength(2);
    const [first, second] = receiver.heard as [Heard, Heard];
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(second.body).toBe(first.body);
    expect(Number(second.headers['webhook-timestamp']) - Number(first.headers['webhook-timestamp'])).toBeGreaterThanOrEqual(59);
    expect(read(secret, second).data.account_id).toBe('late');
    vi.setSystemTime(Date.now() + 3_600_000);
    await deliver();
    expect(receiver.heard).toHaveLength(2);
    // One that is forged by whoever can write to the database is not passed on.
    await server.services.db.client.$executeRaw`INSERT INTO audit_events (id, occurred_at, type, outcome, subject_id, mac)
      SELECT 'forged', occurred_at, type, outcome, 'forged', mac FROM audit_events WHERE subject_id = 'late'`;
    await deliver();
    expect(subjects()).toEqual(['late', 'late']);
    await server.services.db.client.$executeRaw`DELETE FROM audit_events WHERE id = 'forged'`;
  });

  it('are given up after a day of repetitions, listed, and sent when an operator says so; one that is down holds up no other', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const dead = await openReceiver();
    dead.answer.status = 500;
    const { id } = await create(['account.locked'], dead.url);
    await create(['account.locked']);
    for (let number = 0; number < 50; number += 1) await record(`many-${number}`);
    await deliver();
    expect(new Set(subjects()).size).toBe(50);
    expect(dead.heard.length).toBeLessThanOrEqual(40);
    await server.services.db.client.outboxMessage.deleteMany();
    await record('lost');
    await deliver();
    const tried = await latchkey.json(['outbox', 'list']);
    expect(tried).toMatchObject({ messages: [], waiting: [{ topic: 'webhook', messages: 1, last_error: 'answered 500' }] });
    for (let turn = 0; turn < 15; turn += 1) {
      const [row] = await server.services.db.client.outboxMessage.findMany();
      if (!row?.nextAttemptAt) break;
      vi.setSystemTime(row.nextAttemptAt);
      await deliver();
    }
    const { messages, waiting } = await latchkey.json(['outbox', 'list']);
    expect(waiting).toEqual([]);
    expect(messages).toMatchObject([{ topic: 'webhook', recipient: id, attempts: 11, last_error: 'answered 500' }]);
    dead.answer.status = 200;
    await latchkey.json(['outbox', 'retry']);
    await deliver();
    expect(JSON.parse(dead.heard.at(-1)?.body ?? '').data.account_id).toBe('lost');
    dead.close();
  });

  it('carry both signatures while a secret is being replaced, and then the new one only', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { id, secret: old } = await create(['*']);
    const { secret } = await latchkey.json(['webhook', 'rotate-secret', id, '--grace-seconds', '120']);
    expect(secret).not.toBe(old);
    await record('between');
    await deliver();
    const between = receiver.heard.find(({ body }) => body.includes('between')) as Heard;
    for (const each of [old, secret]) expect(read(each, between).data.account_id).toBe('between');
    vi.setSystemTime(Date.now() + 121_000);
    await record('after');
    await deliver();
    const after = receiver.heard.find(({ body }) => body.includes('"after"')) as Heard;
    expect(read(secret, after).data.account_id).toBe('after');
    expect(() => read(old, after)).toThrow(WebhookVerificationError);
  });

  it('go to no private address that was not allowed, and to nothing that is no https URL', async () => {
    for (const url of ['http://example.com/', 'ftp://example.com', 'https://u:p@example.com/', 'https://example.com/#a', 'nothing'])
      expect((await latchkey.run(['webhook', 'create', '--url', url, '--event', '*'])).stderr).toContain('https URL');
    expect((await latchkey.run(['webhook', 'create', '--url', 'https://example.com/', '--event', 'nothing.here'])).code).toBe(1);
    const { id } = await create(['account.locked'], 'https://169.254.169.254/latest/meta-data');
    const tried = await latchkey.run(['webhook', 'test', id, '--json'], { env: { LATCHKEY_ENV: 'development' } });
    expect(tried.code).toBe(1);
    expect(JSON.parse(tried.stdout)).toMatchObject({ arrived: false, outcome: expect.stringContaining('169.254.169.254') });
    await record('nowhere');
    await deliver();
    const [row] = await server.services.db.client.outboxMessage.findMany();
    expect(row).toMatchObject({
      recipient: id,
      attempts: 1,
      lastError: expect.stringMatching(/^outbound\.failed: 169\.254\.169\.254 .* not public/),
    });
    const good = await create(['account.locked']);
    expect((await latchkey.json(['webhook', 'test', good.id])).arrived).toBe(true);
    expect(read(good.secret, receiver.heard.at(-1) as Heard).type).toBe('webhook.test');
    expect((await latchkey.run(['webhook', 'delete', good.id])).stderr).toContain('Add --yes');
    expect((await latchkey.json(['webhook', 'delete', good.id, '--yes'])).deleted).toBe(true);
    expect((await latchkey.run(['webhook', 'test', good.id])).stderr).toContain('latchkey webhook list');
  });
});
