import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../errors.js';
import type { Logger } from '../log/index.js';
import type { MetricsSnapshot } from '../metrics/index.js';
import { createAggregate } from './aggregate.js';
import { endGivenConnection } from './given-connection.js';
import { FIRST, type ToSupervisor, type ToWorker } from './protocol.js';

export type SupervisorOptions = {
  workers: number;
  /** UV_THREADPOOL_SIZE of each worker: it can only be set before a process starts. */
  poolThreads: number;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** How long a worker may take from being told to stop until it is gone; then it is ended. */
  stopTimeoutMs: number;
  /** The workers have ended again and again, and none serves any more. */
  onHopeless(): void;
};

export type Supervisor = {
  /** Starts the first worker, and the others when it serves. @throws AppError `cluster.not_started` when the first one does not come up */
  start(): Promise<void>;
  /** Puts a new worker in the place of each, one by one; each old one goes when its successor serves. A successor that fails ends the round. */
  replaceAll(): Promise<void>;
  /** Tells every worker to stop, and waits until all are gone. */
  stop(signal: 'SIGTERM' | 'SIGINT'): Promise<void>;
  /** The metrics of all workers as one text. */
  renderMetrics(): Promise<string>;
};

type Member = {
  worker: Worker;
  serving: boolean;
  /** told to go: its end is no accident */
  leaving: boolean;
  unansweredPings: number;
  metrics: MetricsSnapshot | undefined;
  gone: Promise<void>;
};

const READY_TIMEOUT_MS = 60_000;
const PING_MS = 5_000;
/** A worker that has not answered for half a minute hangs; connections would be given to it for ever. */
const MAX_UNANSWERED_PINGS = 6;
/** Who has served so long is no part of a row of failures. */
const STEADY_MS = 60_000;
const MAX_FAILURES = 6;
const METRICS_TIMEOUT_MS = 2_000;

/** How long to wait before a worker is started again, after so many failures in a row. */
export const backoffMs = (failures: number): number => Math.min(30_000, 250 * 2 ** (failures - 1));

