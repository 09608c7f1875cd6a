import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createOutbound, OutboundError, type OutboundRequest } from '../../src/platform/outbound/index.js';
import type { OutboundDeps } from '../../src/platform/outbound/outbound.js';
import { type Listening, listenHttp, listenHttps, listenRaw } from '../support/listening.js';
import { certificate } from '../support/tls.js';

const open: Listening[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});
const started = async (server: Promise<Listening>) => {
  const listening = await server;
  open.push(listening);
  return listening;
};

function client(deps: Partial<OutboundDeps> = {}) {
  const logged: Record<string, unknown>[] = [];
  const outbound = createOutbound({
    allow: ['127.0.0.0/8', '::1'],
    development: true,
    log: { warn: (fields: object) => void logged.push(fields as Record<string, unknown>) } as unknown as OutboundDeps['log'],
    ...deps,
  });
  const get = (url: string, more: Partial<OutboundRequest> = {}) => outbound.fetch({ url, purpose: 'test', trusted: true, ...more });
  return {
    logged,
    get,
    async reasonOf(url: string, more: Partial<OutboundRequest> = {}) {
      const outcome = await get(url, more).catch((error: unknown) => error);
      if (!(outcome instanceof OutboundError)) throw outcome instanceof Error ? outcome : new Error('it was not refused');
      return outcome.reason;
    },
  };
}

