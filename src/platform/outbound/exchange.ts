import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIPv6, type LookupFunction } from 'node:net';
import { OutboundError } from './errors.js';
import type { Target } from './target.js';

export type Exchange = {
  target: Target;
  method: string;
  headers: Headers;
  body: Buffer | undefined;
  signal: AbortSignal;
  maxBodyBytes: number;
  /** certificate authorities beside the system's */
  ca?: string | undefined;
};

const MAX_HEADER_BYTES = 16_384;

/** What is handed on. Cookies, hints about connections and whatever else somebody sends end here. */
const KEPT_HEADERS = ['content-type', 'cache-control', 'expires', 'date', 'age', 'etag', 'last-modified', 'retry-after'];

/** Connections are not kept: the next request is checked anew. Made here, so that no proxy setting of the process applies. */
const agents = { 'https:': new https.Agent({ keepAlive: false }), 'http:': new http.Agent({ keepAlive: false }) };

/**
 * Sends one request to one of the checked addresses and reads the whole answer. Nothing is followed.
 * @throws OutboundError `connection`, `redirect`, `response`, `encoding`, `too_large`; whatever happens after `signal` is the caller's to name
 */
export function exchange(options: Exchange): Promise<Response> {
  const { target, method, headers, body, signal, ca } = options;
  const { url } = target;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(error instanceof OutboundError ? error : new OutboundError('connection', `${url.host}: ${describe(error)}`, error));
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method,
      headers: Object.fromEntries(headers),
      agent: agents[url.protocol as keyof typeof agents],
      lookup: only(target.addresses),
      signal,
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
      ...(ca === undefined ? {} : { ca }),
    });
    request.on('error', fail);
    // Without a listener an answer of 101 would leave the connection to nobody.
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      fail(new OutboundError('response', `${url.host}: answered with another protocol`));
    });
    request.on('response', (response) => {
      read(response, options).then(resolve, (error: unknown) => {
        fail(error);
        request.destroy();
      });
    });
    request.end(body);
  });
}

const describe = (error: unknown) => (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : 'failed');

/** A resolver that knows the checked addresses and nothing else. */
function only(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  const [first] = found;
  return (_hostname, { all }, callback) => {
    if (all) callback(null, found);
    else callback(null, first?.address ?? '', first?.family ?? 4);
  };
}

async function read(response: IncomingMessage, { target: { url }, maxBodyBytes }: Exchange): Promise<Response> {
  const { statusCode: status = 0, headers } = response;
  if (status >= 300 && status < 400) throw new OutboundError('redirect', `${url.host}: answered ${status}, and redirects are not followed`);
  if (status < 200 || status > 599) throw new OutboundError('response', `${url.host}: answered with the status ${status}`);
  const encoding = headers['content-encoding'] ?? 'identity';
  // Asked for as it is; what is packed may unpack to anything.
  if (encoding.toLowerCase() !== 'identity')
    throw new OutboundError('encoding', `${url.host}: the answer is compressed (${encoding.slice(0, 40)})`);
  const tooLarge = () => new OutboundError('too_large', `${url.host}: the answer is larger than ${maxBodyBytes} bytes`);
  if (Number(headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  const kept = KEPT_HEADERS.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value] as [string, string]] : [];
  });
  const empty = status === 204 || status === 205;
  return new Response(empty ? null : Buffer.concat(chunks), { status, headers: kept });
}
