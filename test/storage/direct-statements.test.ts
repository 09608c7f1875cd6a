import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCurrentDatabase, openDatabase, type Sql, sql, troubleOf } from '../../src/platform/db/index.js';
import { root } from '../../src/platform/installation.js';
import { createLogger } from '../../src/platform/log/index.js';
import { createRequestScope, inRequestScope } from '../../src/platform/trace/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';
import { times } from '../support/storage.js';

describe.each(databases)('a statement that goes past the client (%s)', (provider) => {
  const at = new Date('2026-11-28T12:00:00.120Z');
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase(provider);
    await Promise.all(times(100, (index) => insert(`key ${index}`, index)));
  });
  afterAll(() => test.drop());

  const insert = (key: string, count: number) =>
    test.db.execute(sql`INSERT INTO limit_counters (key, count, level, expires_at) VALUES (${key}, ${count}, 0, ${at})`);
  const counter = (key: string) => sql`SELECT count, key FROM limit_counters WHERE key = ${key}`;

  it('finds what a list has first: texts, numbers, times and nothing', async () => {
    await test.db.client.account.create({
      data: { id: 'a', email: 'ä€😀@example.com', status: 'active', createdAt: at, updatedAt: at, emailVerifiedAt: at },
    });
    const account = sql`SELECT email, username, email_verified_at, sign_in_generation FROM accounts WHERE id = ${'a'}`;
    const row = { email: 'ä€😀@example.com', username: null, email_verified_at: at, sign_in_generation: 0 };
    expect(await test.db.query(account)).toEqual([row]);
    expect(await test.db.find(account)).toEqual(row);
  });

  it('has a column of large integers as bigint', async () => {
    const sequence = 2n ** 40n;
    await test.db.execute(
      sql`INSERT INTO audit_checkpoints (name, sequence, link, made_at, mac) VALUES ('head', ${sequence}, '', ${at}, '')`,
    );
    const checkpoint = sql`SELECT sequence, unmarked, made_at FROM audit_checkpoints`;
    expect(await test.db.find(checkpoint)).toEqual({ sequence, unmarked: 0n, made_at: at });
    expect(await test.db.client.auditCheckpoint.findUnique({ where: { name: 'head' } })).toMatchObject({ sequence, madeAt: at });
  });

  it('finds nothing where nothing is, right after one that found something, and however others list the same', async () => {
    expect(await test.db.query(counter('key 1'))).toEqual([{ key: 'key 1', count: 1 }]);
    expect(await test.db.find(counter('nothing'))).toBeUndefined();
    expect(await test.db.find(counter('key 2'))).toEqual({ key: 'key 2', count: 2 });
    expect(await test.db.find(counter('nothing'))).toBeUndefined();
    expect(await test.db.query(counter('nothing'))).toEqual([]);
    expect(await test.db.find(counter('key 3'))).toEqual({ key: 'key 3', count: 3 });
  });

  it('answers each of many at the same moment with its own row', async () => {
    const rows = await Promise.all(times(200, (index) => test.db.find(counter(`key ${index}`))));
    expect(rows).toEqual(times(200, (index) => (index < 100 ? { key: `key ${index}`, count: index } : undefined)));
  });

  it('that failed takes nothing along into the next: not its values, not its error', async () => {
    const broken = (json: string, key: string) =>
      provider === 'sqlite'
        ? sql`SELECT json(${json}) AS json, key FROM limit_counters WHERE key = ${key}`
        : sql`SELECT CAST(CAST(${json} AS jsonb) AS text) AS json, key FROM limit_counters WHERE key = ${key}`;
    for (const ask of [test.db.find, test.db.query]) {
      expect(await ask(broken('[1]', 'key 1'))).toBeDefined();
      await expect(ask(broken('[1', 'key 1'))).rejects.toThrow();
      expect([await ask(broken('[2]', 'key 2'))].flat()).toEqual([{ json: '[2]', key: 'key 2' }]);
      await expect(ask(broken('[1', 'key 3'))).rejects.toThrow();
      expect([await ask(broken('[4]', 'nothing'))].flat().filter(Boolean)).toEqual([]);
    }
  });

  it('says how many rows it changed, and what a unique index refused', async () => {
    expect(await test.db.execute(sql`UPDATE limit_counters SET level = 1 WHERE count < ${10}`)).toBe(10);
    expect(await test.db.execute(sql`UPDATE limit_counters SET level = 1 WHERE count < ${-1}`)).toBe(0);
    const refused = await insert('key 1', 0).catch((error: unknown) => error);
    expect(test.db.isUniqueViolation(refused)).toBe(true);
    expect(troubleOf(refused)).toBeUndefined();
    expect(await insert('key 1000', 0)).toBe(1);
  });

  it('misses no value in silence', async () => {
    for (const ask of [test.db.find, test.db.query, test.db.execute]) {
      await expect(ask(counter(undefined as never))).rejects.toThrow('a parameter of a statement is missing');
    }
  });

  it("that was slow is told as its own request's, whichever request opened the connection or began the commit that others share", async () => {
    const told: unknown[] = [];
    const stream = { write: (line: string) => void told.push(JSON.parse(line)) };
    const own = await openCurrentDatabase({
      url: test.url,
      directory: path.join(root, 'prisma'),
      log: createLogger({ level: 'warn', format: 'json', stream }),
      poolSize: 1,
      // All of them are.
      slow: { fromMs: Number.MIN_VALUE, count() {} },
    });
    const update = (note: Sql) => sql`UPDATE limit_counters SET level = 3 WHERE key = (SELECT ${note})`;
    const work = [
      () => own.find(sql`SELECT key AS request0 FROM limit_counters LIMIT 1`),
      () => own.query(sql`SELECT key AS request1 FROM limit_counters LIMIT 1`),
      () => own.execute(update(sql`'none' AS request2`)),
      () => own.execute(update(sql`'none' AS request3`)),
    ];
    try {
      await Promise.all(work.map((each, index) => inRequestScope(createRequestScope(`request${index}`, undefined), each)));
    } finally {
      await own.close();
    }
    for (const index of work.keys()) {
      const request = `request${index}`;
      expect(told).toContainEqual(expect.objectContaining({ request_id: request, statement: expect.stringContaining(`AS ${request}`) }));
    }
  });

  it.runIf(provider === 'sqlite')('reads one row with a SELECT only, since a write might fail after its first row', async () => {
    const returning = sql`UPDATE limit_counters SET level = 2 WHERE key = ${'key 5'} RETURNING key`;
    await expect(test.db.find(returning)).rejects.toThrow('only a SELECT');
    expect(await test.db.query(returning)).toEqual([{ key: 'key 5' }]);
  });

  it.runIf(provider === 'postgresql')('whose connection is ended says so, and the next has another', async () => {
    const other = await openDatabase({ url: test.url });
    const heard: string[] = [];
    const own = await openDatabase({
      url: test.url,
      poolSize: 1,
      outage: { began: (trouble) => heard.push(`began ${trouble}`), ended: (trouble) => heard.push(`ended ${trouble}`) },
    });
    try {
      const sleeping = own.query(sql`SELECT pg_sleep(20)`).catch((error: unknown) => error);
      const end = sql`SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE query LIKE ${'SELECT pg_sleep(20)%'}`;
      while ((await other.query(end)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(troubleOf(await sleeping)).toBe('unreachable');
      expect(await own.find(counter('key 1'))).toEqual({ key: 'key 1', count: 1 });
      expect(heard).toEqual(['began unreachable', 'ended unreachable']);
    } finally {
      await Promise.all([own.close(), other.close()]);
    }
  });
});
