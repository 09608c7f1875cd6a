import { Writable } from 'node:stream';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { createDatabaseUrl } from '../support/database.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

type Outage = { server: TestServer; logged: () => string; begin(): Promise<unknown>; end(): Promise<unknown>; close(): Promise<unknown> };

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function logToMemory() {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { log: pino({ level: 'info' }, stream), logged: () => text };
}

/** A server whose PostgreSQL can be taken away from it. */
async function overPostgres(): Promise<Outage> {
  const { url, drop } = await createDatabaseUrl('postgresql');
  closing.push(drop);
  const address = new URL(url);
  const target = { host: address.hostname, port: Number(address.port) };
  const proxy = await startTcpProxy(() => [target]);
  closing.push(proxy.close);
  address.port = String(proxy.port);
  const { log, logged } = logToMemory();
  const server = await startTestServer({ databaseUrl: address.href, log });
  closing.push(server.close);
  return { server, logged, begin: proxy.cut, end: proxy.mend, close: server.close };
}

/** A server whose SQLite file takes no writes for a while. */
async function overSqlite(pragma: { begin: string; end: string }): Promise<Outage> {
  const { log, logged } = logToMemory();
  const server = await startTestServer({ log });
  closing.push(server.close);
  const run = (text: string) => server.services.db.client.$queryRawUnsafe(`PRAGMA ${text}`);
  return { server, logged, begin: () => run(pragma.begin), end: () => run(pragma.end), close: server.close };
}

const readiness = async (server: TestServer) => {
  const response = await fetch(`${server.url}/readyz`);
  const { checks } = (await response.json()) as { checks: Record<string, boolean> };
  return { status: response.status, checks };
};

async function createService(server: TestServer) {
  const { client, clientSecret } = await server.services.clients.create(
    { client_name: 'Service', profile: 'service' },
    { source: 'operator' },
  );
  const authorization = `Basic ${Buffer.from(`${client.id}:${clientSecret}`).toString('base64')}`;
  return () =>
    fetch(`${server.url}/token`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    });
}

describe('a database that cannot be reached (postgresql)', () => {
  it('is answered by 503 with Retry-After on every edge, makes the process not ready, and needs nobody when it is back', async () => {
    const { server, logged, begin, end } = await overPostgres();
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    closing.push(async () => void process.off('unhandledRejection', onUnhandled));
    const getToken = await createService(server);
    expect((await getToken()).status).toBe(200);
    expect((await readiness(server)).status).toBe(200);

    await begin();
    const refused = await getToken();
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('cache-control')).toContain('no-store');
    expect(await refused.json()).toMatchObject({ error: 'temporarily_unavailable' });

    const form = 'application/x-www-form-urlencoded';
    for (const [path, init] of [
      ['/userinfo', { headers: { authorization: 'Bearer abcdefghijklmnopqrstuvwxyz0123456789abcdefg' } }],
      ['/introspect', { method: 'POST', headers: { 'content-type': form }, body: 'client_id=somebody&token=abc' }],
      ['/revoke', { method: 'POST', headers: { 'content-type': form }, body: 'client_id=somebody&token=abc' }],
      ['/authorize?client_id=somebody&response_type=code&redirect_uri=https://app.example/cb&scope=openid', {}],
      ['/reset?token=abc', { headers: { accept: 'text/html' } }],
      ['/register/verify?token=abc', { headers: { accept: 'application/json' } }],
      ['/interaction/abc', { headers: { accept: 'text/html' } }],
    ] as const) {
      const response = await fetch(`${server.url}${path}`, { redirect: 'manual', ...init });
      const body = await response.text();
      expect({ path, status: response.status, retry: response.headers.has('retry-after') }).toEqual({ path, status: 503, retry: true });
      expect(body, path).not.toMatch(/prisma|postgres|ECONN|127\.0\.0\.1:/i);
    }
    const browser = new Browserless();
    const page = await browser.request(`${server.url}/reset?token=abc`);
    expect(page.body).toContain('This service is not available right now');

    expect(await readiness(server)).toMatchObject({ status: 503, checks: { database: false } });
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    expect(logged()).toContain('the database cannot be reached');

    await end();
    expect((await getToken()).status).toBe(200);
    expect(await readiness(server)).toMatchObject({ status: 200, checks: { database: true } });
    expect(logged()).toContain('the database is back');
    expect(unhandled).toEqual([]);
  });
});

describe.each([
  ['read-only', { begin: 'query_only = 1', end: 'query_only = 0' }, 'it is read-only'],
  ['full', { begin: 'max_page_count = 1', end: 'max_page_count = 1073741823' }, 'is the disk full?'],
] as const)('a database file that is %s (sqlite)', (_what, pragma, words) => {
  it('is answered by 503 with Retry-After where something must be written, is said in the log once, and heals by itself', async () => {
    const { server, logged, begin, end } = await overSqlite(pragma);
    const getToken = await createService(server);
    expect((await getToken()).status).toBe(200);
    await begin();
    const statuses: number[] = [];
    // A page of the file that still has room takes a few rows more.
    for (let tries = 0; tries < 200 && statuses.at(-1) !== 503; tries++) {
      const response = await getToken();
      statuses.push(response.status);
      if (response.status === 503) {
        expect(response.headers.get('retry-after')).toBe('30');
        expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
      }
    }
    expect(statuses.at(-1)).toBe(503);
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(await readiness(server)).toMatchObject({ status: 503, checks: { database: true, database_writes: false } });
    await getToken();
    expect(logged().split(words)).toHaveLength(2);
    // What is only read goes on.
    expect((await fetch(`${server.url}/.well-known/jwks.json`)).status).toBe(200);
    expect((await fetch(`${server.url}/register`)).status).toBe(200);
    await end();
    expect(await readiness(server)).toMatchObject({ status: 200, checks: { database_writes: true } });
    expect((await getToken()).status).toBe(200);
    expect(logged()).toContain('the database is back');
  });
});
