import { afterEach, describe, expect, it } from 'vitest';
import { createJobRunner, type JobRunner } from '../../src/platform/jobs/index.js';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const quick = { seconds: 0.02, firstAfterSeconds: 0.005, jitter: 0 };

describe('a job', () => {
  let runner: JobRunner | undefined;
  const errors: unknown[] = [];
  const warnings: unknown[] = [];
  const start = () => {
    errors.length = 0;
    warnings.length = 0;
    runner = createJobRunner({
      log: { error: (entry: unknown) => void errors.push(entry), warn: (entry: unknown) => void warnings.push(entry) },
    });
    return runner;
  };
  afterEach(() => runner?.stop());

  it('runs at every turn and never overlaps itself', async () => {
    let inside = 0;
    let most = 0;
    let turns = 0;
    const jobs = start();
    jobs.every({
      ...quick,
      name: 'slow',
      async run() {
        most = Math.max(most, ++inside);
        await pause(60);
        inside--;
        turns++;
      },
    });
    jobs.start();
    jobs.start();
    await expect.poll(() => turns, { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
    expect(most).toBe(1);
  });

  it('that fails is logged and tried again at its next turn', async () => {
    let turns = 0;
    const jobs = start();
    jobs.every({
      ...quick,
      name: 'failing',
      run() {
        turns++;
        throw new Error('broken');
      },
    });
    jobs.start();
    await expect.poll(() => turns, { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
    expect(errors[0]).toMatchObject({ job: 'failing' });
  });

  it('that is running at the stop is waited for, and none begins afterwards', async () => {
    let begun = 0;
    let finished = 0;
    let finish = () => {};
    const jobs = start();
    const running = new Promise<void>((resolve) => {
      jobs.every({
        ...quick,
        name: 'work',
        async run() {
          begun++;
          resolve();
          await new Promise<void>((done) => {
            finish = done;
          });
          finished++;
        },
      });
    });
    jobs.start();
    await running;
    const stopped = jobs.stop();
    finish();
    await stopped;
    expect(finished).toBe(1);
    await pause(80);
    expect(begun).toBe(1);
  });

  it('that does not end is told to, and holds up the stop no longer than its bound', async () => {
    let told = false;
    const jobs = start();
    const running = new Promise<void>((resolve) => {
      jobs.every({
        ...quick,
        name: 'endless',
        run(signal) {
          resolve();
          return new Promise(() =>
            signal.addEventListener('abort', () => {
              told = true;
            }),
          );
        },
      });
    });
    jobs.start();
    await running;
    const began = performance.now();
    await jobs.stop({ timeoutSeconds: 0.1 });
    expect(performance.now() - began).toBeLessThan(4000);
    expect(told).toBe(true);
    expect(warnings).toEqual([{ jobs: ['endless'] }]);
  });

  it('cannot have an interval that timers do not count', () => {
    const jobs = start();
    expect(() => jobs.every({ name: 'monthly', seconds: 30 * 86_400, run: () => undefined })).toThrow(RangeError);
    expect(() => jobs.every({ name: 'never', seconds: 0, run: () => undefined })).toThrow(RangeError);
  });
});
