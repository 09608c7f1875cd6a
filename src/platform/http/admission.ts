import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import proxyAddr from 'proxy-addr';
import type { Echo } from './echo.js';
import { pathOf } from './request-path.js';

export type TrustProxy = { hops: number } | { addresses: readonly string[] } | undefined;

/** Lets a request in, or answers it. Returns false when it has been answered. */
export type Admission = (request: IncomingMessage, response: ServerResponse) => boolean;

const PROBES = new Set(['/livez', '/readyz', '/health']);

/**
 * Only requests whose origin is the issuer's get in: otherwise a forged Host would appear in discovery, in links and in mails (RFC 9700, 4.10).
 * What a proxy says is believed from trusted addresses only; whatever was not believed is taken off the request, so nothing behind this
 * point has to ask again who may be trusted.
 * @param options.proxyHeaders further headers, in lower case, that only a trusted proxy may send
 * @param options.echo answers who proves that they may ask what is seen here, before anything is believed or taken off
 * @param options.redirect in development another origin is redirected to the right one, since people type 127.0.0.1
 */
export function createAdmission({
  issuerUrl,
  trustProxy,
  proxyHeaders = [],
  redirect,
  echo,
}: {
  issuerUrl: string;
  trustProxy: TrustProxy;
  proxyHeaders?: readonly string[];
  redirect: boolean;
  echo?: Echo;
}): Admission {
  const { origin: ours, protocol, host: ourHost } = new URL(issuerUrl);
  const scheme = protocol.slice(0, -1);
  const trust = compileTrust(trustProxy);
  const originOf = rememberingLast(readOrigin);
  return (request, response) => {
    const trusted = trust(request.socket.remoteAddress ?? '', 0);
    const proto = (trusted && lastOf(request.headers['x-forwarded-proto'])) || 'http';
    const host = (trusted && lastOf(request.headers['x-forwarded-host'])) || request.headers.host || '';
    const address = trust === trustNobody ? (request.socket.remoteAddress ?? '') : proxyAddr(request, trust);
    const origin = originOf(proto, host);
    if (echo && request.headers['latchkey-challenge'] !== undefined) {
      const read = { trusted, origin: origin ?? null, clientAddress: plainAddress(address), admitted: origin === ours };
      if (echo.answer(request, response, { issuer: ours, ...read, ...sentWith(request, proxyHeaders) })) return false;
    }
    request.headers['x-forwarded-for'] = plainAddress(address);
    request.headers['x-forwarded-proto'] = scheme;
    request.headers['x-forwarded-host'] = ourHost;
    delete request.headers.forwarded;
    if (!trusted) for (const name of proxyHeaders) delete request.headers[name];
    const path = request.url ?? '/';
    // RFC 9112, 3.2: which of two hosts is meant, a proxy and we might read differently.
    if (countHosts(request.rawHeaders) > 1) return refuse(response, 400, 'The request names more than one host.');
    // A target in absolute form (`GET http://other/ HTTP/1.1`) is for proxies, and this is none.
    if (!path.startsWith('/')) return refuse(response, 400, 'The request target must be a path.');
    if (origin === ours || PROBES.has(pathOf(request))) return true;
    if (redirect && (request.method === 'GET' || request.method === 'HEAD')) {
      // Put together, not resolved: `//elsewhere` and `/\\elsewhere` would resolve to another site.
      response.writeHead(302, { location: ours + path, 'cache-control': 'no-store' }).end();
      return false;
    }
    return refuse(response, 421, `This server answers as ${ours} only. Behind a proxy, pass the host and scheme on and set TRUST_PROXY.`);
  };
}

const trustNobody = () => false;

function compileTrust(trustProxy: TrustProxy): (address: string, hop: number) => boolean {
  if (!trustProxy) return trustNobody;
  if ('hops' in trustProxy) return (_address, hop) => hop < trustProxy.hops;
  const isTrusted = proxyAddr.compile([...trustProxy.addresses]);
  // Where they are given by their addresses, the answer is the same for each hop; proxies are few, so few are asked for again and again.
  const answers = new LRUCache<string, boolean>({ max: 1000 });
  return (address) => {
    const known = answers.get(address);
    if (known !== undefined) return known;
    const answer = isTrusted(address, 0);
    answers.set(address, answer);
    return answer;
  };
}

/** The entry that the nearest proxy wrote: earlier ones may be the browser's invention. */
function lastOf(header: string | string[] | undefined): string {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  return text.split(',').at(-1)?.trim() ?? '';
}

const textOf = (header: string | string[] | undefined): string | null => (Array.isArray(header) ? header.join(', ') : (header ?? null));

/** Nearly all requests say what the one before said, and reading a URL costs more than comparing two texts. */
function rememberingLast<Answer>(read: (proto: string, host: string) => Answer): (proto: string, host: string) => Answer {
  let last: { proto: string; host: string; answer: Answer } | undefined;
  return (proto, host) => {
    if (last?.proto !== proto || last.host !== host) last = { proto, host, answer: read(proto, host) };
    return last.answer;
  };
}

function readOrigin(proto: string, host: string): string | undefined {
  // URL forgives user names, paths and white space in a host; a Host header has none of them.
  if (!/^[a-zA-Z0-9.\-_[\]:]+$/.test(host)) return undefined;
  return URL.canParse(`${proto}://${host}`) ? new URL(`${proto}://${host}`).origin : undefined;
}

/** What came with a request, for whoever may see it. */
const sentWith = ({ httpVersion, socket, headers }: IncomingMessage, proxyHeaders: readonly string[]) => ({
  httpVersion,
  socketAddress: plainAddress(socket.remoteAddress ?? ''),
  host: headers.host ?? '',
  forwardedFor: textOf(headers['x-forwarded-for']),
  forwardedProto: textOf(headers['x-forwarded-proto']),
  forwardedHost: textOf(headers['x-forwarded-host']),
  proxyHeaders: Object.fromEntries(
    proxyHeaders.flatMap((name) => (headers[name] === undefined ? [] : [[name, (textOf(headers[name]) ?? '').slice(0, 200)]])),
  ),
});

/** @param rawHeaders names and values by turns */
function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts;
}

/** `::ffff:192.0.2.1` is how a dual-stack socket writes an IPv4 address. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

function refuse(response: ServerResponse, status: number, text: string): false {
  response
    .writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    .end(`${text}\n`);
  return false;
}
