/** Whether the time of an answer tells accounts apart: two samples compared as distributions (Mann-Whitney), in turns, over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callApi } from '../support/json-api.js';
import { createPerson } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { smallest } from '../support/work.js';

const SAMPLES = 24;
/** Of two samples from one distribution, less than one in two thousand is further apart than this. */
const FAR_APART = 3.5;
const FLOOR_MS = 60;

/** How far apart two samples are, in standard deviations of the rank sum that equal distributions have. */
function rankDistance(one: readonly number[], other: readonly number[]): number {
  const wins = one.reduce((sum, a) => sum + other.reduce((count, b) => count + (a > b ? 1 : a === b ? 0.5 : 0), 0), 0);
  const [n, m] = [one.length, other.length];
  return Math.abs(wins - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
}

describe('the time of a refused sign-in', () => {
  let server: TestServer;
  let known: string;
  beforeAll(async () => {
    server = await startTestServer({
      env: { LOGIN_FAILURE_FLOOR_MS: String(FLOOR_MS), LOCKOUT_FAILURES: '1000', LIMIT_FAILED_LOGINS_PER_MINUTE: '10000' },
    });
    known = (await createPerson(server)).email;
  });
  afterAll(() => server?.close());

  let strangers = 0;
  const timed = async (body: object) => {
    const startedAt = performance.now();
    await callApi(server, 'POST', '/auth/login', { body });
    return performance.now() - startedAt;
  };
  const wrongPassword = () => timed({ email: known, password: 'not the password' });
  const unknownAccount = () => timed({ email: `nobody${strangers++}@example.com`, password: 'not the password' });
  const malformed = () => timed({ email: known });

  /** Taken in turns, so that whatever slows the machine slows both. */
  async function distance(one: () => Promise<number>, other: () => Promise<number>): Promise<number> {
    const samples: [number[], number[]] = [[], []];
    for (let round = 0; round < SAMPLES; round++) {
      const first = round % 2;
      samples[first]?.push(await (first ? other : one)());
      samples[1 - first]?.push(await (first ? one : other)());
    }
    return rankDistance(...samples);
  }

  test('is alike for an unknown account and for a wrong password', async () => {
    await wrongPassword();
    await unknownAccount();
    expect(await smallest(() => distance(wrongPassword, unknownAccount), FAR_APART)).toBeLessThan(FAR_APART);
  });

  test('is not below the floor, and a difference would have been seen', async () => {
    expect(await unknownAccount()).toBeGreaterThan(FLOOR_MS - 1);
    expect(await distance(wrongPassword, malformed)).toBeGreaterThan(FAR_APART);
  });
});
