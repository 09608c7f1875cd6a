import type { AdapterPayload } from 'oidc-provider';
import { SealError, type Sealer } from '../../platform/crypto/index.js';

/** Puts payloads to rest and wakes them. `place` names kind and row; a payload opens in no other. */
export type PayloadCodec = {
  seal(place: string, payload: AdapterPayload): string;
  /** Undefined for what does not open: altered, moved from another row, or sealed under another key. It then counts as not there. */
  open(place: string, sealed: string): AdapterPayload | undefined;
};

/** @param onUnreadable hears of each payload that did not open; the place holds a hash or an id that is no bearer value */
export function createPayloadCodec(sealer: Sealer, onUnreadable?: (place: string) => void): PayloadCodec {
  return {
    seal: (place, payload) => sealer.seal(JSON.stringify(payload), place),
    open(place, sealed) {
      try {
        return JSON.parse(sealer.open(sealed, place)) as AdapterPayload;
      } catch (error) {
        if (!(error instanceof SealError)) throw error;
        onUnreadable?.(place);
        return undefined;
      }
    },
  };
}

export const places = {
  artifact: (kind: string, idHash: string) => `artifact:${kind}:${idHash}`,
  /** what a used refresh token was exchanged for */
  successor: (usedIdHash: string) => `refresh_successor:${usedIdHash}`,
  grant: (id: string) => `grant:${id}`,
  session: (uid: string) => `session:${uid}`,
};

/** Longest id that a column holds in clear; ours have 43 characters at most, a client id may be a URL. */
const MAX_KEY_LENGTH = 2048;

/**
 * True for text that can be asked for. PostgreSQL refuses NUL in text with an error, SQLite would look for it: on both, such an id is simply
 * one that does not exist.
 */
export function isKey(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_KEY_LENGTH && !value.includes('\0');
}

/** The value for a searched column: null for what is missing or cannot be stored. */
export function toColumn(value: unknown): string | null {
  return isKey(value) ? value : null;
}

/** When a payload expires: `exp` is what the library judges by, seconds since the epoch. */
export function expiryOf(payload: AdapterPayload, expiresInSeconds: number | undefined, nowSeconds: number): Date | null {
  if (typeof payload.exp === 'number') return new Date(payload.exp * 1000);
  if (typeof expiresInSeconds === 'number') return new Date((nowSeconds + expiresInSeconds) * 1000);
  return null;
}
