import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';

const TIMEOUT_MS = 5000;
const MAX_BODY_CHARS = 200_000;

/** `told` says in words what came of it; without a `status` nothing came. */
export type Answer = { status?: number; headers: IncomingHttpHeaders; body: string; told: string };

/**
 * One request as somebody outside would make it, no redirect followed. Not fetch(), which would not let us say another Host, and adds headers
 * of its own.
 */
export function ask(
  address: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const url = new URL(address);
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    const { request } = url.protocol === 'https:' ? https : http;
    const nothing = (told: string) => resolve({ headers: {}, body: '', told });
    const asked = request(
      url,
      // Each on a connection of its own: a proxy that was set anew since would not be asked otherwise.
      { method, headers: { connection: 'close', ...headers }, timeout: TIMEOUT_MS, ...(isIP(hostname) ? {} : { servername: hostname }) },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          if (body.length < MAX_BODY_CHARS) body += text;
        });
        response.once('error', () => nothing('breaks off'));
        response.once('end', () =>
          resolve({
            ...(response.statusCode === undefined ? {} : { status: response.statusCode }),
            headers: response.headers,
            body: body.slice(0, MAX_BODY_CHARS),
            told: `answers ${response.statusCode}`,
          }),
        );
      },
    );
    asked.once('timeout', () => {
      asked.destroy();
      nothing(`does not answer within ${TIMEOUT_MS / 1000} s`);
    });
    asked.once('error', ({ code, name }: NodeJS.ErrnoException) => nothing(`cannot be reached (${code ?? name})`));
    asked.end();
  });
}

/** A JSON object, or nothing. */
export function readObject(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
