import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/platform/db/index.js';
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
});
