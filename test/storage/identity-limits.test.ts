import { createSecretKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPurge } from '../../src/oidc/adapter/index.js';
import { openDatabase } from '../../src/platform/db/index.js';
import { createLockout, createRateLimiter, type Lockout, networkOf, type RateLimiter } from '../../src/platform/limits/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

const minute = 60_000;
const pepper = createSecretKey(Buffer.alloc(32, 3));
const rule = { failures: 5, windowSeconds: 900, lockSeconds: 900, maxLockSeconds: 3600 };

describe.each(databases)('limits on %s', (provider) => {
  let database: TestDatabase;
  let limiter: RateLimiter;
  let lockout: Lockout;
  beforeAll(async () => {
    database = await createTestDatabase(provider);
    limiter = createRateLimiter({ db: database.db, hmacPepper: pepper });
    lockout = createLockout({ db: database.db, hmacPepper: pepper, rule });
  });
  afterAll(() => database.drop());
  afterEach(() => vi.useRealTimers());
  const moveTo = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: ms });

  it('give exactly their points to requests at the same moment, from two processes', async () => {
    const other = await openDatabase({ url: database.url });
    const second = createRateLimiter({ db: other, hmacPepper: pepper });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 ? limiter : second).consume('parallel', { points: 20, windowSeconds: 60 })),
    );
    await other.close();
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(20);
  });

  it('say when to come back, and open again then', async () => {
    const start = Date.now();
    moveTo(start);
    const limit = { points: 2, windowSeconds: 60 };
    expect((await limiter.consume('window', limit)).allowed).toBe(true);
    moveTo(start + 20_000);
    expect((await limiter.consume('window', limit)).allowed).toBe(true);
    expect(await limiter.peek('window', limit)).toEqual({ allowed: false, retryAfterSeconds: 40 });
    expect(await limiter.consume('window', limit)).toEqual({ allowed: false, retryAfterSeconds: 40 });
    moveTo(start + 60_000);
    expect(await limiter.peek('window', limit)).toEqual({ allowed: true, retryAfterSeconds: 0 });
    expect((await limiter.consume('window', limit)).allowed).toBe(true);
    await limiter.reset('window');
    expect((await limiter.peek('window', { points: 1, windowSeconds: 60 })).allowed).toBe(true);
  });

  it('keep no key in clear', async () => {
    await limiter.consume('person@example.com', { points: 1, windowSeconds: 60 });
    const rows = await database.db.client.limitCounter.findMany();
    expect(JSON.stringify(rows)).not.toContain('person');
  });

  it('lock after 5 failures within 15 minutes, not after 5 in a longer time', async () => {
    const start = Date.now();
    for (let failure = 0; failure < 4; failure++) {
      moveTo(start + failure * minute);
      await lockout.recordFailure(['slow']);
    }
    moveTo(start + 15 * minute);
    expect(await lockout.recordFailure(['slow'])).toEqual([{ justLocked: false, wasLocked: false, retryAfterSeconds: 0 }]);
    for (let failure = 0; failure < 3; failure++) await lockout.recordFailure(['slow']);
    expect(await lockout.recordFailure(['slow'])).toEqual([{ justLocked: true, wasLocked: false, retryAfterSeconds: 900 }]);
    expect(await lockout.recordFailure(['slow'])).toEqual([{ justLocked: false, wasLocked: true, retryAfterSeconds: 900 }]);
    expect(await lockout.lockedSeconds(['open', 'slow'])).toEqual([0, 900]);
  });

  it('double a lock that closes again, up to one hour, and forget after a day', async () => {
    let at = Date.now();
    for (const minutes of [15, 30, 60, 60]) {
      moveTo(at);
      const states = [];
      for (let failure = 0; failure < 5; failure++) states.push((await lockout.recordFailure(['doubling']))[0]);
      expect(states.map((state) => state?.justLocked)).toEqual([false, false, false, false, true]);
      expect(states[4]?.retryAfterSeconds).toBe(minutes * 60);
      moveTo(at + minutes * minute - 1000);
      await lockout.recordFailure(['doubling']);
      expect(await lockout.lockedSeconds(['doubling'])).toEqual([1]);
      at += minutes * minute;
      moveTo(at);
      expect(await lockout.lockedSeconds(['doubling'])).toEqual([0]);
    }
    moveTo(at + 25 * 60 * minute);
    for (let failure = 0; failure < 5; failure++) await lockout.recordFailure(['doubling']);
    expect(await lockout.lockedSeconds(['doubling'])).toEqual([900]);
  });

  it('close a lock once, however many failures arrive at the same moment', async () => {
    const states = (await Promise.all(Array.from({ length: 50 }, () => lockout.recordFailure(['storm'])))).flat();
    expect(states.filter(({ justLocked }) => justLocked)).toHaveLength(1);
    expect(states.filter(({ wasLocked }) => wasLocked)).toHaveLength(45);
  });

  it('end their count at a success, but never open a lock that has closed meanwhile', async () => {
    for (let failure = 0; failure < 4; failure++) await lockout.recordFailure(['success']);
    expect(await lockout.clearUnlessLocked(['success'])).toBe(true);
    for (let failure = 0; failure < 4; failure++) await lockout.recordFailure(['success']);
    expect(await lockout.lockedSeconds(['success'])).toEqual([0]);
    await lockout.recordFailure(['success']);
    expect(await lockout.clearUnlessLocked(['success'])).toBe(false);
    await lockout.unlock(['success']);
    expect(await lockout.clearUnlessLocked(['success'])).toBe(true);
  });

  it('stay bounded: what no longer counts is purged', async () => {
    moveTo(Date.now() + 3 * 24 * 60 * minute);
    expect((await createPurge({ db: database.db }).run()).limit_counters).toBeGreaterThan(4);
    expect(await database.db.client.limitCounter.count()).toBe(0);
  });
});

describe('the network of an address', () => {
  it('is the IPv4 address, also when it is written as IPv6', () => {
    expect(networkOf('192.0.2.7')).toBe('192.0.2.7');
    expect(networkOf('::ffff:192.0.2.7')).toBe('192.0.2.7');
  });
  it('is the /64 of an IPv6 address, however it is written', () => {
    expect(networkOf('2001:db8:0:1::1')).toBe('2001:db8:0:1::/64');
    expect(networkOf('2001:0db8:0000:0001:ffff:ffff:ffff:ffff')).toBe('2001:db8:0:1::/64');
    expect(networkOf('2001:db8:0:2::1')).not.toBe(networkOf('2001:db8:0:1::1'));
  });
  it('is one and the same for whatever is not an address', () => {
    for (const ip of [undefined, '', 'localhost', '1.2.3.4.5', '<script>']) expect(networkOf(ip)).toBe('unknown');
  });
});
