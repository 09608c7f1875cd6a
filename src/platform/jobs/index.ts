/**
 * Owns: when recurring work of this process runs, and that it ends with the process.
 * Does not own: the work, nor that only one of several processes does it (platform/leases).
 */
import type { Logger } from '../log/index.js';

export type Job = {
  name: string;
  /** From the end of one turn to the next, at most 20 days. */
  seconds: number;
  /** @param signal aborts when the runner is told to stop; long work ends early on it */
  run: (signal: AbortSignal) => Promise<unknown> | unknown;
  /** Part of the interval by which turns vary, so that processes started together drift apart. */
  jitter?: number;
  /** When the first turn comes after the start: soon, so that a process that is often restarted does its work too. */
  firstAfterSeconds?: number;
};

export type JobRunner = {
  every(job: Job): void;
  start(): void;
  /** No new turn begins; waits for those that run, but no longer than `timeoutSeconds`. */
  stop(options?: { timeoutSeconds?: number }): Promise<void>;
};

/** setTimeout counts in 31 bits of milliseconds and fires at once beyond them. */
const MAX_INTERVAL_SECONDS = 20 * 86_400;

/** A job never overlaps itself. One that fails is logged and tried again at its next turn. Timers do not keep the process alive. */
export function createJobRunner({ log }: { log: Pick<Logger, 'error' | 'warn'> }): JobRunner {
  const jobs: Job[] = [];
  const timers = new Map<Job, NodeJS.Timeout>();
  const running = new Map<Job, Promise<void>>();
  let controller: AbortController | undefined;

  function schedule(job: Job, seconds: number): void {
    const { jitter = 0.1 } = job;
    const timer = setTimeout(() => void turn(job), Math.max(0, seconds * (1 + jitter * (Math.random() * 2 - 1))) * 1000);
    timer.unref();
    timers.set(job, timer);
  }

  async function turn(job: Job): Promise<void> {
    if (!controller) return;
    const { signal } = controller;
    const work = (async () => job.run(signal))().then(
      () => undefined,
      (error) => log.error({ err: error, job: job.name }, 'a job failed; it is tried again at its next turn'),
    );
    running.set(job, work);
    await work;
    running.delete(job);
    if (!signal.aborted) schedule(job, job.seconds);
  }

  return {
    every(job) {
      if (!(job.seconds > 0 && job.seconds <= MAX_INTERVAL_SECONDS)) {
        throw new RangeError(`the job ${job.name} must have an interval of more than 0 and at most ${MAX_INTERVAL_SECONDS} seconds`);
      }
      jobs.push(job);
      if (controller) schedule(job, job.firstAfterSeconds ?? Math.min(job.seconds, 30));
    },
    start() {
      if (controller) return;
      controller = new AbortController();
      for (const job of jobs) schedule(job, job.firstAfterSeconds ?? Math.min(job.seconds, 30));
    },
    async stop({ timeoutSeconds = 5 } = {}) {
      controller?.abort();
      controller = undefined;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      if (running.size === 0) return;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(resolve, timeoutSeconds * 1000, 'late');
      });
      const outcome = await Promise.race([Promise.all(running.values()), late]);
      clearTimeout(timer);
      if (outcome === 'late') log.warn({ jobs: [...running.keys()].map(({ name }) => name) }, 'jobs were still running at the stop');
      running.clear();
    },
  };
}
