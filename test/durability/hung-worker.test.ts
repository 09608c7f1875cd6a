import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { childrenOf, superviseServers } from '../support/supervised-servers.js';

/** Half a minute without an answer, noticed at the next of the looks that are five seconds apart. */
const KILLED_WITHIN_MS = 45_000;
/** The connections that the supervisor can give to a worker that hangs: it waits until one is taken before it gives the next. */
const GIVEN_TO_ONE = 1;

const until = (condition: () => boolean, timeout: number) => expect.poll(condition, { timeout, interval: 50 }).toBe(true);

const startServer = superviseServers();

async function start() {
  const { child, port } = await startServer({ METRICS_PORT: '', WORKERS: '2' });
  await until(() => child.output().includes('all workers are ready'), 60_000);
  const asks = () => fetch(`http://localhost:${port}/livez`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(3_000) });
  return { child, port, asks };
}

/** A connection with one request on it. @returns whether it has ended, answered or not */
async function connect(port: number): Promise<() => boolean> {
  const socket = net.connect({ host: 'localhost', port });
  let ended = false;
  socket
    .on('error', () => undefined)
    .on('close', () => {
      ended = true;
    })
    .resume();
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(`GET /livez HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`);
  return () => ended;
}

describe('a worker that hangs', () => {
  it('costs one connection at most while it hangs, is killed and replaced, and both serve again', async () => {
    const { child, port, asks } = await start();
    const [hung = 0, other = 0] = childrenOf(child.pid);
    const stopped = performance.now();
    // Its event loop stands still: no answer, no signal handler.
    process.kill(hung, 'SIGSTOP');
    // Clients that wait as long as it takes: one is given to the worker that hangs.
    const patient = await Promise.all([connect(port), connect(port), connect(port), connect(port)]);
    let failed = 0;
    while (!child.output().includes('a worker does not answer and is killed')) {
      await asks().then(
        (response) => expect(response.status).toBe(200),
        () => failed++,
      );
      await delay(100);
      expect(performance.now() - stopped).toBeLessThan(KILLED_WITHIN_MS);
    }
    expect(failed).toBeLessThanOrEqual(GIVEN_TO_ONE);
    await until(() => child.output().includes('a worker was started in its place'), 30_000);
    const after = childrenOf(child.pid);
    expect(after).toHaveLength(2);
    expect(after).toContain(other);
    expect(after).not.toContain(hung);
    // Nobody waits for ever for an answer of a process that is gone.
    await until(() => patient.every((ended) => ended()), 10_000);
    for (let request = 0; request < 10; request++) expect((await asks()).status).toBe(200);
  });

  it('is killed when it does not stop with the others: the stop ends within 10 seconds, with 0', async () => {
    const { child } = await start();
    const [hung = 0] = childrenOf(child.pid);
    process.kill(hung, 'SIGSTOP');
    const told = performance.now();
    process.kill(child.pid, 'SIGTERM');
    await until(() => child.ended() !== undefined, 15_000);
    expect(performance.now() - told).toBeLessThan(10_000);
    expect(child.ended()).toEqual({ code: 0, signal: null });
    expect(child.output()).toContain('a worker did not end in time and was killed');
    expect(() => process.kill(hung, 0)).toThrow();
  });
});
