import cluster from 'node:cluster';
import type { MetricsSnapshot } from '../metrics/index.js';
import { FIRST, type ToSupervisor, type ToWorker } from './protocol.js';

export type WorkerSide = {
  /** Says that this worker serves from now on. */
  ready(): void;
  /** Hands over the last numbers; resolves when they are sent. */
  leave(): Promise<void>;
};

/** Whether this process was started by a supervisor. */
export const isWorker = (): boolean => cluster.isWorker;

/** The number by which log lines name this worker. */
export const workerId = (): number | undefined => cluster.worker?.id;

/** Whether this worker does what is done once: declared clients, the first administrator. */
export const isFirst = (): boolean => process.argv.includes(FIRST);

/**
 * Answers the supervisor from now on. A worker whose supervisor is gone ends by itself: Node ends it when the channel breaks.
 * @param options.onRetire another worker has taken this one's place
 */
export function joinSupervisor({ metrics, onRetire }: { metrics(): Promise<MetricsSnapshot>; onRetire(): void }): WorkerSide {
  const say = (message: ToSupervisor) =>
    new Promise<void>((resolve) => {
      // The channel breaks when the supervisor ends; there is nobody left to tell then.
      if (!process.connected || !process.send) resolve();
      else process.send(message, undefined, undefined, () => resolve());
    });
  process.on('message', (message: ToWorker) => {
    if (message.type === 'ping') void say({ type: 'pong' });
    if (message.type === 'retire') onRetire();
    if (message.type === 'metrics') {
      const { request } = message;
      metrics().then(
        (snapshot) => say({ type: 'metrics', request, metrics: snapshot }),
        () => say({ type: 'metrics', request, metrics: [] }),
      );
    }
  });
  return {
    ready: () => void say({ type: 'ready' }),
    async leave() {
      const snapshot = await metrics().catch(() => undefined);
      if (snapshot) await say({ type: 'last_metrics', metrics: snapshot });
    },
  };
}
