import type { KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { now } from '../clock.js';
import { hmacSha256, randomId, safeEqual } from '../crypto/index.js';

/** What a server saw of a request before it believed or changed anything. */
export type Seen = {
  /** who the server is */
  issuer: string;
  /** the server's clock, milliseconds */
  time: number;
  httpVersion: string;
  /** the other end of the connection */
  socketAddress: string;
  /** whether TRUST_PROXY names it */
  trusted: boolean;
  host: string;
  forwardedFor: string | null;
  forwardedProto: string | null;
  forwardedHost: string | null;
  /** what was made of it all */
  origin: string | null;
  clientAddress: string;
  admitted: boolean;
  /** headers named as those of a proxy (certificates), where the request came with one */
  proxyHeaders: Record<string, string>;
};

/**
 * Lets `latchkey doctor` ask a running server what it sees of a request that came all the way through the proxies. Who may ask is proven by a
 * MAC under a key in the database, good for once; nobody else can tell that there is anything.
 */
export type Echo = {
  /** Answers a request that carries a good challenge; says false to any other and leaves it alone. */
  answer(request: IncomingMessage, response: ServerResponse, seen: Omit<Seen, 'time'>): boolean;
};

export const ECHO_PATH = '/livez';
const CHALLENGE = 'latchkey-challenge';
const PROOF = 'latchkey-proof';
const PADDING = 'latchkey-padding';
/** Clocks may differ; that is among what is asked about. */
const VALID_MS = 600_000;
/** Only who knows the key can add to these. */
const MAX_REMEMBERED = 10_000;
const MAX_PADDING = 12_000;

/** The key is for this alone. @param pepper a secret that all processes of an installation share */
const macWith = (pepper: KeyObject) => (text: string) => hmacSha256(pepper, `doctor ${text}`);

/** For the one who asks. @param options.padding bytes of headers to send, and to be sent */
export function createChallenge(pepper: KeyObject, { padding = 0 }: { padding?: number } = {}) {
  const mac = macWith(pepper);
  const text = `${now()}.${randomId(16)}.${padding}`;
  return {
    headers: { [CHALLENGE]: `${text}.${mac(text)}`, ...(padding > 0 ? { [PADDING]: 'x'.repeat(padding) } : {}) },
    /** What the server saw; undefined unless a server with the same key answered this very challenge. */
    read({ headers, body }: { headers: NodeJS.Dict<string | string[]>; body: string }): Seen | undefined {
      const proof = headers[PROOF];
      if (typeof proof !== 'string' || !safeEqual(proof, mac(`${text} ${body}`))) return undefined;
      return JSON.parse(body) as Seen;
    },
  };
}

export function createEcho({ pepper }: { pepper: KeyObject }): Echo {
  const mac = macWith(pepper);
  const used = new Map<string, number>();

  function take(challenge: string | string[] | undefined): { text: string; padding: number } | undefined {
    if (typeof challenge !== 'string') return undefined;
    const [, text = '', at = '', padding = '', proof = ''] = /^((\d{1,15})\.[\w-]{22}\.(\d{1,5}))\.([\w-]{43})$/.exec(challenge) ?? [];
    if (text === '' || !safeEqual(proof, mac(text)) || Math.abs(now() - Number(at)) > VALID_MS || used.has(text)) return undefined;
    for (const [each, until] of used) if (until < now()) used.delete(each);
    if (used.size >= MAX_REMEMBERED) return undefined;
    used.set(text, now() + 2 * VALID_MS);
    return { text, padding: Math.min(Number(padding), MAX_PADDING) };
  }

  return {
    answer(request, response, seen) {
      const asked = take(request.headers[CHALLENGE]);
      if (!asked) return false;
      const body = JSON.stringify({ ...seen, time: now() } satisfies Seen);
      response.writeHead(200, {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        [PROOF]: mac(`${asked.text} ${body}`),
        ...(asked.padding > 0 ? { [PADDING]: 'x'.repeat(asked.padding) } : {}),
      });
      response.end(body);
      return true;
    },
  };
}
