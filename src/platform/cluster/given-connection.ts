import type { Worker } from 'node:cluster';

type Given = { close(): void };
type Send = (message: unknown, handle?: unknown, ...rest: unknown[]) => boolean;

/**
 * Ends the connection that a worker was given and never took, when the worker is gone. Node's cluster gives a worker one connection at a time
 * and keeps its own end of it open until the worker says that it has it; it forgets to close that end where the worker dies before (read in its
 * `internal/cluster/round_robin_handle` and tried, Node 20), and the client would wait for an answer as long as it has patience.
 *
 * What is given passes through `send` of the worker's process. Where a later Node gives it another way, nothing is seen here and nothing done.
 */
export function endGivenConnection(worker: Worker): void {
  const { process } = worker;
  const send = process.send.bind(process) as Send;
  let latest: Given | undefined;
  process.send = ((message: unknown, handle?: unknown, ...rest: unknown[]) => {
    if (isGift(message) && isCloseable(handle)) latest = handle;
    return send(message, handle, ...rest);
  }) as typeof process.send;
  // One that was taken is closed already, which may be said twice.
  worker.once('exit', () => latest?.close());
}

const isGift = (message: unknown) => (message as { act?: unknown } | null)?.act === 'newconn';
const isCloseable = (handle: unknown): handle is Given => typeof (handle as { close?: unknown } | null | undefined)?.close === 'function';
