import http from 'node:http';
import net from 'node:net';
import { expect } from 'vitest';

/** An answer as it came over the wire. */
export type Answer = { status: number; headers: http.IncomingHttpHeaders; body: string };

export type RawRequest = {
  method?: string;
  /** the request target, sent as it is */
  path?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string | Buffer;
};

const TIMEOUT_MS = 10_000;

/** One request on a connection of its own; nothing is normalised, added (but Host) or followed. Rejects when no answer comes. */
export function send(server: { url: string }, { method = 'GET', path = '/', headers = {}, body }: RawRequest = {}): Promise<Answer> {
  const { port, host } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        ...{ host: 'localhost', port, method, path, setHost: false, agent: false, timeout: TIMEOUT_MS },
        headers: { host, ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }),
        );
        response.on('error', reject);
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer to ${method} ${path.slice(0, 100)} within ${TIMEOUT_MS} ms`)));
    request.on('error', reject);
    request.end(body);
  });
}

/** Bytes as they are, for what no HTTP client would send. Resolves with all that came back once the server closes. */
export function sendBytes(server: { url: string }, bytes: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(Number(new URL(server.url).port), 'localhost', () => socket.write(bytes));
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text }));
    socket.on('error', (error) => (text ? undefined : reject(error)));
  });
}

export const html = { accept: 'text/html' };
export const json = { accept: 'application/json' };
export const formType = { 'content-type': 'application/x-www-form-urlencoded' };

export const postForm = (
  server: { url: string },
  path: string,
  fields: Record<string, string> | string,
  headers: http.OutgoingHttpHeaders = {},
) =>
  send(server, {
    method: 'POST',
    path,
    headers: { ...formType, ...headers },
    body: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString(),
  });

/** The headers that keep any answer from being run, framed or taken for something else; and a sign-in page its own. */
export function expectHardened({ headers }: Answer, label = ''): void {
  const csp = String(headers['content-security-policy']);
  expect(csp, label).toContain("default-src 'none'");
  expect(csp, label).toContain("frame-ancestors 'none'");
  expect(csp, label).toContain("base-uri 'none'");
  expect(csp, label).not.toContain('unsafe-');
  expect(headers['x-content-type-options'], label).toBe('nosniff');
  expect(headers['x-frame-options'], label).toBe('DENY');
  expect(headers['x-powered-by'], label).toBeUndefined();
  if (isForPrograms(csp)) {
    expect(csp, label).toContain("form-action 'none'");
    if (headers['content-type'] !== undefined) expect(headers['content-type'], label).toMatch(/^application\/(jwk-set\+)?json/);
    return;
  }
  expect(csp, label).toMatch(/script-src 'self' 'nonce-[\w+/=]{20,}'/);
  expect(headers['referrer-policy'], label).toBe('same-origin');
  expect(headers['cross-origin-opener-policy'], label).toBe('same-origin');
  expect(headers['permissions-policy'], label).toContain('camera=()');
}

/** A policy that lets nothing load at all: for answers that no browser shows. */
const isForPrograms = (csp: string) => !csp.includes('script-src');

/** What a refusal may never hold: where the code is, and what it was made of. */
export function expectNoInternals({ body }: Answer, label = ''): void {
  expect(body, label).not.toMatch(/\n\s+at .+\(?.*:\d+:\d+|node_modules|\/src\/|\.ts:\d|\.js:\d+:\d+|SQLITE|Prisma|ECONN/);
}

/** A refusal as it must be: 4xx, sent nowhere, kept by nobody, and either a page with a way on or an error programs can read. */
export function expectRefused(answer: Answer, label = ''): void {
  const { status, headers, body } = answer;
  expect(status, `${label} ${body.slice(0, 300)}`).toBeGreaterThanOrEqual(400);
  expect(status, label).toBeLessThan(500);
  expect(headers.location, label).toBeUndefined();
  expect(headers['cache-control'], label).toContain('no-store');
  expectHardened(answer, label);
  expectNoInternals(answer, label);
  const type = String(headers['content-type']);
  if (type.startsWith('text/html')) {
    expect(body, label).toMatch(/<h1>[^<]+/);
    expect(body, label).toMatch(/<a class="button[^>]*href="|<button/);
    expect(body, label).toMatch(/<title>Error: /);
  } else {
    expect(type, label).toMatch(/^application\/(problem\+)?json/);
    const error = JSON.parse(body) as Record<string, unknown>;
    expect(error.error ?? error.code, label).toEqual(expect.any(String));
  }
}
