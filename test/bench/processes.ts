import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import path from 'node:path';
import type { Order, Reply, Slice } from './load.js';

/** Beside this file once it is built (scripts/bench.mjs). */
const built = (name: string) => path.join(import.meta.dirname, `${name}.mjs`);
const READY_TIMEOUT_MS = 60_000;

export type Started = { child: ChildProcess; readyMs: number; stop(): Promise<void> };

/**
 * Starts a server with a meter in it and waits until it says that it is ready.
 * @param options.logFile where what it writes goes, as it would in production
 */
export async function startServer({
  script,
  env,
  meterPort,
  logFile,
}: {
  script: string;
  env: Record<string, string>;
  meterPort: number;
  logFile: string;
}): Promise<Started> {
  const begun = performance.now();
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, ['--expose-gc', '--import', built('meter'), script], {
    env: { PATH: process.env.PATH ?? '', BENCH_METER_PORT: String(meterPort), ...env },
    stdio: ['ignore', log, log],
  });
  const gone = once(child, 'exit');
  const port = Number(env.PORT);
  for (;;) {
    if (child.exitCode !== null || performance.now() - begun > READY_TIMEOUT_MS) {
      child.kill('SIGKILL');
      throw new Error(`${script} did not start; see ${logFile}`);
    }
    if (await answers(port)) break;
    await Promise.race([new Promise((resolve) => setTimeout(resolve, 5)), gone]);
  }
  return {
    child,
    readyMs: performance.now() - begun,
    async stop() {
      if (child.exitCode === null) child.kill('SIGTERM');
      await gone;
    },
  };
}

async function answers(port: number): Promise<boolean> {
  try {
    await (await fetch(`http://127.0.0.1:${port}/livez`)).text();
    return true;
  } catch {
    return false;
  }
}

export const yardstickScript = built('yardstick');

/** The load generator of one side. */
export type LoadGenerator = {
  prepare(operation: string, kind: 'ours' | 'yardstick', ports: readonly number[], connections?: number): Promise<void>;
  run(bound: { milliseconds: number; everyMs?: number } | { times: number }): Promise<Slice>;
  stop(): void;
};

export function startLoadGenerator(): LoadGenerator {
  const child = fork(built('load'));
  const ask = async (order: Order): Promise<Reply> => {
    const answer = once(child, 'message');
    child.send(order);
    const [reply] = (await answer) as [Reply];
    if ('failed' in reply) throw new Error(reply.failed);
    return reply;
  };
  return {
    async prepare(operation, kind, ports, connections) {
      await ask({ order: 'prepare', operation, kind, ports, connections });
    },
    async run(bound) {
      const reply = await ask({ order: 'run', ...bound });
      if (!('slice' in reply)) throw new Error('the load generator answered something else');
      return reply.slice;
    },
    stop: () => void child.disconnect(),
  };
}
