import { OutboundError } from './errors.js';

export type Slots = {
  /** Waits for a free place. @returns what gives it back. @throws OutboundError `busy`, `aborted` */
  take(host: string, signal: AbortSignal): Promise<() => void>;
};

type Waiting = { host: string; start: () => void };

/** How many requests are under way: some for each host, so that a slow one holds up nobody else's, and some in all. */
export function createSlots({ perHost, inAll, waiting: maxWaiting }: { perHost: number; inAll: number; waiting: number }): Slots {
  const running = new Map<string, number>();
  const queue: Waiting[] = [];
  let total = 0;

  const isFree = (host: string) => total < inAll && (running.get(host) ?? 0) < perHost;

  function begin(host: string): () => void {
    total++;
    running.set(host, (running.get(host) ?? 0) + 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      total--;
      const left = (running.get(host) ?? 1) - 1;
      if (left > 0) running.set(host, left);
      else running.delete(host);
      const next = queue.findIndex((waiting) => isFree(waiting.host));
      if (next >= 0) queue.splice(next, 1)[0]?.start();
    };
  }

  return {
    async take(host, signal) {
      if (isFree(host)) return begin(host);
      if (queue.length >= maxWaiting) throw new OutboundError('busy', `${host}: too many requests are waiting already`);
      return new Promise((resolve, reject) => {
        const waiting: Waiting = {
          host,
          start() {
            signal.removeEventListener('abort', leave);
            resolve(begin(host));
          },
        };
        function leave() {
          queue.splice(queue.indexOf(waiting), 1);
          reject(new OutboundError('busy', `${host}: no place became free in time`));
        }
        if (signal.aborted) return reject(new OutboundError('aborted', `${host}: given up`));
        signal.addEventListener('abort', leave, { once: true });
        queue.push(waiting);
      });
    },
  };
}
