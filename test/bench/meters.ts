import { once } from 'node:events';
import net from 'node:net';
import type { Reading } from './meter.js';

/** Hears the meters of one side's processes. */
export type Meters = {
  port: number;
  /** The sum over all processes of the side that are there now. */
  read(
    question?: 'cpu' | 'gc' | 'profile' | `profiled ${string}`,
  ): Promise<{ processes: number; cpuMs: number; rssBytes: number; heapBytes: number }>;
  close(): void;
};

export async function openMeters(): Promise<Meters> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket.setEncoding('utf8'));
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ask = async (socket: net.Socket, question: string): Promise<Reading> => {
    const answer = once(socket, 'data');
    socket.write(question);
    return JSON.parse(String((await answer)[0])) as Reading;
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    async read(question = 'cpu') {
      const readings = await Promise.all([...sockets].map((socket) => ask(socket, question)));
      const sum = (of: (reading: Reading) => number) => readings.reduce((total, reading) => total + of(reading), 0);
      return {
        processes: readings.length,
        cpuMs: sum(({ user, system }) => user + system) / 1000,
        rssBytes: sum(({ rss }) => rss),
        heapBytes: sum(({ heapUsed }) => heapUsed),
      };
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
