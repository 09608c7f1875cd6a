import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createSealer } from '../../src/platform/crypto/index.js';
import { createOutbox, type Delivery, type Outbox } from '../../src/platform/outbox/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

const TOPIC = 'test';

describe.each(databases)('a message in the outbox on %s', (provider) => {
  let database: TestDatabase;
  const sealer = createSealer(Buffer.alloc(32, 7));
  const told: { fields: object; message: string }[] = [];
  const note = (fields: object, message: string) => void told.push({ fields, message });
  const log = { warn: note, error: note } as unknown as Parameters<typeof createOutbox>[0]['log'];
  beforeAll(async () => {
    database = await createTestDatabase(provider);
  });
  afterEach(async () => {
    vi.useRealTimers();
    told.length = 0;
    await database.db.client.outboxMessage.deleteMany({});
  });
  afterAll(() => database.drop());

  /** An outbox as another process has it. */
  const open = (deliver?: Delivery): Outbox => {
    const outbox = createOutbox({ db: database.db, sealer, log });
    if (deliver) outbox.deliverBy(TOPIC, deliver);
    return outbox;
  };
  const put = (outbox: Outbox, payload: unknown = { a: 1 }) => outbox.statement({ topic: TOPIC, recipient: 'somebody', payload });
  const count = () => database.db.client.outboxMessage.count();

  it('is there with what causes it, or not at all', async () => {
    const outbox = open();
    await expect(
      database.db.client.$transaction([put(outbox), database.db.client.$executeRaw`INSERT INTO leases (name) VALUES (NULL)`]),
    ).rejects.toThrow();
    expect(await count()).toBe(0);
  });

  it('is sealed at rest and arrives as it was put in, once, and is gone', async () => {
    const arrived: unknown[] = [];
    const outbox = open(async ({ payload }) => void arrived.push(payload));
    await put(outbox, { secret: 'a very recognisable word' });
    const [row] = await database.db.client.outboxMessage.findMany();
    expect(JSON.stringify(row)).not.toContain('recognisable');
    expect(await outbox.run()).toBe(1);
    expect(await outbox.run()).toBe(0);
    expect(arrived).toEqual([{ secret: 'a very recognisable word' }]);
    expect(await count()).toBe(0);
  });

  it('is delivered by one of several processes that look at the same moment', async () => {
    const arrived: string[] = [];
    const deliver: Delivery = async ({ id }) => void arrived.push(id);
    const outboxes = [open(deliver), open(deliver), open(deliver), open(deliver)];
    for (let index = 0; index < 30; index += 1) await put(outboxes[0] as Outbox, index);
    const delivered = await Promise.all(outboxes.map((outbox) => outbox.run()));
    while ((await (outboxes[0] as Outbox).run()) > 0);
    expect(new Set(arrived).size).toBe(30);
    expect(arrived).toHaveLength(30);
    expect(delivered.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(30);
  });

  it('is tried again with growing pauses when it does not arrive, then given up, kept, and tried anew when an operator says so', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const attempts: number[] = [];
    let works = false;
    const outbox = open(async ({ attempt }) => {
      attempts.push(Date.now());
      if (!works) throw new Error(`attempt ${attempt} failed`);
    });
    await put(outbox);
    for (let hour = 0; hour < 30 * 60; hour += 1) {
      await outbox.run();
      const [next] = await database.db.client.outboxMessage.findMany();
      if (!next?.nextAttemptAt) break;
      vi.setSystemTime(next.nextAttemptAt.getTime());
    }
    expect(await outbox.listWaiting()).toEqual([]);
    const pauses = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(attempts.length).toBe(11);
    expect(pauses.reduce((sum, pause) => sum + pause, 0)).toBeGreaterThan(20 * 3_600_000);
    expect(await outbox.listGivenUp()).toMatchObject([
      { topic: TOPIC, recipient: 'somebody', attempts: 11, lastError: 'attempt 11 failed' },
    ]);
    expect(told.at(-1)?.message).toContain('given up');
    works = true;
    expect(await outbox.run()).toBe(0);
    expect(await outbox.retry()).toBe(1);
    await outbox.run();
    await outbox.idle();
    expect(await outbox.listGivenUp()).toEqual([]);
    expect(await count()).toBe(0);
  });

  it('is counted while it is tried, by topic, with how long the oldest has waited and why it failed', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const outbox = open(async () => {
      throw new Error('the receiver is down');
    });
    const since = new Date();
    await put(outbox, { secret: 'a very recognisable word' });
    await outbox.run();
    vi.setSystemTime(Date.now() + 1000);
    await put(outbox);
    await outbox.statement({ topic: 'other', recipient: 'somebody else', payload: {} });
    const waiting = await outbox.listWaiting();
    expect(waiting).toEqual([
      { topic: 'other', messages: 1, since: new Date(since.getTime() + 1000), lastError: null },
      { topic: TOPIC, messages: 2, since, lastError: 'the receiver is down' },
    ]);
    expect(await outbox.listGivenUp()).toEqual([]);
  });

  it('is delivered by somebody else when the process that took it has died', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const arrived: unknown[] = [];
    const dead = open(() => new Promise(() => {}));
    await put(dead);
    void dead.run();
    await expect.poll(async () => (await database.db.client.outboxMessage.findFirst())?.attempts, { timeout: 20_000 }).toBe(1);
    const other = open(async ({ payload }) => void arrived.push(payload));
    expect(await other.run()).toBe(0);
    vi.setSystemTime(Date.now() + 61_000);
    expect(await other.run()).toBe(1);
    expect(arrived).toEqual([{ a: 1 }]);
  });

  it('is left to processes that know its topic', async () => {
    const outbox = open();
    await put(outbox);
    expect(await outbox.run()).toBe(0);
    outbox.deliverBy('another', async () => {});
    expect(await outbox.run()).toBe(0);
    expect(await count()).toBe(1);
  });
});
