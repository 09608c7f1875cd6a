import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ChangeFeed, createChangeFeed } from '../../src/platform/changes/index.js';
import { openDatabase } from '../../src/platform/db/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

const until = async (condition: () => boolean, timeoutMs = 20_000) => {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

describe.each(databases)('changes on %s', (provider) => {
  let database: TestDatabase;
  const feeds: ChangeFeed[] = [];
  const feedOf = (options: Partial<Parameters<typeof createChangeFeed>[0]> = {}) => {
    const feed = createChangeFeed({ db: database.db, ...options });
    feeds.push(feed);
    return feed;
  };
  beforeEach(async () => {
    database = await createTestDatabase(provider);
  });
  afterEach(async () => {
    await Promise.all(feeds.splice(0).map((feed) => feed.stop()));
    await database.drop();
  });

  it('are heard in their own process when the write returns', async () => {
    const feed = feedOf();
    let heard = 0;
    feed.subscribe('clients', () => void heard++);
    await feed.poll();
    heard = 0;
    await feed.bump('clients');
    expect(heard).toBe(1);
    await feed.bump('signing_keys');
    expect(heard).toBe(1);
  });

  it('are heard by another process within a poll, once each', async () => {
    const other = await openDatabase({ url: database.url });
    try {
      const [here, there] = [feedOf(), feedOf({ db: other, pollSeconds: 0.1 })];
      let heard = 0;
      there.subscribe('clients', () => void heard++);
      await there.poll();
      expect(heard).toBe(1);
      there.start();
      await here.bump('clients');
      await until(() => heard === 2);
      await there.poll();
      expect(heard).toBe(2);
    } finally {
      await Promise.all(feeds.splice(0).map((feed) => feed.stop()));
      await other.close();
    }
  });

  it('inside a transaction are heard by nobody before the commit, and by nobody after a rollback', async () => {
    const feed = feedOf();
    let heard = 0;
    feed.subscribe('clients', () => void heard++);
    await feed.poll();
    heard = 0;
    await expect(
      feed.write('clients', async () => {
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    await feed.poll();
    expect(heard).toBe(0);
    await feed.write('clients', async () => expect(heard).toBe(0));
    expect(heard).toBe(1);
  });

  it('lose no count when many write one topic at the same moment', async () => {
    const feed = feedOf();
    await Promise.all(Array.from({ length: 20 }, () => feed.bump('clients')));
    expect((await database.db.client.changeCounter.findUnique({ where: { topic: 'clients' } }))?.version).toBe(20);
  });

  it('in one topic are written in turns: what a writer has read stays true until it commits', async () => {
    const feed = feedOf();
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 6 }, () =>
        feed.write('clients', async (tx) => {
          most = Math.max(most, ++inside);
          await tx.changeCounter.findMany();
          await new Promise((resolve) => setTimeout(resolve, 5));
          inside--;
        }),
      ),
    );
    expect(most).toBe(1);
  });

  it('are told again when the listener failed', async () => {
    const warnings: unknown[] = [];
    const feed = feedOf({ log: { warn: (entry: unknown) => void warnings.push(entry), info: () => undefined } });
    let calls = 0;
    feed.subscribe('clients', async () => {
      if (++calls === 1) throw new Error('not now');
    });
    await feed.poll();
    await feed.poll();
    await feed.poll();
    expect(calls).toBe(2);
    expect(warnings).toHaveLength(1);
  });

  it('are heard again after the database was away, with one line in the log for the outage', async () => {
    let away = false;
    const messages: string[] = [];
    const write = (_entry: unknown, message?: string) => void messages.push(String(message ?? _entry));
    const client = new Proxy(database.db.client, {
      get: (target, name) =>
        name === '$queryRaw' && away ? () => Promise.reject(new Error('connection refused')) : Reflect.get(target, name, target),
    });
    const feed = feedOf({ db: { client }, log: { warn: write, info: write } });
    let heard = 0;
    feed.subscribe('clients', () => void heard++);
    await feed.poll();
    away = true;
    await feed.bump('clients');
    await feed.poll();
    expect(heard).toBe(1);
    away = false;
    await feed.poll();
    expect(heard).toBe(2);
    expect(messages).toHaveLength(2);
  });

  it('cost one statement a poll, however many topics are watched', async () => {
    let statements = 0;
    const client = new Proxy(database.db.client, {
      get: (target, name) => {
        if (name === '$queryRaw') statements++;
        return Reflect.get(target, name, target);
      },
    });
    const feed = feedOf({ db: { client } });
    for (const topic of ['a', 'b', 'c']) feed.subscribe(topic, () => undefined);
    await feed.poll();
    expect(statements).toBe(1);
  });

  it('that are not heard in time are looked for by whoever asks, and nobody is told that a copy is current when it is not', async () => {
    const messages: unknown[] = [];
    const log = { warn: (entry: unknown) => void messages.push(entry), info: () => undefined };
    let away = false;
    const client = new Proxy(database.db.client, {
      get: (target, name) =>
        name === '$queryRaw' && away ? () => Promise.reject(new Error('connection refused')) : Reflect.get(target, name, target),
    });
    // Never started: its timer is as stuck as one can be.
    const stalled = feedOf({ db: { client }, maxLagMs: 50, log });
    let heard = 0;
    let broken = false;
    stalled.subscribe('signing_keys', () => {
      if (broken) throw new Error('not now');
      heard++;
    });
    expect(await stalled.catchUp()).toBe('current');
    await feedOf().bump('signing_keys');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await stalled.catchUp()).toBe('current');
    expect(heard).toBe(2);
    broken = true;
    await feedOf().bump('signing_keys');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await stalled.catchUp()).toBe('behind');
    away = true;
    expect(await stalled.catchUp()).toBe('unreachable');
    [away, broken] = [false, false];
    expect(await stalled.catchUp()).toBe('current');
    expect(heard).toBe(3);
  });
});
