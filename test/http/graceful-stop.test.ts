import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it } from 'vitest';
import { createGracefulServer, type GracefulServer } from '../../src/platform/http/index.js';
import { freePort } from '../support/ports.js';

const HOST = '127.0.0.1';
const TIMEOUT_MS = 7_000;
/** Before everything quiet is cut off, which takes two seconds and asks nobody whether a request has arrived. */
const BEFORE_CUT_MS = 1_900;
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

const opened: net.Socket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

async function start(): Promise<{ server: GracefulServer; port: number }> {
  const server = createGracefulServer((_request, response) => response.end('answered'));
  const port = await freePort();
  await server.listen(port, HOST);
  return { server, port };
}

/** A connection on which requests are written by hand. */
async function connect(port: number) {
  const socket = net.connect({ host: HOST, port }).setEncoding('utf8').setNoDelay();
  opened.push(socket);
  let received = '';
  let closed = false;
  socket.on('data', (text: string) => {
    received += text;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  const answers = () => received.split('answered').length - 1;
  return {
    send: () => void socket.write(REQUEST),
    answers,
    closed: () => closed,
    told: () => /connection: close/i.test(received),
    answered: (count: number) => expect.poll(() => closed || answers() >= count).toBe(true),
  };
}
async function connectAndAsk(port: number) {
  const connection = await connect(port);
  connection.send();
  await connection.answered(1);
  return connection;
}

it('a request on a kept connection, and the first on one that was opened ahead of time, are answered after the stop began, and told to leave', async () => {
  const { server, port } = await start();
  const [kept, opened] = [await connectAndAsk(port), await connect(port)];
  const finished = server.close({ timeoutMs: TIMEOUT_MS });
  await delay(200);
  kept.send();
  opened.send();
  expect(await finished).toBe(true);
  await expect.poll(() => kept.closed() && opened.closed()).toBe(true);
  expect([kept.answers(), opened.answers()]).toEqual([2, 1]);
  expect([kept.told(), opened.told()]).toEqual([true, true]);
});

it('a request that has arrived when idle connections are closed is answered, although nobody has read it yet', async () => {
  const { server, port } = await start();
  const [kept, idle, opened] = [await connectAndAsk(port), await connectAndAsk(port), await connect(port)];
  const finished = server.close({ timeoutMs: TIMEOUT_MS });
  await delay(100);
  // The request lies in the kernel while the process does something else, until after the moment of closing. From here the event loop comes to its
  // timers first; from within a timer it would come to the network first, and a server that does not look there would lose nothing either.
  await new Promise((resolve) => setImmediate(resolve));
  kept.send();
  opened.send();
  const until = performance.now() + 1_200;
  while (performance.now() < until);
  expect(await finished).toBe(true);
  await expect.poll(() => kept.closed() && idle.closed() && opened.closed()).toBe(true);
  expect([kept.answers(), idle.answers(), opened.answers()]).toEqual([2, 1, 1]);
});

it('connections that are in use all the time lose nothing, whenever the stop comes', async () => {
  const { server, port } = await start();
  const connections = await Promise.all(Array.from({ length: 20 }, () => connectAndAsk(port)));
  // As a client that keeps to HTTP: what is told to close is not used again.
  const lost = connections.map(async (connection, index) => {
    for (let sent = 1; ; ) {
      await delay(10 + index);
      if (connection.told()) return 0;
      connection.send();
      await connection.answered(++sent);
      if (connection.answers() < sent) return 1;
    }
  });
  await delay(100);
  expect(await server.close({ timeoutMs: TIMEOUT_MS })).toBe(true);
  expect((await Promise.all(lost)).reduce((sum: number, each) => sum + each, 0)).toBe(0);
});

it('what stays idle holds a stop up for little more than a second, and nothing does where nobody is connected', async () => {
  const busy = await start();
  const [kept, opened] = [await connectAndAsk(busy.port), await connect(busy.port)];
  const told = performance.now();
  expect(await busy.server.close({ timeoutMs: TIMEOUT_MS })).toBe(true);
  expect(performance.now() - told).toBeLessThan(BEFORE_CUT_MS);
  await expect.poll(() => kept.closed() && opened.closed()).toBe(true);
  const empty = await start();
  const emptyTold = performance.now();
  expect(await empty.server.close({ timeoutMs: TIMEOUT_MS })).toBe(true);
  expect(performance.now() - emptyTold).toBeLessThan(900);
});

it('nothing of a server is left once it is closed', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const open = async () => {
    const handle = () => undefined;
    const server = createGracefulServer(handle);
    await server.listen(0, HOST);
    expect(await server.close({ timeoutMs: TIMEOUT_MS })).toBe(true);
    return new WeakRef(handle);
  };
  const handles = await Promise.all(Array.from({ length: 5 }, open));
  const held = () => {
    collect();
    return handles.filter((handle) => handle.deref()).length;
  };
  await expect.poll(held).toBe(0);
});
