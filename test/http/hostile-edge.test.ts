import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DISCOVERY, EVERY_PATH } from '../support/every-path.js';
import { expectHardened, expectNoInternals, expectRefused, html, json, postForm, send, sendBytes } from '../support/raw-http.js';
import { startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
let host: string;
beforeAll(async () => {
  server = await startDeclaredServer();
  host = new URL(server.url).host;
});
afterAll(() => server?.close());

describe('a request under another name than the issuer', () => {
  test.each<[string, Record<string, string>]>([
    ['another host', { host: 'evil.example.com' }],
    ['another port', { host: 'localhost:1' }],
    ['no host', { host: '' }],
    ['a host with a path', { host: 'localhost/evil' }],
    ['a host with a user', { host: 'user@localhost' }],
    ['a host with a script', { host: '"><script>alert(1)</script>' }],
  ])('%s: no page, and a POST is refused', async (_what, headers) => {
    const get = await send(server, { path: DISCOVERY, headers });
    expect([302, 400, 421]).toContain(get.status);
    if (get.headers.location) expect(get.headers.location).toBe(server.url + DISCOVERY);
    expect(get.body).not.toMatch(/evil|<script/);
    const post = await postForm(server, '/token', { grant_type: 'client_credentials' }, headers);
    expect([400, 421]).toContain(post.status);
  });

  test('what a stranger says about proxies is not believed', async () => {
    const forged = {
      'x-forwarded-host': 'evil.example.com',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '444',
      'x-forwarded-for': '203.0.113.9',
      forwarded: 'host=evil.example.com;proto=https',
      'x-original-host': 'evil.example.com',
      'x-original-url': '/evil',
      'x-rewrite-url': '/evil',
    };
    const answer = await send(server, { path: DISCOVERY, headers: forged });
    expect(answer.status).toBe(200);
    expect(answer.body).not.toContain('evil');
    expect(JSON.parse(answer.body).issuer).toBe(server.url);
    expect((await send(server, { path: '/', headers: { ...html, ...forged } })).body).not.toContain('evil');
  });

  test('a target in absolute form, or in a form of no browser, is refused', async () => {
    for (const path of [`http://evil.example.com${DISCOVERY}`, `${server.url}${DISCOVERY}`, '*', 'evil']) {
      const answer = await send(server, { path });
      expect([400, 421], path).toContain(answer.status);
      expect(answer.body).not.toContain('evil.example.com');
    }
  });

  test.each([
    '//evil.example.com',
    '//evil.example.com/%2f..',
    '/\\evil.example.com',
    '/%5cevil.example.com',
    '/%2f%2fevil.example.com',
    '/.//evil.example.com',
    '///evil.example.com',
  ])('the path %s leads to no other site', async (path) => {
    for (const headers of [{}, { host: 'other.example.com' }]) {
      const answer = await send(server, { path, headers: { ...html, ...headers } });
      const { location } = answer.headers;
      if (location) expect(new URL(location, server.url).origin).toBe(server.url);
      expect(answer.status).toBeLessThan(500);
    }
  });
});

describe('every path under every method', () => {
  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    '%s is answered below 500, hardened, without internals',
    async (method) => {
      for (const path of EVERY_PATH) {
        for (const accept of [html, json]) {
          const label = `${method} ${path} ${accept.accept}`;
          const answer = await send(server, { method, path, headers: accept });
          expect(answer.status, label).toBeLessThan(500);
          expectHardened(answer, label);
          expectNoInternals(answer, label);
          expect(answer.headers['strict-transport-security'], label).toBeUndefined();
          if (method === 'HEAD') expect(answer.body, label).toBe('');
          // What is refused says so in a form that its asker can read.
          if (answer.status >= 400 && !['HEAD', 'OPTIONS'].includes(method)) expectRefused(answer, label);
          if (!['GET', 'HEAD'].includes(method)) expect(answer.status, label).not.toBe(200 + (method === 'OPTIONS' ? 1 : 0));
        }
      }
    },
  );

  test('TRACE and CONNECT are not spoken', async () => {
    expect((await send(server, { method: 'TRACE', path: '/' })).status).toBeGreaterThanOrEqual(400);
    const { status } = await sendBytes(server, `CONNECT evil.example.com:443 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect([0, 400, 405, 421]).toContain(status);
  });

  test('a page is never kept by a cache', async () => {
    for (const path of ['/', '/register', '/forgot', '/account', '/nowhere', '/logout']) {
      const answer = await send(server, { path, headers: html });
      expect(answer.headers['cache-control'], path).toContain('no-store');
    }
  });
});

describe('odd targets', () => {
  const targets = [
    '/assets/../package.json',
    '/assets/..%2f..%2fpackage.json',
    '/assets/%2e%2e/%2e%2e/etc/passwd',
    '/assets/....//....//etc/passwd',
    '/assets/%00.css',
    '/assets/style.css%00.png',
    '/assets/',
    '/assets',
    '/assets/\\..\\..\\windows',
    '/static/../src/main.ts',
    '/.env',
    '/.git/config',
    '/data/latchkey.db',
    '/keys/key-encryption-key',
    '/%E0%A4%A',
    '/%',
    '/%c0%ae%c0%ae/',
    `/${'%25'.repeat(200)}2e`,
    `/${'a/'.repeat(2000)}`,
    `/interaction/${'a/'.repeat(500)}`,
    '/interaction//login',
    '/interaction/__proto__',
    '/account/../dev/mailbox/..',
    '/dev/mailbox/..%2f..%2f..%2fetc%2fpasswd',
    '/dev/mailbox/__proto__',
    '/?%00',
    '/;/',
    '/%0d%0aset-cookie:x=1',
  ].map((target) => [target.length > 60 ? `${target.slice(0, 20)}... of ${target.length} characters` : target, target] as const);
  test.each(targets)('%s is refused with a page', async (_shown, path) => {
    const answer = await send(server, { path, headers: html });
    if (path === '/?%00') expect(answer.status).toBe(200);
    else expectRefused(answer, path);
    expect(String(answer.headers['set-cookie'])).not.toContain('x=1');
    expect(answer.body).not.toMatch(/root:|"dependencies"|\[core\]/);
  });

  test('asset names that exist are served whole, and kept for a year', async () => {
    const page = await send(server, { path: '/', headers: html });
    const assets = [...new Set([...page.body.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path]) => String(path)))];
    expect(assets.length).toBeGreaterThanOrEqual(3);
    for (const path of assets) {
      const asset = await send(server, { path });
      expect([asset.status, asset.headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
      expect((await send(server, { path, headers: { 'if-none-match': String(asset.headers.etag) } })).status).toBe(304);
      expect((await send(server, { path: path.toUpperCase() })).status).toBe(404);
    }
  });
});

describe('bytes that no client sends', () => {
  const ask = (lines: string[], body = '') => sendBytes(server, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n${body}`);

  test.each<[string, string[]]>([
    ['a NUL in the target', ['GET /\0 HTTP/1.1', 'Host: HOST']],
    ['a header without a name', ['GET / HTTP/1.1', 'Host: HOST', ': x']],
    ['a line break in a header', ['GET / HTTP/1.1', 'Host: HOST\rX: y']],
    ['two hosts', ['GET / HTTP/1.1', 'Host: HOST', 'Host: evil.example.com']],
    ['two lengths', ['POST /token HTTP/1.1', 'Host: HOST', 'Content-Length: 5', 'Content-Length: 6']],
    ['a length and chunks', ['POST /token HTTP/1.1', 'Host: HOST', 'Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['a length that is none', ['POST /token HTTP/1.1', 'Host: HOST', 'Content-Length: -1']],
    ['a header of 20 KB', ['GET / HTTP/1.1', 'Host: HOST', `X: ${'x'.repeat(20_000)}`]],
    ['a target of 20 KB', [`GET /${'x'.repeat(20_000)} HTTP/1.1`, 'Host: HOST']],
    ['a cookie of 20 KB', ['GET / HTTP/1.1', 'Host: HOST', `Cookie: session=${'x'.repeat(20_000)}`]],
    ['no protocol', ['GET /']],
    ['another protocol', ['\x16\x03\x01\x02\x00']],
  ])('%s is refused', async (_what, lines) => {
    const { status, text } = await ask(lines.map((line) => line.replace('HOST', host)));
    expect([302, 400, 413, 421, 431]).toContain(status);
    // The only thing a development server says beside no: where it is.
    if (status === 302) expect(text).toContain(`location: ${server.url}/`);
  });

  test.each(['/register', '/token', '/authorize', '/password/strength'])(
    'a body for %s that breaks off harms nobody else',
    async (path) => {
      const type = path === '/password/strength' ? 'application/json' : 'application/x-www-form-urlencoded';
      const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${type}\r\n`;
      await new Promise<void>((resolve) => {
        const socket = net.connect(Number(new URL(server.url).port), 'localhost', () =>
          socket.write(`${head}Content-Length: 1000\r\n\r\ntoken=`, () => socket.destroy()),
        );
        socket.on('close', () => resolve());
      });
      const broken = await sendBytes(server, `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nZZ\r\n`);
      expect(broken.status).toBe(400);
      expect((await send(server, { path: '/readyz' })).status).toBe(200);
    },
  );

  test('cookies of any kind are nobody, and none breaks a page', async () => {
    const cookies = [
      ...[
        'session=x',
        'session=; session=y',
        'session=%00',
        'session=%E0%A4%A',
        `session=${'x'.repeat(7000)}`,
        '=',
        ';;;;',
        'csrf',
        '__proto__=x',
      ],
      ...[
        'session="quoted"',
        'session=x; session.sig=y',
        `csrf=${'x'.repeat(5000)}`,
        'device=x; device.sig=z',
        '\u00ff=\u00fe',
        'constructor=x; toString=y',
      ],
      Array.from({ length: 500 }, (_, i) => `c${i}=1`).join('; '),
    ];
    for (const cookie of cookies) {
      for (const path of ['/', '/account', '/register', '/interaction/abc']) {
        const answer = await send(server, { path, headers: { ...html, cookie: Buffer.from(cookie).toString('latin1') } });
        expect(answer.status, `${path} ${cookie.slice(0, 40)}`).toBeLessThan(500);
        expectNoInternals(answer);
      }
    }
  });

  test('odd headers do no harm', async () => {
    const odd: Record<string, string>[] = [
      { accept: 'x'.repeat(5000) },
      { accept: '*/*;q=nonsense, ;;' },
      { 'accept-language': '__proto__, xx-YY-zz;q=9, <script>' },
      { 'accept-language': 'x'.repeat(4000) },
      { range: 'bytes=0-1,5-' },
      { 'if-modified-since': 'never', 'if-none-match': '"' },
      { 'content-type': ';;;=' },
      { expect: '100-continue' },
      { 'user-agent': '\u00ff'.repeat(3000) },
    ];
    for (const headers of odd) {
      const answer = await send(server, { path: '/register', headers: { ...html, ...headers } });
      expect(answer.status).toBeLessThan(500);
      expect(answer.body).not.toContain('<script>');
    }
  });
});
