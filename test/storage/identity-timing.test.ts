import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';
import { cpuMs, smallest } from '../support/work.js';

const password = 'lamp river sailboat';
const ROUNDS = 9;
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Medians of the work of each way, taking turns so that whatever slows the machine slows them alike. */
async function medians(ways: ((round: number) => Promise<unknown>)[]): Promise<number[]> {
  const work: number[][] = ways.map(() => []);
  for (let round = -2; round < ROUNDS; round++) {
    for (const [index, way] of ways.entries()) {
      const before = cpuMs();
      await way(round);
      if (round >= 0) work[index]?.push(cpuMs() - before);
    }
  }
  return work.map(median);
}

const quotientOf = (values: number[]) => Math.max(...values) / Math.min(...values);

/** Without the work of one side the quotient is far above this: a hash takes many times what everything else does. */
const LARGEST_QUOTIENT = 1.6;

describe.each(databases)('the time an answer takes on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider, { hashMemoryKib: 19_456, hashPasses: 2, lockoutFailures: 10_000 });
    await test.identity.registration.createAccount({ email: 'jane@example.com', username: 'jane', password, verified: true });
    await test.identity.accounts.create({ email: 'nopassword@example.com', verified: true });
  });
  afterAll(() => test.database.drop());

  const attempt = (identifier: string) =>
    outcomeOf(test.identity.login.withPassword({ identifier, password: 'wrong horse', ip: '192.0.2.1' }));

  it('does not tell an unknown account from a wrong password or an account without one, by address or username', async () => {
    let known = 0;
    const quotient = await smallest(async () => {
      known += ROUNDS + 2;
      return quotientOf(
        await medians([
          () => attempt('jane@example.com'),
          () => attempt('jane'),
          (round) => attempt(`nobody${known + round}@example.com`),
          (round) => attempt(`nobody${known + round}`),
          () => attempt('nopassword@example.com'),
        ]),
      );
    }, LARGEST_QUOTIENT);
    expect(quotient).toBeLessThan(LARGEST_QUOTIENT);
  });

  it('does not tell a free address from a taken one at registration', async () => {
    const register = (email: string) => test.identity.registration.register({ email, password, ip: '192.0.2.1' });
    let turn = 0;
    const quotient = await smallest(async () => {
      turn += 1;
      return quotientOf(await medians([() => register('jane@example.com'), (round) => register(`free${turn}-${round}@example.com`)]));
    }, LARGEST_QUOTIENT);
    expect(quotient).toBeLessThan(LARGEST_QUOTIENT);
  });

  it('does not tell whether there is an account when a reset or a repeated mail is asked for', async () => {
    const { recovery, registration } = test.identity;
    let turn = 0;
    const ways = [
      {
        ask: (email: string) => recovery.request({ email, ip: '192.0.2.1' }),
        make: (email: string) => test.identity.accounts.create({ email, verified: true }),
      },
      {
        ask: (email: string) => registration.resend({ email, ip: '192.0.2.1' }),
        make: (email: string) => registration.register({ email, password, ip: '192.0.2.1' }),
      },
    ];
    // No hash in these: what is left is a few statements, the same ones. The margin is for the machine.
    for (const { ask, make } of ways) {
      const difference = await smallest(async () => {
        turn += 1;
        // A new address for each round: mails to one address are limited, and past the limit the two would be alike for another reason.
        for (let round = -2; round < ROUNDS; round++) await make(`known${turn}-${round}@example.com`);
        const [known = 0, unknown = 0] = await medians([
          (round) => ask(`known${turn}-${round}@example.com`),
          (round) => ask(`nobody${turn}-${round}@example.com`),
        ]);
        return Math.abs(known - unknown);
      }, 20);
      expect(difference).toBeLessThan(20);
    }
  });

  it('is never below the floor for a failure, whatever it was, and no hash waits for that', async () => {
    const floorMs = 800;
    const slow = test.second({ hashMemoryKib: 1024, hashPasses: 1, loginFailureFloorMs: floorMs, lockoutFailures: 5, hashConcurrency: 1 });
    await slow.registration.createAccount({ email: 'floor@example.com', password, verified: true });
    const disabled = await slow.registration.createAccount({ email: 'disabled@example.com', password, verified: true });
    await slow.accounts.disable(disabled.id);
    for (let failure = 0; failure < 5; failure++)
      await outcomeOf(test.second({ lockoutFailures: 5 }).login.withPassword({ identifier: 'locked@example.com', password: 'x' }));
    const timed = async (identifier: string, secret: string) => {
      const started = performance.now();
      const outcome = await outcomeOf(slow.login.withPassword({ identifier, password: secret, ip: '192.0.2.50' }));
      return { outcome, ms: performance.now() - started };
    };
    const started = performance.now();
    const answers = await Promise.all([
      timed('floor@example.com', 'wrong'),
      timed('disabled@example.com', password),
      timed('locked@example.com', password),
      ...Array.from({ length: 20 }, (_, index) => timed(`nobody${index}@example.com`, 'wrong')),
    ]);
    const allMs = performance.now() - started;
    expect(answers.slice(0, 4).map(({ outcome }) => outcome)).toEqual([
      'login.invalid_credentials',
      'login.disabled',
      'login.locked',
      'login.invalid_credentials',
    ]);
    // A timer may be early by a fraction of a millisecond.
    for (const { ms } of answers) expect(ms).toBeGreaterThan(floorMs - 2);
    // One hash slot, 22 failures: had each held it until its floor, this were 22 floors.
    expect(allMs).toBeLessThan(6 * floorMs);
    const success = await timed('floor@example.com', password);
    expect(success.outcome).toBe('ok');
    expect(success.ms).toBeLessThan(floorMs);
  });
});
