/**
 * Loaded into each server process before its own code: answers how much processor time the process has used, over a socket of loopback, so that
 * neither the load generator nor a proxy of ours is counted. Every process of a cluster reports by itself.
 */
import net from 'node:net';

/** Microseconds of processor time of all threads since the process began, and bytes. */
export type Reading = { pid: number; user: number; system: number; rss: number; heapUsed: number };

const port = Number(process.env.BENCH_METER_PORT);
if (port > 0) {
  const socket = net.connect(port, '127.0.0.1');
  socket.setEncoding('utf8').on('data', (text: string) => {
    // `gc` makes memory comparable; it is asked for outside of what is measured.
    if (String(text).includes('gc')) (globalThis as { gc?: () => void }).gc?.();
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    socket.write(`${JSON.stringify({ pid: process.pid, user, system, rss, heapUsed } satisfies Reading)}\n`);
  });
  socket.on('error', () => undefined);
  // It must not keep a process alive that has been told to stop.
  socket.unref();
}
