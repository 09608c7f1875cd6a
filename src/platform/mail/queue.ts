import { setTimeout as delay } from 'node:timers/promises';

export type QueueOptions = {
  /** mails on their way at the same time */
  concurrency: number;
  /** mails that may wait; what comes on top is lost, and logged */
  maxWaiting: number;
  /** pauses before each repetition, milliseconds; when they are used up the mail is lost, and logged */
  retryDelaysMs: readonly number[];
};

export type QueuedTask = {
  run(): Promise<void>;
  failed(error: unknown, attempts: number): void;
  lost(error: unknown, attempts: number): void;
};

/**
 * Work beside the request: bounded, repeated when it fails, never awaited by who asked for it. It lives in memory. A crash loses what waits,
 * and every mail can be asked for again.
 */
export function createMailQueue({ concurrency, maxWaiting, retryDelaysMs }: QueueOptions) {
  const waiting: QueuedTask[] = [];
  const pauses = new AbortController();
  let running = 0;
  let idle: (() => void)[] = [];

  async function attempt(task: QueuedTask): Promise<void> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await task.run();
      } catch (error) {
        const pause = retryDelaysMs[attempts - 1];
        if (pause === undefined || pauses.signal.aborted) return task.lost(error, attempts);
        task.failed(error, attempts);
        // When the server stops, the pause ends and the last attempt is made at once.
        await delay(pause, undefined, { signal: pauses.signal }).catch(() => undefined);
      }
    }
  }

  function next(): void {
    while (running < concurrency) {
      const task = waiting.shift();
      if (!task) break;
      running++;
      void attempt(task).finally(() => {
        running--;
        next();
      });
    }
    if (running === 0 && waiting.length === 0) {
      for (const wake of idle) wake();
      idle = [];
    }
  }

  return {
    /** Answers false when the queue is full. */
    add(task: QueuedTask): boolean {
      if (waiting.length >= maxWaiting) return false;
      waiting.push(task);
      // Not in the caller's turn: what the task costs is not part of the request.
      setImmediate(next);
      return true;
    },
    /** Resolves when nothing waits or runs. */
    idle(): Promise<void> {
      if (running === 0 && waiting.length === 0) return Promise.resolve();
      return new Promise((resolve) => idle.push(resolve));
    },
    /** Ends the pauses: what failed is tried once more, now. */
    hurry: () => pauses.abort(),
  };
}
