/**
 * A supervisor with two workers that stand still, each until a file is there, while three clients connect: one is handed to each worker, one waits.
 * Then the first worker goes as it is told, and the second one serves. Says to its parent what each client was told.
 */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { endGivenConnection } from '../../src/platform/cluster/given-connection.js';

export type Going = 'retires' | 'dies';
/** What each client received until its connection ended; undefined for one that still waits. */
export type ClientsTold = (string | undefined)[];

const [, , folder = '', going = 'dies', port = '0'] = process.argv;
const wordFor = (role: string) => path.join(folder, role);
const standStill = (word: string) => {
  while (!existsSync(word)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
};

async function supervise(): Promise<void> {
  const fork = async (role: string): Promise<Worker> => {
    const worker = cluster.fork({ ROLE: role });
    endGivenConnection(worker);
    await once(worker, 'listening');
    return worker;
  };
  const [first, second] = [await fork('first'), await fork('second')];
  for (const worker of [first, second]) {
    worker.send('stand still');
    await once(worker, 'message');
  }
  const told: ClientsTold = [undefined, undefined, undefined];
  for (const [client] of told.entries()) {
    let received = '';
    const socket = net.connect(Number(port), '127.0.0.1');
    socket.on('data', (data) => (received += data)).on('error', () => undefined);
    socket.on('close', () => (told[client] = received));
    await once(socket, 'connect');
    // Until it has been handed on.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const gone = once(first, 'exit');
  writeFileSync(wordFor('first'), '');
  await gone;
  writeFileSync(wordFor('second'), '');
  const begun = performance.now();
  while (told.includes(undefined) && performance.now() - begun < 5_000) await new Promise((resolve) => setTimeout(resolve, 10));
  process.send?.(told);
  second.kill();
}

function serve(role: string): void {
  const server = net.createServer((socket) => socket.end(`served by the ${role}`)).listen(Number(port), '127.0.0.1');
  process.on('message', () => {
    process.send?.('standing still', () => {
      standStill(wordFor(role));
      if (role === 'second') return;
      if (going === 'dies') process.kill(process.pid, 'SIGKILL');
      server.close();
      // It answers what it was handed, and goes.
      setTimeout(() => process.exit(0), 100);
    });
  });
}

if (cluster.isPrimary) await supervise();
else serve(process.env.ROLE ?? '');
