import { LRUCache } from 'lru-cache';
import type { AdapterPayload } from 'oidc-provider';
import { SealError, type Sealer } from '../../platform/crypto/index.js';

/** Puts payloads to rest and wakes them. `place` names kind and row; a payload opens in no other. */
export type PayloadCodec = {
  seal(place: string, payload: AdapterPayload): string;
  /** Undefined for what does not open: altered, moved from another row, or sealed under another key. It then counts as not there. */
  open(place: string, sealed: string): AdapterPayload | undefined;
  /** As `open`, for what is read again and again: deciphered once, as long as it is the same, character by character. */
  reopen(place: string, sealed: string): AdapterPayload | undefined;
};

/** What is kept of texts that were opened, in all. It is in the memory of the process, as the key is that opens them. */
const MAX_REMEMBERED = 2000;
const MAX_REMEMBERED_CHARS = 4_000_000;

/** @param onUnreadable hears of each payload that did not open; the place holds a hash or an id that is no bearer value */
export function createPayloadCodec(sealer: Sealer, onUnreadable?: (place: string) => void): PayloadCodec {
  const remembered = new LRUCache<string, { sealed: string; text: string }>({
    max: MAX_REMEMBERED,
    maxSize: MAX_REMEMBERED_CHARS,
    sizeCalculation: ({ sealed, text }) => sealed.length + text.length,
  });

  function recall(sealed: string, place: string): string {
    const known = remembered.get(place);
    if (known?.sealed === sealed) return known.text;
    const text = sealer.open(sealed, place);
    remembered.set(place, { sealed, text });
    return text;
  }

  const reading = (textOf: Sealer['open']) => (place: string, sealed: string) => {
    try {
      return JSON.parse(textOf(sealed, place)) as AdapterPayload;
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      onUnreadable?.(place);
      return undefined;
    }
  };

  return { seal: (place, payload) => sealer.seal(JSON.stringify(payload), place), open: reading(sealer.open), reopen: reading(recall) };
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
