import type { KeyObject } from 'node:crypto';
import { hmacSha256, safeEqual } from '../crypto/index.js';

/** What an event says: what its mark is made over. */
export type MarkedEvent = {
  id: string;
  occurredAt: Date;
  type: string;
  outcome: string;
  actorId?: string | null | undefined;
  subjectId?: string | null | undefined;
  clientId?: string | null | undefined;
  ip?: string | null | undefined;
  requestId?: string | null | undefined;
  detail?: string | null | undefined;
};

/** Where the chain stood at some time. `madeAt` of `retention` is the time before which events are deleted. */
export type Checkpoint = { name: string; sequence: number; link: string; madeAt: Date; faults: number; unmarked: number };

/**
 * The marks that make the log tamper-evident. They are keyed: who can write to the database but has no key-encryption key can make none, so a
 * bare hash chain, which they could simply compute anew, would show nothing of what they did.
 */
export type Marks = {
  /** of an event, by whoever writes it */
  event(event: MarkedEvent): string;
  /** of an event's place in the chain */
  link(place: { sequence: number; before: string; event: MarkedEvent & { mac?: string | null } }): string;
  /** what the first event follows */
  origin: string;
  checkpoint(checkpoint: Checkpoint): string;
  isOf(mark: string, expected: string): boolean;
};

/** The columns of an event in one order; a value that is not there differs from an empty one. */
const contentOf = (event: MarkedEvent): string =>
  JSON.stringify([
    event.id,
    event.occurredAt.toISOString(),
    event.type,
    event.outcome,
    event.actorId ?? null,
    event.subjectId ?? null,
    event.clientId ?? null,
    event.ip ?? null,
    event.requestId ?? null,
    event.detail ?? null,
  ]);

/** @param key of 32 bytes, sealed in the database under the key-encryption key */
export function createMarks(key: KeyObject): Marks {
  // What a mark is for comes first, so that none can be passed off as another.
  const mark = (purpose: string, ...parts: (string | number | null)[]) => hmacSha256(key, JSON.stringify([purpose, ...parts]));
  return {
    event: (event) => mark('event', contentOf(event)),
    link: ({ sequence, before, event }) => mark('link', sequence, before, event.mac ?? null, contentOf(event)),
    origin: mark('origin'),
    checkpoint: ({ name, sequence, link, madeAt, faults, unmarked }) =>
      mark('checkpoint', name, sequence, link, madeAt.toISOString(), faults, unmarked),
    isOf: safeEqual,
  };
}