export function createSupervisor({ workers, poolThreads, log, stopTimeoutMs, onHopeless }: SupervisorOptions): Supervisor {
  const members = new Set<Member>();
  const aggregate = createAggregate();
  const stopping = new AbortController();
  let failures = 0;
  let requests = 0;
  let replacing: Promise<void> | undefined;

  const tell = (member: Member, message: ToWorker) => {
    if (member.worker.isConnected()) member.worker.send(message, () => undefined);
  };

  /** Starts a worker. @returns it when it serves. @throws AppError `cluster.not_started` when it ends or takes too long before that */
  async function launch({ first = false } = {}): Promise<Member> {
    cluster.setupPrimary({ args: first ? [FIRST] : [] });
    const worker = cluster.fork({ UV_THREADPOOL_SIZE: String(poolThreads) });
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const member: Member = { worker, serving: false, leaving: false, unansweredPings: 0, metrics: undefined, gone };
    members.add(member);
    const ready = new Promise<void>((resolve) => {
      worker.on('message', (message: ToSupervisor) => {
        if (message.type === 'ready') resolve();
        if (message.type === 'pong') member.unansweredPings = 0;
        if (message.type === 'metrics' || message.type === 'last_metrics') member.metrics = message.metrics;
      });
    });
    worker.once('exit', (code, signal) => onExit(member, code, signal));
    endGivenConnection(worker);
    const timeout = setTimeout(() => worker.process.kill('SIGKILL'), READY_TIMEOUT_MS);
    await Promise.race([ready, gone]);
    clearTimeout(timeout);
    if (worker.isDead())
      throw new AppError('cluster.not_started', 500, `worker ${worker.id} ended before it was ready; what it said stands above.`);
    member.serving = true;
    setTimeout(() => {
      if (!worker.isDead()) failures = 0;
    }, STEADY_MS).unref();
    return member;
  }

  function onExit(member: Member, code: number | null, signal: string | null): void {
    members.delete(member);
    if (member.metrics) aggregate.keep(member.metrics);
    if (member.leaving || stopping.signal.aborted) return;
    log.error({ ended: member.worker.id, code, signal }, 'a worker ended');
    // One that never served is started again by whoever waits for it.
    if (member.serving) void restart();
  }

  /** Starts a worker in the place of one that ended, as often as it takes, ever more slowly; gives up when none serves. */
  async function restart(): Promise<void> {
    while (!stopping.signal.aborted) {
      failures += 1;
      if (failures > MAX_FAILURES && ![...members].some(({ serving }) => serving)) return onHopeless();
      try {
        await delay(backoffMs(failures), undefined, { signal: stopping.signal });
        const { worker } = await launch();
        return log.info({ started: worker.id }, 'a worker was started in its place');
      } catch {
        // Its end was told; or everything stops.
      }
    }
  }

  async function retire(member: Member): Promise<void> {
    member.leaving = true;
    member.serving = false;
    tell(member, { type: 'retire' });
    await endWithin(member, stopTimeoutMs);
  }

  async function endWithin(member: Member, ms: number): Promise<void> {
    const timeout = setTimeout(() => {
      log.warn({ ended: member.worker.id }, 'a worker did not end in time and was killed');
      member.worker.process.kill('SIGKILL');
    }, ms);
    await member.gone;
    clearTimeout(timeout);
  }

  async function replaceEach(): Promise<void> {
    let first = true;
    for (const member of [...members].filter(({ serving }) => serving)) {
      if (stopping.signal.aborted) return;
      // One that has ended meanwhile was replaced because of that.
      if (!members.has(member)) continue;
      // From now on its successor is the one that takes its place, also if it ends before it is told to.
      member.leaving = true;
      try {
        await launch({ first });
      } catch {
        member.leaving = false;
        if (!members.has(member)) void restart();
        return log.error('the new worker did not start: the others go on as they are');
      }
      first = false;
      await retire(member);
    }
    log.info('every worker was replaced');
  }

  const ping = setInterval(() => {
    for (const member of members) {
      if (!member.serving) continue;
      if (member.unansweredPings >= MAX_UNANSWERED_PINGS) {
        log.error({ ended: member.worker.id }, 'a worker does not answer and is killed');
        member.worker.process.kill('SIGKILL');
        continue;
      }
      member.unansweredPings += 1;
      tell(member, { type: 'ping' });
    }
  }, PING_MS);

  /** The newest numbers of a worker; those it told last, where it does not answer. */
  async function ask(member: Member): Promise<MetricsSnapshot> {
    const request = ++requests;
    const timeout = new AbortController();
    const answered = new Promise<void>((resolve) => {
      const listen = (message: ToSupervisor) => {
        if (message.type !== 'metrics' || message.request !== request) return;
        member.worker.off('message', listen);
        resolve();
      };
      member.worker.on('message', listen);
      timeout.signal.addEventListener('abort', () => member.worker.off('message', listen));
    });
    tell(member, { type: 'metrics', request });
    await Promise.race([answered, member.gone, delay(METRICS_TIMEOUT_MS, undefined, { signal: timeout.signal }).catch(() => undefined)]);
    timeout.abort();
    return member.metrics ?? [];
  }

  return {
    async start() {
      // Alone, so that what is done once for an installation is done before the others look.
      await launch({ first: true }).catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error;
      });
      if (stopping.signal.aborted) return;
      const others = Array.from({ length: workers - 1 }, () => launch().catch(() => restart()));
      await Promise.all(others);
    },
    async replaceAll() {
      // Asked again meanwhile: what was replaced before the second word may have read the old program.
      const before = replacing;
      replacing = (async () => {
        await before;
        await replaceEach();
      })();
      await replacing;
    },
    async stop(signal) {
      stopping.abort();
      clearInterval(ping);
      const all = [...members];
      for (const { worker } of all) worker.process.kill(signal);
      await Promise.all(all.map((member) => endWithin(member, stopTimeoutMs)));
    },
    async renderMetrics() {
      const serving = [...members].filter((member) => member.serving);
      const text = await aggregate.render(await Promise.all(serving.map(ask)));
      return `${text}# HELP workers_serving Processes of this machine that serve\n# TYPE workers_serving gauge\nworkers_serving ${serving.length}\n`;
    },
  };
}
