import { readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createDatabaseUrl } from '../support/database.js';
import { freePort } from '../support/ports.js';
import type { ServerChild } from '../support/server-child.js';
import { childrenOf, superviseServers } from '../support/supervised-servers.js';

type Line = { msg: string; worker?: number | string } & Record<string, unknown>;
const linesOf = (child: ServerChild): Line[] =>
  child
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);

const until = async (condition: () => boolean | Promise<boolean>, timeoutMs = 60_000) => {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`it did not happen in time: ${condition}`);
    await delay(20);
  }
};

const startServer = superviseServers();

async function start(env: Record<string, string> = {}) {
  const metricsPort = await freePort();
  const { child, port } = await startServer({ METRICS_PORT: String(metricsPort), ...env });
  const url = `http://localhost:${port}`;
  if (Number(env.WORKERS) > 1) await until(() => child.output().includes('all workers are ready'));
  const count = async (name: string) => {
    const text = await (await fetch(`http://localhost:${metricsPort}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  return { child, url, port, count };
}

/** A connection on which requests are written by hand. */
async function connect(port: number) {
  const socket = net.connect({ host: 'localhost', port });
  let received = '';
  let closed = false;
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  return { write: (text: string) => void socket.write(text), received: () => received, closed: () => closed };
}

const get = (path: string, port: number) => `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`;
const livez = (url: string) => fetch(`${url}/livez`, { headers: { connection: 'close' } });

describe('several workers', () => {
  it('serve as one: their lines are named, what is done once is done by one, their numbers are added, the pool is theirs to share', async () => {
    const { child, url, count } = await start({ WORKERS: '2', FIRST_ADMIN_EMAIL: 'first@example.com' });
    expect(linesOf(child).filter(({ msg }) => msg === 'ready')).toHaveLength(2);
    expect(new Set(linesOf(child).map(({ worker }) => worker))).toEqual(new Set(['supervisor', 1, 2]));
    expect(child.output().match(/Latchkey is ready/g)).toHaveLength(1);
    const before = await count('http_requests_total\\{method="GET",route="/livez",status="200"\\}');
    for (let request = 0; request < 10; request++) expect((await livez(url)).status).toBe(200);
    expect((await count('http_requests_total\\{method="GET",route="/livez",status="200"\\}')) - before).toBe(10);
    expect(await count('workers_serving')).toBe(2);
    // As it is for each: not once for every worker.
    expect(await count('auth_signing_key_age_seconds')).toBeLessThan(3600);
    for (const pid of childrenOf(child.pid)) {
      const { UV_THREADPOOL_SIZE: threads } = Object.fromEntries(
        readFileSync(`/proc/${pid}/environ`, 'utf8')
          .split('\0')
          .map((pair) => pair.split(/=(.*)/s)),
      );
      const hashesAtOnce = linesOf(child).find(({ msg }) => msg === 'ready')?.hashesAtOnce;
      expect(Number(threads)).toBeGreaterThanOrEqual(Number(hashesAtOnce) + 4);
    }
  });

  it('one that dies is replaced, and no count goes back', async () => {
    const { child, url, count } = await start({ WORKERS: '2' });
    for (let request = 0; request < 10; request++) await livez(url);
    const name = 'http_requests_total\\{method="GET",route="/livez",status="200"\\}';
    const before = await count(name);
    const [victim = 0] = childrenOf(child.pid);
    process.kill(victim, 'SIGKILL');
    await until(() => child.output().includes('a worker was started in its place'));
    expect(childrenOf(child.pid)).toHaveLength(2);
    expect(childrenOf(child.pid)).not.toContain(victim);
    expect((await livez(url)).status).toBe(200);
    expect(await count(name)).toBe(before + 1);
  });

  it('are replaced one by one at SIGHUP without losing a request, on kept connections as well', async () => {
    const { child, url } = await start({ WORKERS: '2' });
    const before = childrenOf(child.pid);
    let over = false;
    let answered = 0;
    const failures: unknown[] = [];
    const load = (headers: Record<string, string>) => async () => {
      while (!over) {
        try {
          const response = await fetch(`${url}/.well-known/openid-configuration`, { headers });
          await response.text();
          if (response.status !== 200) failures.push(response.status);
          answered++;
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const work = [load({}), load({}), load({ connection: 'close' }), load({ connection: 'close' })].map((run) => run());
    process.kill(child.pid, 'SIGHUP');
    await until(() => child.output().includes('every worker was replaced'));
    over = true;
    await Promise.all(work);
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(20);
    const after = childrenOf(child.pid);
    expect(after).toHaveLength(2);
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
  });

  it('are as many as before when one of them dies while its successor starts', async () => {
    const { child } = await start({ WORKERS: '2' });
    const before = childrenOf(child.pid);
    process.kill(child.pid, 'SIGHUP');
    await until(() => childrenOf(child.pid).length === 3);
    process.kill(before[0] ?? 0, 'SIGKILL');
    await until(() => child.output().includes('every worker was replaced'));
    const after = childrenOf(child.pid);
    expect(after).toHaveLength(2);
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    await delay(1000);
    expect(childrenOf(child.pid)).toEqual(after);
  });

  it('that cannot start again are tried ever more rarely, and given up when none is left', async () => {
    const gone = await createDatabaseUrl('postgresql', 'server');
    const { child } = await start({ WORKERS: '2', DATABASE_URL: gone.url });
    const first = childrenOf(child.pid);
    await gone.drop();
    for (const pid of first) process.kill(pid, 'SIGKILL');
    await until(() => child.ended() !== undefined, 60_000);
    expect(child.ended()).toEqual({ code: 1, signal: null });
    expect(child.output()).toContain('no worker stays up: giving up');
    expect(child.output().match(/"msg":"a worker ended"/g)?.length).toBeLessThanOrEqual(10);
  });
});

describe.each([
  ['one process', {}, ['SIGTERM', 'SIGHUP']],
  ['two workers', { WORKERS: '2' }, ['SIGTERM', 'SIGTERM']],
] as const)('a stop of %s', (_name, env, [signal, otherSignal]) => {
  it('answers what is under way, ends kept and half-used connections, and exits with 0 within 10 seconds', async () => {
    const { child, port } = await start(env);
    const idle = await connect(port);
    idle.write(get('/livez', port));
    await until(() => idle.received().includes('"ok"'));
    const untouched = await connect(port);
    const half = await connect(port);
    half.write('POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Le');
    // A sign-in is under way when the signal comes: the server has said that it wants the rest of it.
    const underWay = await connect(port);
    const body = JSON.stringify({ email: 'nobody@example.com', password: 'not the password' });
    underWay.write(
      `POST /auth/login HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    await until(() => underWay.received().includes('100 Continue'));
    const told = performance.now();
    process.kill(child.pid, signal);
    await until(() => child.output().includes('stopping'));
    underWay.write(body);
    await until(() => child.ended() !== undefined, 15_000);
    expect(performance.now() - told).toBeLessThan(10_000);
    expect(child.ended()).toEqual({ code: 0, signal: null });
    expect(underWay.received()).toMatch(/HTTP\/1\.1 401 [\s\S]*connection: close/i);
    for (const connection of [idle, untouched, half, underWay]) await until(connection.closed);
    expect(child.output()).not.toMatch(/unhandled/i);
  });

  it('lets the load balancer see it first: not ready, still answering, every answer closes its connection', async () => {
    const { child, url, port } = await start({ ...env, SHUTDOWN_DELAY_SECONDS: '2' });
    const kept = await connect(port);
    kept.write(get('/livez', port));
    await until(() => kept.received().includes('"ok"'));
    expect(kept.received().toLowerCase()).not.toContain('connection: close');
    process.kill(child.pid, otherSignal);
    await until(async () => (await fetch(`${url}/readyz`)).status === 503);
    const late = await livez(url);
    expect(late.status).toBe(200);
    kept.write(get('/livez', port));
    await until(kept.closed);
    expect(kept.received().toLowerCase()).toContain('connection: close');
    await until(() => child.ended() !== undefined, 15_000);
    expect(child.ended()).toEqual({ code: 0, signal: null });
  });
});
