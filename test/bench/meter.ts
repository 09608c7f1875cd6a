/**
 * Loaded into each server process before its own code: answers how much processor time the process has used, over a socket of loopback, so that
 * neither the load generator nor a proxy of ours is counted. Every process of a cluster reports by itself.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import net from 'node:net';

/** Microseconds of processor time of all threads since the process began, and bytes. */
export type Reading = { pid: number; user: number; system: number; rss: number; heapUsed: number };

const inspector = new Session();

async function beginProfile(): Promise<void> {
  inspector.connect();
  await inspector.post('Profiler.enable');
  await inspector.post('Profiler.start');
}

async function endProfile(file: string): Promise<void> {
  const { profile } = await inspector.post('Profiler.stop');
  inspector.disconnect();
  writeFileSync(file, JSON.stringify(profile));
}

const port = Number(process.env.BENCH_METER_PORT);
if (port > 0) {
  const socket = net.connect(port, '127.0.0.1');
  socket.setEncoding('utf8').on('data', async (text: string) => {
    // `gc` makes memory comparable; it is asked for outside of what is measured.
    if (text === 'gc') (globalThis as { gc?: () => void }).gc?.();
    if (text === 'profile') await beginProfile();
    if (text.startsWith('profiled ')) await endProfile(`${text.slice('profiled '.length)}.${process.pid}.cpuprofile`);
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    socket.write(`${JSON.stringify({ pid: process.pid, user, system, rss, heapUsed } satisfies Reading)}\n`);
  });
  socket.on('error', () => undefined);
  // It must not keep a process alive that has been told to stop.
  socket.unref();
}
