import { LRUCache } from 'lru-cache';
import { now } from '../clock.js';
import type { Logger } from '../log/index.js';

/** A browser's page that was refused because of where it comes from. */
export type RefusedOrigin = {
  origin: string;
  path: string;
  /** A preflight carries none: it is known only where the request itself was refused. */
  clientId?: string | undefined;
};

export type RefusedOrigins = { note(refused: RefusedOrigin): void };

const REMEMBERED = 500;
const AGAIN_MS = 3_600_000;
const MAX_PER_MINUTE = 30;
const MAX_ORIGIN_CHARS = 200;

/**
 * Explains to the operator what a browser tells nobody: its console says "CORS", and the application sees a network error. Once an hour for each
 * origin, client and path, and so many a minute at all, since anybody can send any origin. Nothing of the request but these is written.
 */
export function createRefusedOrigins({ log }: { log: Pick<Logger, 'warn'> }): RefusedOrigins {
  const told = new LRUCache<string, true>({ max: REMEMBERED, ttl: AGAIN_MS, perf: { now } });
  let minute = { since: 0, count: 0 };
  return {
    note({ origin, path, clientId }) {
      const key = JSON.stringify([origin.slice(0, MAX_ORIGIN_CHARS), path, clientId]);
      if (told.has(key)) return;
      if (now() - minute.since >= 60_000) minute = { since: now(), count: 0 };
      if (++minute.count > MAX_PER_MINUTE) return;
      told.set(key, true);
      log.warn(
        {
          reason: 'cors.origin_refused',
          origin: origin.slice(0, MAX_ORIGIN_CHARS),
          path,
          ...(clientId === undefined ? {} : { client_id: clientId }),
        },
        clientId === undefined
          ? 'a page of this origin may not call the API: it is none of FIRST_PARTY_ORIGINS, nor of a first-party client'
          : 'a page of this origin may not use this client: it is not the origin of one of its redirect URIs, nor in its allowed_cors_origins',
      );
    },
  };
}
