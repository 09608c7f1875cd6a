import { randomUUID } from 'node:crypto';
import { nowDate } from '../clock.js';
import type { Database, Transaction } from '../db/index.js';
import type { AuditEventType } from './event-types.js';
import type { Marks } from './marks.js';
import { type AuditRow, createAuditRepository } from './repository.js';

/** Scalars only: whatever is deeper has no place in an event that people search. Never a secret, never what somebody typed. */
export type AuditDetail = Record<string, string | number | boolean>;

export type AuditEvent = {
  type: AuditEventType;
  outcome: 'success' | 'failure';
  /** who did it, when that is known */
  actorId?: string | undefined;
  /** the account it was done to */
  subjectId?: string | undefined;
  clientId?: string | undefined;
  ip?: string | undefined;
  detail?: AuditDetail | undefined;
};

export type Audit = {
  /** Appends an event. Never fails the caller: what cannot be written goes to the log instead. */
  record(event: AuditEvent): Promise<void>;
  /**
   * Appends a refusal that changed nothing, within a second and together with others, so that whoever asks for refusals does not drive the database:
   * equal ones become one event with `times`, and past 200 different ones a second they are counted only (`omitted`). A crash loses that second's.
   */
  recordSoon(event: AuditEvent): void;
  /** Appends events with what they tell of, in its transaction: both or neither. @throws what the database throws */
  recordAll(events: readonly AuditEvent[], tx: Transaction): Promise<void>;
  /** Writes what waits. */
  flush(): Promise<void>;
};

export type AuditDeps = {
  db: Database;
  marks: Pick<Marks, 'event'>;
  log: { error(fields: object, message: string): void };
  /** hears of each event beside the table, for counting; must not throw */
  onEvent?: ((event: AuditEvent) => void) | undefined;
  /** the id of the request in progress, if there is one */
  requestId?: (() => string | undefined) | undefined;
};

const MAX_DETAIL_CHARS = 300;
const SOON_MS = 500;
const MAX_SOON = 100;

type Waiting = { event: AuditEvent; at: Date; requestId: string | undefined; times: number };

export function createRecorder({ db, marks, log, onEvent, requestId }: AuditDeps): Audit {
  const events = createAuditRepository(db);
  let waiting = new Map<string, Waiting>();
  let omitted = new Map<AuditEventType, number>();
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();

  function toRow({ detail, ...event }: AuditEvent, at = nowDate(), request = requestId?.()): AuditRow {
    const row = {
      id: idAt(at),
      occurredAt: at,
      type: event.type,
      outcome: event.outcome,
      actorId: storable(event.actorId),
      subjectId: storable(event.subjectId),
      clientId: storable(event.clientId),
      ip: storable(event.ip),
      requestId: storable(request),
      detail: detail && JSON.stringify(shorten(detail)),
    };
    return { ...row, mac: marks.event(row) };
  }

  async function write(rows: readonly AuditRow[]): Promise<void> {
    if (rows.length === 0) return;
    try {
      await events.insertAll(rows);
    } catch (error) {
      for (const { type, outcome, clientId } of rows)
        log.error({ err: error, auditEvent: { type, outcome, clientId } }, 'an audit event could not be written');
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const [seen, left] = [waiting, omitted];
    [waiting, omitted] = [new Map(), new Map()];
    const rows = [
      ...[...seen.values()].map(({ event, at, requestId: request, times }) =>
        toRow(times === 1 ? event : { ...event, detail: { ...event.detail, times } }, at, request),
      ),
      ...[...left].map(([type, count]) => toRow({ type, outcome: 'failure', detail: { omitted: count } })),
    ];
    flushing = flushing.then(() => write(rows));
    return flushing;
  }

  return {
    async record(event) {
      onEvent?.(event);
      try {
        await events.insert(toRow(event));
      } catch (error) {
        log.error({ err: error, auditEvent: { ...event, detail: undefined } }, 'an audit event could not be written');
      }
    },
    recordSoon(event) {
      onEvent?.(event);
      const key = JSON.stringify(event);
      const equal = waiting.get(key);
      if (equal) equal.times += 1;
      else if (waiting.size < MAX_SOON) waiting.set(key, { event, at: nowDate(), requestId: requestId?.(), times: 1 });
      else omitted.set(event.type, (omitted.get(event.type) ?? 0) + 1);
      timer ??= setTimeout(() => void flush(), SOON_MS).unref();
    },
    async recordAll(all, tx) {
      await events.insertAll(
        all.map((event) => toRow(event)),
        tx,
      );
      for (const event of all) onEvent?.(event);
    },
    flush,
  };
}

/**
 * A UUID that begins with its time (RFC 9562, version 7): an event that is inserted stands beside the one before in the index of ids, on a page that
 * is at hand, however many there are.
 */
function idAt(at: Date): string {
  const time = Math.max(0, at.getTime()).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** As both databases keep it and give it back: without NUL and halves of surrogate pairs, or the mark would not fit what is read. */
const storable = (text: string | undefined): string | undefined => text?.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\ufffd');

function shorten(detail: AuditDetail): AuditDetail {
  return Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, MAX_DETAIL_CHARS) : value]),
  );
}