describe('an outbound request', () => {
  it('brings the answer whatever its status, without what is nobody else’s business', async () => {
    const server = await started(
      listenHttp((request, response) => {
        response.writeHead(request.url === '/missing' ? 404 : 200, {
          'content-type': 'application/json',
          'cache-control': 'max-age=60',
          'set-cookie': 'a=b',
          'x-internal': 'yes',
        });
        response.end(JSON.stringify(request.headers));
      }),
    );
    const { get } = client();
    const response = await get(`${server.url}/found`, {
      headers: { accept: 'application/json', cookie: 'c=d', host: 'evil.example', connection: 'upgrade' },
    });
    expect(response.status).toBe(200);
    expect([...response.headers.keys()].sort()).toEqual(['cache-control', 'content-type', 'date']);
    const { connection: _hop, ...sent } = (await response.json()) as Record<string, string>;
    expect(sent).toEqual({
      accept: 'application/json',
      'accept-encoding': 'identity',
      host: `127.0.0.1:${server.port}`,
      'user-agent': 'Latchkey',
    });
    expect((await get(`${server.url}/missing`)).status).toBe(404);
  });

  it('carries a form when it posts one', async () => {
    const server = await started(
      listenHttp(async (request, response) => {
        let body = '';
        for await (const chunk of request) body += chunk;
        response.end(`${request.method} ${request.headers['content-type']} ${body}`);
      }),
    );
    const response = await client().get(server.url, { method: 'POST', body: new URLSearchParams({ a: '1 2' }) });
    expect(await response.text()).toBe('POST application/x-www-form-urlencoded a=1+2');
  });

  it('asks for a name once and connects to the address that was checked, whatever the name says the next time', async () => {
    const server = await started(listenHttp((_request, response) => response.end('here')));
    const asked: string[] = [];
    const answers = [['127.0.0.1'], ['169.254.169.254']];
    const { get, reasonOf } = client({
      resolve: async (name) => {
        asked.push(name);
        return answers.shift() ?? [];
      },
    });
    const url = `http://rebinding.example.com:${server.port}/`;
    expect(await (await get(url)).text()).toBe('here');
    expect(asked).toEqual(['rebinding.example.com']);
    expect(await reasonOf(url)).toBe('address');
    expect(server.connections).toBe(1);
  });

  it('of a stranger never connects to this machine, by name or by address', async () => {
    const server = await started(listenHttps((_request, response) => response.end('{}')));
    const { reasonOf, logged } = client({ ca: certificate, resolve: async () => ['127.0.0.1'] });
    for (const host of ['127.0.0.1', 'localhost', 'keys.example.com', '[::ffff:127.0.0.1]', '2130706433']) {
      expect(await reasonOf(`https://${host}:${server.port}/`, { trusted: false }), host).toBe('address');
    }
    expect(server.connections).toBe(0);
    expect(logged[0]).toMatchObject({ purpose: 'test', trusted: false, reason: 'address', detail: expect.stringContaining('127.0.0.1') });
  });

  it('checks the certificate against the name, not against the address it was bound to', async () => {
    const server = await started(listenHttps((_request, response) => response.end('secret')));
    const resolve = async () => ['127.0.0.1'];
    const url = `https://keys.example.com:${server.port}/`;
    expect(await (await client({ ca: certificate, resolve }).get(url)).text()).toBe('secret');
    expect(await client({ resolve }).reasonOf(url)).toBe('connection');
    expect(await client({ ca: certificate, resolve }).reasonOf(`https://other.example.com:${server.port}/`)).toBe('connection');
    expect(server.requests).toBe(1);
  });

  it('follows no redirect', async () => {
    const inner = await started(listenHttp((_request, response) => response.end('inner')));
    for (const status of [301, 302, 303, 307, 308, 300, 304]) {
      const server = await started(listenHttp((_request, response) => response.writeHead(status, { location: inner.url }).end()));
      expect(await client().reasonOf(server.url), String(status)).toBe('redirect');
    }
    expect(inner.connections).toBe(0);
  });

  it('uses no proxy, whatever the environment names', async () => {
    const proxy = await started(listenHttp((_request, response) => response.end('proxied')));
    const server = await started(listenHttp((_request, response) => response.end('direct')));
    const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
    for (const name of names) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : proxy.url;
    try {
      expect(await (await client().get(server.url)).text()).toBe('direct');
      expect(proxy.connections).toBe(0);
    } finally {
      for (const name of names) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  });

  it('ends when its time is over, however slowly bytes drip in, and whatever they are part of', async () => {
    const drip = (head: string, drop: string) =>
      started(
        listenRaw((socket) => {
          socket.write(head);
          const timer = setInterval(() => socket.write(drop), 5);
          socket.on('close', () => clearInterval(timer));
        }),
      );
    const servers = await Promise.all([
      drip('HTTP/1.1 200 OK\r\nx: ', 'a'),
      drip('HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n', 'a'),
      drip('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\na\r\n'),
      drip('', 'HTTP/1.1 100 Continue\r\n\r\n'),
    ]);
    const { reasonOf } = client({ settings: { timeoutMs: 300 } });
    expect(await Promise.all(servers.map(({ url }) => reasonOf(url)))).toEqual(['timeout', 'timeout', 'timeout', 'timeout']);
    const silent = await started(listenRaw(() => {}));
    expect(await reasonOf(silent.url)).toBe('timeout');
    expect(await client({ settings: { timeoutMs: 300 }, resolve: () => new Promise(() => {}) }).reasonOf('https://slow.example.com/')).toBe(
      'timeout',
    );
  });

  it('ends when the caller gives up, and the connection with it', async () => {
    const server = await started(listenRaw(() => {}));
    const { reasonOf } = client();
    expect(await reasonOf(server.url, { signal: AbortSignal.timeout(50) })).toBe('timeout');
    expect(await reasonOf(server.url, { signal: AbortSignal.abort() })).toBe('timeout');
  });

  it('reads no more than it wants, told or not how much there is', async () => {
    const sizes = { settings: { maxBodyBytes: 1000 } };
    const exact = await started(listenHttp((_request, response) => response.end('a'.repeat(1000))));
    expect(await (await client(sizes).get(exact.url)).text()).toHaveLength(1000);
    const told = await started(listenHttp((_request, response) => response.writeHead(200, { 'content-length': '1001' }).write('a')));
    expect(await client(sizes).reasonOf(told.url)).toBe('too_large');
    let ended: Promise<unknown> | undefined;
    const endless = await started(
      listenHttp((_request, response) => {
        const more = () => {
          while (response.write('b'.repeat(500)));
        };
        response.on('drain', more);
        ended = once(response, 'close');
        more();
      }),
    );
    expect(await client(sizes).reasonOf(endless.url)).toBe('too_large');
    await ended;
  });

  it('unpacks nothing: a compressed answer is refused, however small it is', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    for (const encoding of ['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip', 'GZIP']) {
      const server = await started(listenHttp((_request, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bomb)));
      expect(await client().reasonOf(server.url), encoding).toBe('encoding');
    }
  });

  it.each([
    ['a header that is too large', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`],
    ['headers that are too many', `HTTP/1.1 200 OK\r\n${'x: aaaaaaaaaaaaaaaa\r\n'.repeat(2000)}\r\n`],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['both lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n'],
    ['less than it promised', 'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort'],
    ['a chunk that is none', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    ['nothing', ''],
  ])('refuses %s', async (_name, bytes) => {
    const server = await started(listenRaw((socket) => socket.once('data', () => socket.end(bytes))));
    expect(await client().reasonOf(server.url)).toBe('connection');
  });

  it('refuses an upgrade and a status that is none', async () => {
    for (const status of ['101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade', '999 Odd', '600 Odd']) {
      const server = await started(
        listenRaw((socket) => socket.once('data', () => socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`))),
      );
      expect(await client().reasonOf(server.url), status).toBe('response');
    }
  });

  it('tells whoever named the address the same for every reason', async () => {
    const server = await started(listenHttp((_request, response) => response.writeHead(302, { location: '/' }).end()));
    const { get } = client();
    const texts = await Promise.all(
      [server.url, 'https://10.0.0.1/', 'http://127.0.0.1:1/', 'https://user:hunter2@example.com/', 'nonsense'].map((url) =>
        get(url).then(
          () => 'answered',
          (error: OutboundError) => `${error.code} ${error.message}`,
        ),
      ),
    );
    expect(new Set(texts)).toEqual(new Set(['outbound.failed The address cannot be used, or did not give a proper answer.']));
  });

  it('logs no password that an address carries', async () => {
    const { reasonOf, logged } = client();
    expect(await reasonOf('https://user:hunter2@example.com/')).toBe('url');
    expect(JSON.stringify(logged)).not.toContain('hunter2');
  });

  it('is one of few: a host has its places, further ones wait, and past the queue they are refused', async () => {
    const waiting: (() => void)[] = [];
    const server = await started(listenHttp((_request, response) => void waiting.push(() => response.end('late'))));
    const other = await started(listenHttp((_request, response) => response.end('other')));
    const { get, reasonOf } = client({ settings: { perHost: 2, inAll: 3, waiting: 1 } });
    const calls = [get(server.url), get(server.url), get(server.url)];
    while (waiting.length < 2) await new Promise(setImmediate);
    expect(server.requests).toBe(2);
    expect(await reasonOf(server.url)).toBe('busy');
    expect(await (await get(other.url)).text()).toBe('other');
    // A stranger's requests have places of their own, so they can be refused for their address only.
    expect(await reasonOf(server.url, { trusted: false })).toBe('scheme');
    for (const answer of waiting.splice(0)) answer();
    while (waiting.length < 1) await new Promise(setImmediate);
    for (const answer of waiting.splice(0)) answer();
    expect(await Promise.all(calls.map(async (call) => (await call).text()))).toEqual(['late', 'late', 'late']);
  });

  it('that waits for a place gives up with its time', async () => {
    const server = await started(listenRaw(() => {}));
    const { get, reasonOf } = client({ settings: { perHost: 1, timeoutMs: 400 } });
    const first = get(server.url).catch((error: OutboundError) => error.reason);
    expect(await reasonOf(server.url, { signal: AbortSignal.timeout(100) })).toBe('timeout');
    expect(await first).toBe('timeout');
  });
});
