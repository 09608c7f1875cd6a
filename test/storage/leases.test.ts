import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { withLease } from '../../src/platform/leases/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

describe.each(databases)('a lease on %s', (provider) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(provider);
  });
  afterEach(() => void vi.useRealTimers());
  afterAll(() => database.drop());

  it('is held by one process at a time, even when twenty ask at the same moment', async () => {
    let inside = 0;
    let most = 0;
    let refused = 0;
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const outcome = await withLease(database.db, 'purge', 60, async () => {
          most = Math.max(most, ++inside);
          // Until all the others have been told.
          await expect.poll(() => refused, { timeout: 20_000 }).toBe(19);
          inside--;
          return 'done';
        });
        if (!outcome.held) refused++;
        return outcome;
      }),
    );
    expect(outcomes.filter((outcome) => outcome.held)).toEqual([{ held: true, result: 'done' }]);
    expect(most).toBe(1);
  });

  it('is free again when the work is done, also when it failed', async () => {
    await expect(withLease(database.db, 'work', 60, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await withLease(database.db, 'work', 60, async () => 1)).toEqual({ held: true, result: 1 });
  });

  it('passes on when it ran out, and the late holder does not give away what is no longer its own', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await withLease(database.db, 'late', 60, async () => {
      vi.setSystemTime(Date.now() + 61_000);
      let finish = () => {};
      const successor = withLease(database.db, 'late', 60, () => new Promise<void>((resolve) => (finish = resolve)));
      await expect.poll(() => database.db.client.lease.findUnique({ where: { name: 'late' } }), { timeout: 20_000 }).not.toBeNull();
      setTimeout(() => finish(), 100);
      expect(await successor).toMatchObject({ held: true });
    });
    const other = await withLease(database.db, 'another', 60, () => withLease(database.db, 'another', 60, async () => 'never'));
    expect(other).toEqual({ held: true, result: { held: false } });
  });

  it('that a process with a wrong clock took into the future, and never gave back, is not waited for', async () => {
    const lease = (name: string, seconds: number) => ({ name, holder: 'gone', expiresAt: new Date(Date.now() + seconds * 1000) });
    await database.db.client.lease.createMany({ data: [lease('far', 86_400), lease('near', 60)] });
    expect(await withLease(database.db, 'far', 60, async () => 'done')).toEqual({ held: true, result: 'done' });
    expect(await withLease(database.db, 'near', 60, async () => 'done')).toEqual({ held: false });
  });
});
