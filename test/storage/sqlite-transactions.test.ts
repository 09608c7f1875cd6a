import { existsSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, sql, type Transaction } from '../../src/platform/db/index.js';
import { openSqliteConnection } from '../../src/platform/db/sqlite-connection.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

describe('a transaction on SQLite', () => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase('sqlite');
  });
  afterEach(() => test.drop());
  const insert = (tx: Transaction, name: string) => tx.role.create({ data: { name, description: name } });
  const names = async () => (await test.db.client.role.findMany({ orderBy: { name: 'asc' } })).map(({ name }) => name);
  const run = <Result>(work: (tx: Transaction) => Promise<Result>) => test.db.client.$transaction(work);

  it('is kept whole or not at all', async () => {
    await run(async (tx) => {
      await insert(tx, 'a');
      await insert(tx, 'b');
    });
    const failed = run(async (tx) => {
      await insert(tx, 'c');
      throw new Error('changed my mind');
    });
    await expect(failed).rejects.toThrow('changed my mind');
    expect(await names()).toEqual(['a', 'b']);
  });

  it('goes on after a broken constraint that was expected', async () => {
    await run(async (tx) => {
      await insert(tx, 'a');
      await expect(insert(tx, 'a')).rejects.toMatchObject({ code: 'P2002' });
      await insert(tx, 'b');
    });
    expect(await names()).toEqual(['a', 'b']);
  });

  it('writes a time as everything else does: by Prisma, alone, in a transaction, past the client', async () => {
    const { client } = test.db;
    const at = new Date('2026-11-28T12:00:00.120Z');
    const insertion = (key: string) => sql`INSERT INTO limit_counters (key, count, level, expires_at) VALUES (${key}, 1, 0, ${at})`;
    await client.limitCounter.create({ data: { key: 'prisma', count: 1, level: 0, expiresAt: at } });
    await client.$executeRaw(insertion('alone'));
    await client.$transaction([client.$executeRaw(insertion('transaction'))]);
    await test.db.execute(insertion('past'));
    const rows = await client.$queryRaw<{ time: string }[]>`SELECT CAST(expires_at AS TEXT) || '' AS time FROM limit_counters`;
    expect(rows.map(({ time }) => time)).toEqual(Array(4).fill('2026-11-28T12:00:00.120+00:00'));
    const { count } = await client.limitCounter.updateMany({ where: { expiresAt: at }, data: { count: 2 } });
    expect(count).toBe(4);
  });

  it('writes nothing more after any other failure, though somebody caught it, and the next one works', async () => {
    const outcome = run(async (tx) => {
      await insert(tx, 'a');
      // As SQLite itself does when the disk is full.
      await tx.$executeRaw`ROLLBACK`;
      await tx.$executeRaw`no such statement`.catch(() => undefined);
      await insert(tx, 'b').catch(() => undefined);
    });
    await expect(outcome).rejects.toThrow();
    expect(await names()).toEqual([]);
    await run((tx) => insert(tx, 'c'));
    expect(await names()).toEqual(['c']);
  });

  it('lets what others ask wait, and what they write be theirs', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const transaction = run(async (tx) => {
      await insert(tx, 'a');
      await held;
      throw new Error('rolled back');
    });
    const outside = test.db.client.role.create({ data: { name: 'outside', description: '' } });
    release();
    await expect(transaction).rejects.toThrow('rolled back');
    await outside;
    expect(await names()).toEqual(['outside']);
  });

  it.runIf(existsSync('/proc/self/fd'))('opens no connection of its own', async () => {
    const openFiles = () =>
      readdirSync('/proc/self/fd').filter((descriptor) => {
        try {
          return readlinkSync(`/proc/self/fd/${descriptor}`) === new URL(test.url).pathname;
        } catch {
          return false;
        }
      }).length;
    await run((tx) => insert(tx, 'first'));
    const before = openFiles();
    for (let round = 0; round < 30; round++) await run((tx) => insert(tx, `role ${round}`));
    expect(before).toBeGreaterThan(0);
    expect(openFiles()).toBe(before);
  });

  describe('writes of the same moment, which share a commit', () => {
    const write = (name: string) => test.db.execute(sql`INSERT INTO roles (name, description) VALUES (${name}, ${name})`);

    it('are each told their own outcome, and one that breaks a constraint takes nothing from the others', async () => {
      await write('taken');
      const outcomes = await Promise.allSettled(['a', 'taken', 'b', 'a'].map(write));
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
      for (const outcome of outcomes) if (outcome.status === 'rejected') expect(test.db.isUniqueViolation(outcome.reason)).toBe(true);
      expect(await names()).toEqual(['a', 'b', 'taken']);
    });

    it('are tried one by one where one of them fails otherwise', async () => {
      const outcomes = await Promise.allSettled([write('a'), test.db.execute(sql`INSERT INTO nowhere VALUES (1)`), write('b')]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await names()).toEqual(['a', 'b']);
    });

    it('wait once, not one after the other, for another process that writes', async () => {
      const timeout = 200;
      const [other, own] = [openSqliteConnection({ url: test.url, timeout }), openSqliteConnection({ url: test.url, timeout })];
      const insertion = (name: string) => ({ sql: 'INSERT INTO roles (name, description) VALUES (?, ?)', args: [name, name] });
      await other.client.executeMultiple('BEGIN IMMEDIATE');
      const began = performance.now();
      const outcomes = await Promise.allSettled(Array.from({ length: 30 }, (_, index) => own.write(insertion(`role ${index}`))));
      expect(performance.now() - began).toBeLessThan(10 * timeout);
      for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'SQLITE_BUSY' } });
      await other.client.executeMultiple('ROLLBACK');
      await Promise.all(['a', 'b'].map((name) => own.write(insertion(name))));
      for (const connection of [other, own]) connection.client.close();
      expect(await names()).toEqual(['a', 'b']);
    });

    it('wait for the transaction that is open, not for those after it too, however many more of them come', async () => {
      const own = openSqliteConnection({ url: test.url, timeout: 200 });
      const turn = () => new Promise((resolve) => setImmediate(resolve));
      let ended = 0;
      const endedBefore: number[] = [];
      const write = async (name: string) => {
        await own.write({ sql: 'INSERT INTO roles (name, description) VALUES (?, ?)', args: [name, name] });
        endedBefore.push(ended);
      };
      let transaction = await own.client.transaction('deferred');
      const writes = [write('first')];
      for (let round = 1; round <= 5; round++) {
        writes.push(write(`role ${round}`));
        await turn();
        await transaction.commit();
        ended = round;
        // At once, as where several wait for Prisma's adapter.
        transaction = await own.client.transaction('deferred');
        await turn();
      }
      await transaction.rollback();
      await Promise.all(writes);
      own.client.close();
      expect(endedBefore).toEqual([1, 1, 2, 3, 4, 5]);
    });

    it.each([
      [
        'the commit fails',
        'CREATE TABLE parts (of TEXT REFERENCES roles (name) DEFERRABLE INITIALLY DEFERRED)',
        "INSERT INTO parts VALUES ('nowhere')",
      ],
      ['there is no space', 'PRAGMA page_count', "INSERT INTO roles (name, description) VALUES ('large', hex(zeroblob(4000000)))"],
    ])('are answered by what is on the disk where %s', async (_, before, failing) => {
      const own = openSqliteConnection({ url: test.url, timeout: 200 });
      await own.client.executeMultiple(before);
      const { rows } = await own.client.execute({ sql: 'PRAGMA page_count', args: [] });
      await own.client.execute({ sql: `PRAGMA max_page_count = ${Number(rows[0]?.[0]) + 20}`, args: [] });
      const insertion = (name: string) => ({ sql: 'INSERT INTO roles (name, description) VALUES (?, ?)', args: [name, name] });
      const outcomes = await Promise.allSettled([insertion('a'), { sql: failing, args: [] }, insertion('b')].map(own.write));
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await names()).toEqual(['a', 'b']);
      await own.write(insertion('c'));
      expect(await names()).toEqual(['a', 'b', 'c']);
      own.client.close();
    });

    it('are there for another connection when they are answered', async () => {
      const other = await openDatabase({ url: test.url });
      try {
        await Promise.all(Array.from({ length: 100 }, (_, index) => write(`role ${index}`)));
        expect(await other.client.role.count()).toBe(100);
      } finally {
        await other.close();
      }
    });

    it('leave no log of changes that grows with them', async () => {
      const text = 'x'.repeat(100_000);
      for (let index = 0; index < 400; index++) {
        await test.db.execute(sql`INSERT INTO roles (name, description) VALUES (${`role ${index}`}, ${text})`);
      }
      // 40 MB were written; 4000 pages of 4 KiB, and what one commit adds.
      expect(statSync(`${test.url.slice('file:'.length)}-wal`).size).toBeLessThan(18_000_000);
    });

    it('wait for a transaction that is open, and are not part of it', async () => {
      let writes: Promise<unknown> = Promise.resolve();
      const failed = run(async (tx) => {
        await insert(tx, 'inside');
        writes = Promise.all([write('a'), write('b')]);
        await new Promise((resolve) => setTimeout(resolve, 50));
        throw new Error('rolled back');
      });
      await expect(failed).rejects.toThrow('rolled back');
      await writes;
      expect(await names()).toEqual(['a', 'b']);
    });
  });
});
