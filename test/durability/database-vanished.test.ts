import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CONNECTION_OPTIONS, endWhenSilent } from '../../src/platform/db/postgresql-silence.js';
import { createDatabaseUrl } from '../support/database.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

/** 5 s until a statement is asked after, 10 s until nobody has answered; then some for the machine. */
const BOUND_MS = 20_000;

describe('a PostgreSQL host that vanishes without a word', () => {
  let database: Awaited<ReturnType<typeof createDatabaseUrl>>;
  let proxy: TcpProxy;
  let url: string;
  let server: TestServer;
  beforeAll(async () => {
    database = await createDatabaseUrl('postgresql', 'server');
    const address = new URL(database.url);
    const target = { host: address.hostname, port: Number(address.port) };
    proxy = await startTcpProxy(() => [target]);
    address.port = String(proxy.port);
    url = address.href;
    server = await startTestServer({ databaseUrl: url });
  });
  afterAll(async () => {
    await server?.close();
    await proxy?.close();
    await database?.drop();
  });

  it('ends no statement of a database that lives, however long it takes, and lets requests wait for nobody when it is gone', async () => {
    const { client, clientSecret } = await server.services.clients.create(
      { client_name: 'Service', profile: 'service' },
      { source: 'operator' },
    );
    const authorization = `Basic ${Buffer.from(`${client.id}:${clientSecret}`).toString('base64')}`;
    const ask = async () => {
      const response = await fetch(`${server.url}/token`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
        body: 'grant_type=client_credentials',
      });
      return { status: response.status, retry: response.headers.has('retry-after'), body: (await response.json()) as { error?: string } };
    };
    const { client: prisma } = server.services.db;

    // Longer than a statement may be silent before it is asked after, alone and in a transaction.
    const [alone] = await Promise.all([
      prisma.$queryRaw<{ done: number }[]>`SELECT 1 AS done FROM pg_sleep(8)`,
      prisma.$transaction((tx) => tx.$executeRaw`SELECT pg_sleep(8)`, { timeout: 30_000 }),
    ]);
    expect(alone).toEqual([{ done: 1 }]);
    expect((await Promise.all(Array.from({ length: 5 }, ask))).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);

    const transaction = prisma
      .$transaction((tx) => tx.$executeRaw`SELECT pg_sleep(60)`, { timeout: 60_000 })
      .catch((error: unknown) => error);
    proxy.swallow();
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 30 }, ask));
    expect(performance.now() - began).toBeLessThan(BOUND_MS);
    expect(await transaction).toBeInstanceOf(Error);
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 503, retry: true, body: { error: 'temporarily_unavailable' } });
      expect(JSON.stringify(answer.body)).not.toMatch(/postgres|timeout|ECONN|Connection/i);
    }

    proxy.passOn();
    // Nothing of before is left to be tried first.
    const back = performance.now();
    expect((await ask()).status).toBe(200);
    expect(performance.now() - back).toBeLessThan(BOUND_MS);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);

    // The connections of before are dead and new ones are not, as after a failover or behind a firewall that forgot them. A statement that is at
    // work on a new connection goes on.
    proxy.swallow();
    proxy.passOn();
    const [forgotten, ...statements] = await Promise.all([
      ask(),
      ...Array.from({ length: 9 }, () => prisma.$queryRaw`SELECT 1 AS done FROM pg_sleep(8)`.catch((error: unknown) => error)),
    ]);
    expect(performance.now() - back).toBeLessThan(2 * BOUND_MS);
    expect([200, 503]).toContain(forgotten.status);
    expect(statements.some((statement) => statement instanceof Error)).toBe(true);
    expect(statements).toContainEqual([{ done: 1 }]);
    expect((await ask()).status).toBe(200);
  });

  it('leaves statements alone when a new connection cannot be tried, or another one is answered', async () => {
    const silent = net.createServer((socket) => socket.on('error', () => undefined).resume());
    const refusing = net.createServer((socket) => socket.on('error', () => undefined).on('data', () => socket.write('E')));
    const ports = await Promise.all(
      [silent, refusing].map(async (one) => {
        await once(one.listen(0, '127.0.0.1'), 'listening');
        return (one.address() as net.AddressInfo).port;
      }),
    );
    const connection = () => ({ readyForQuery: false, processID: 1, connection: { stream: { bytesRead: 7, destroy: vi.fn() } } });
    const watch = (address: string, ...connections: ReturnType<typeof connection>[]) => {
      const pool = new EventEmitter();
      endWhenSilent(pool as unknown as pg.Pool, { connectionString: address, ...CONNECTION_OPTIONS });
      for (const one of connections) pool.emit('connect', one);
      return () => {
        for (const one of connections) pool.emit('remove', one);
      };
    };
    const [nameless, refused, long, busy, dead] = Array.from({ length: 5 }, connection) as [Fake, Fake, Fake, Fake, Fake];
    type Fake = ReturnType<typeof connection>;
    const stops = [
      watch('postgresql://u:p@no-such-host.invalid/db', nameless),
      watch(`postgresql://u:p@127.0.0.1:${ports[1]}/db?sslmode=require`, refused),
      watch(`postgresql://u:p@127.0.0.1:${ports[0]}/db`, long, busy),
      watch(`postgresql://u:p@127.0.0.1:${ports[0]}/db`, dead),
    ];
    const answering = setInterval(() => (busy.connection.stream.bytesRead += 1), 100);
    await vi.waitFor(() => expect(dead.connection.stream.destroy).toHaveBeenCalled(), { timeout: BOUND_MS, interval: 100 });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    clearInterval(answering);
    for (const stop of stops) stop();
    silent.close();
    refusing.close();
    for (const one of [nameless, refused, long, busy]) expect(one.connection.stream.destroy).not.toHaveBeenCalled();
  });
});
