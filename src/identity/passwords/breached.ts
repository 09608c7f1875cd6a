import { createHash } from 'node:crypto';
import { now } from '../../platform/clock.js';
import { createOutbound, OutboundError } from '../../platform/outbound/index.js';

/** How often a password was seen in leaks of other services. */
export type BreachedPasswords = {
  /** 0: never, as far as is known. Never throws and never takes long: whoever cannot be asked knows of nothing. */
  count(password: string): Promise<number>;
};

export type BreachedPasswordsDeps = {
  /** base URL of a range query: `url` and the first five hex digits of a SHA-1 */
  url: string;
  /** OUTBOUND_ALLOW: private addresses that may be asked */
  allow: readonly string[];
  /** whether this machine may be asked over plain http */
  development: boolean;
  log: { warn(fields: object, message: string): void };
  /** milliseconds that a person waits for the answer at most */
  timeoutMs?: number;
};

const TIMEOUT_MS = 1500;
/** A range has about a thousand suffixes of some 40 bytes each. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** Requests at a time, and waiting: past them passwords are accepted unasked. */
const CONCURRENCY = { perHost: 8, inAll: 8, waiting: 64 };
const PREFIX_CHARS = 5;
/** A service that is down is told of once in this time, not with every registration. */
const WARNING_INTERVAL_MS = 5 * 60 * 1000;

/**
 * Asks a service by k-anonymity: it learns the first five of the forty hex digits of the password's SHA-1, a prefix that hundreds of leaked
 * passwords share, and answers with all of their suffixes (the Pwned Passwords range API; padded, so that the answer's length tells nothing).
 * No answer counts as "not leaked": a service that is down must not keep people from registering.
 */
export function createBreachedPasswords({
  url,
  allow,
  development,
  log,
  timeoutMs = TIMEOUT_MS,
}: BreachedPasswordsDeps): BreachedPasswords {
  const base = url.endsWith('/') ? url : `${url}/`;
  const outbound = createOutbound({
    allow,
    development,
    // Told below, and not each time.
    log: { warn: () => undefined },
    settings: { timeoutMs, maxBodyBytes: MAX_ANSWER_BYTES, ...CONCURRENCY },
  });
  let warnedAt = Number.NEGATIVE_INFINITY;
  return {
    async count(password) {
      const digest = createHash('sha1').update(password).digest('hex').toUpperCase();
      try {
        const answer = await outbound.fetch({
          url: base + digest.slice(0, PREFIX_CHARS),
          purpose: 'breached_passwords',
          trusted: true,
          headers: { 'add-padding': 'true', accept: 'text/plain' },
        });
        if (answer.status !== 200) throw new Error(`status ${answer.status}`);
        return findCount(await answer.text(), digest.slice(PREFIX_CHARS));
      } catch (error) {
        if (now() - warnedAt >= WARNING_INTERVAL_MS) {
          warnedAt = now();
          log.warn({ reason: describe(error) }, 'leaked passwords cannot be looked up; new passwords are accepted without it');
        }
        return 0;
      }
    },
  };
}

/** What went wrong, without the address that was asked: it ends with part of the digest. */
const describe = (error: unknown): string => (error instanceof OutboundError ? error.reason : (error as Error).message);

/** Lines of `SUFFIX:COUNT`; those that only pad the answer count 0. */
function findCount(text: string, suffix: string): number {
  for (const line of text.split('\n')) {
    const [, found, count] = /^([0-9A-F]{35}):(\d{1,12})\r?$/i.exec(line) ?? [];
    if (found?.toUpperCase() === suffix) return Number(count);
  }
  return 0;
}
