import type { Logger } from '../log/index.js';
import { outgoingTraceParent } from '../trace/index.js';
import { compileAllowance } from './addresses.js';
import { OutboundError } from './errors.js';
import { exchange } from './exchange.js';
import { createResolve } from './names.js';
import { createSlots } from './slots.js';
import { chooseTarget, type Resolve } from './target.js';

export type OutboundRequest = {
  url: string | URL;
  /** what the request is for, in the log: `jwks_uri` */
  purpose: string;
  /** Whether the operator stands behind whoever named the address. Only then OUTBOUND_ALLOW counts; else the address must be a public one. */
  trusted: boolean;
  method?: 'GET' | 'POST' | undefined;
  headers?: ConstructorParameters<typeof Headers>[0] | undefined;
  body?: string | URLSearchParams | undefined;
  /** the caller's own end of patience; ours comes at the latest */
  signal?: AbortSignal | undefined;
};

export type Outbound = {
  /**
   * Makes one request: https, no redirects, no cookies, no proxy; the name resolved once and the connection bound to the addresses that were checked.
   * @returns an answer that is read already, whatever its status is from 200 to 599 (redirects excepted)
   * @throws OutboundError for everything else; it has been logged
   */
  fetch(request: OutboundRequest): Promise<Response>;
};

export type OutboundSettings = {
  /** from the resolution of the name to the last byte of the answer, milliseconds */
  timeoutMs: number;
  maxBodyBytes: number;
  /** requests under way at a time, for one host and in all; strangers and trusted clients each have their own */
  perHost: number;
  inAll: number;
  waiting: number;
};

const DEFAULTS: OutboundSettings = { timeoutMs: 5000, maxBodyBytes: 65_536, perHost: 4, inAll: 16, waiting: 100 };

export type OutboundDeps = {
  /** OUTBOUND_ALLOW: host names, `*.suffix`, addresses, networks */
  allow: readonly string[];
  /** Plain http to this machine for trusted clients, where it is allowed. */
  development: boolean;
  log: Pick<Logger, 'warn'>;
  settings?: Partial<OutboundSettings>;
  resolve?: Resolve;
  /** certificate authority (PEM) in place of the system's */
  ca?: string;
};

/** What a request must not say: what belongs to the connection, and what would carry somebody's session. */
const STRIPPED_HEADERS = [
  'connection',
  'content-length',
  'cookie',
  'expect',
  'host',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
];

export function createOutbound({ allow, development, log, settings, resolve = createResolve(), ca }: OutboundDeps): Outbound {
  const { timeoutMs, maxBodyBytes, ...limits } = { ...DEFAULTS, ...settings };
  const policy = { allowance: compileAllowance(allow), plainLoopback: development, resolve };
  // Of their own, so that strangers who keep their hosts slow take no place from the operator's clients.
  const [trustedSlots, strangerSlots] = [createSlots(limits), createSlots(limits)];

  async function send({ url, trusted, method = 'GET', headers, body }: OutboundRequest, signal: AbortSignal): Promise<Response> {
    const slots = trusted ? trustedSlots : strangerSlots;
    const release = await slots.take(URL.canParse(String(url)) ? new URL(String(url)).host : '', signal);
    try {
      const target = await chooseTarget(url, { trusted, policy });
      if (signal.aborted) throw new OutboundError('aborted', `${target.url.host}: given up`);
      const content = body === undefined ? undefined : Buffer.from(String(body));
      return await exchange({ target, method, headers: requestHeaders(headers, body), body: content, signal, maxBodyBytes, ca });
    } finally {
      release();
    }
  }

  return {
    async fetch(request) {
      const { purpose, trusted, signal: callers } = request;
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), timeoutMs);
      const signal = callers ? AbortSignal.any([deadline.signal, callers]) : deadline.signal;
      try {
        return await Promise.race([send(request, signal), givenUp(signal)]);
      } catch (cause) {
        const error = nameOf(cause, { late: deadline.signal.aborted, aborted: callers?.aborted ?? false, timeoutMs });
        log.warn({ purpose, trusted, reason: error.reason, detail: error.explanation }, 'an outbound request came to nothing');
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** Resolving a name cannot be called off, but nobody has to wait for it. */
const givenUp = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    const stop = () => reject(new OutboundError('aborted', 'given up'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

function nameOf(cause: unknown, { late, aborted, timeoutMs }: { late: boolean; aborted: boolean; timeoutMs: number }): OutboundError {
  if (late) return new OutboundError('timeout', `no whole answer within ${timeoutMs} ms`, cause);
  if (aborted) return new OutboundError('timeout', 'the caller did not wait any longer', cause);
  return cause instanceof OutboundError ? cause : new OutboundError('connection', 'failed', cause);
}

function requestHeaders(given: OutboundRequest['headers'], body: OutboundRequest['body']): Headers {
  const headers = new Headers(given);
  for (const name of STRIPPED_HEADERS) headers.delete(name);
  headers.set('user-agent', 'Latchkey');
  const traceParent = outgoingTraceParent();
  if (traceParent) headers.set('traceparent', traceParent);
  // A compressed answer would have to be unpacked to be measured.
  headers.set('accept-encoding', 'identity');
  if (body instanceof URLSearchParams && !headers.has('content-type')) headers.set('content-type', 'application/x-www-form-urlencoded');
  return headers;
}
