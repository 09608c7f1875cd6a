import type { Worker } from 'node:cluster';

type Handle = { close(): void };
type Send = (message: unknown, handle?: unknown, ...rest: unknown[]) => boolean;

/**
 * Ends the connections that were handed to a worker which is gone and never said what it did with them. Node's cluster hands a worker one connection
 * at a time for each port, and keeps its own end open until the worker answers that it took it, or did not, whereupon another worker is handed it; it
 * forgets to close that end where the worker dies before (read in its `internal/cluster/round_robin_handle`; tried on Node 20, 22 and 24), and
 * the client would wait for an answer as long as it has patience.
 *
 * What is handed over passes through `send` of the worker's process, and the answers are its internal messages. Where a later Node does it
 * another way, nothing is seen here and nothing done.
 */
export function endGivenConnection(worker: Worker): void {
  const { process } = worker;
  const send = process.send.bind(process) as Send;
  const unanswered = new Map<unknown, Handle>();
  process.send = ((message: unknown, handle?: unknown, ...rest: unknown[]) => {
    const { act, seq } = (message ?? {}) as { act?: unknown; seq?: unknown };
    if (act === 'newconn' && isHandle(handle)) unanswered.set(seq, handle);
    return send(message, handle, ...rest);
  }) as typeof process.send;
  process.on('internalMessage', (message: { ack?: unknown } | null) => unanswered.delete(message?.ack));
  worker.once('exit', () => {
    for (const handle of unanswered.values()) handle.close();
  });
}

const isHandle = (handle: unknown): handle is Handle => typeof (handle as { close?: unknown } | null | undefined)?.close === 'function';
