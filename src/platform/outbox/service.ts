import { LRUCache } from 'lru-cache';
import { addSeconds, now, nowDate } from '../clock.js';
import { randomId, type Sealer } from '../crypto/index.js';
import type { Sql, Transaction } from '../db/index.js';
import type { Logger } from '../log/index.js';
import { currentRequest, inRequestScope, type RequestScope } from '../trace/index.js';
import type { OutboxRepository, OutboxRow } from './repository.js';

/** Delivers one message; throws when it did not arrive. It may be called twice for one message, so `id` is for the recipient to know it by. */
export type Delivery = (message: { id: string; recipient: string; payload: unknown; attempt: number }) => Promise<void>;

export type GivenUp = { id: string; topic: string; recipient: string; attempts: number; createdAt: Date; lastError: string | null };

/** What is still tried of one topic. @property lastError of the oldest message that has failed; null: none has */
export type Waiting = { topic: string; messages: number; since: Date; lastError: string | null };

export type Outbox = {
  /**
   * The statement that puts a message in, for the transaction of what causes it.
   * @param message.recipient shown in lists and logs: no secret
   * @param onlyIf a condition by which the statement knows that what causes it did happen, where that may fail without an error
   */
  statement(message: { topic: string; recipient: string; payload: unknown }, onlyIf?: Sql): ReturnType<OutboxRepository['insert']>;
  /**
   * Puts messages in, in the transaction of what causes them. Their ids are the caller's: one that is there already is not put in again.
   * @throws what the database throws
   */
  insertAll(messages: readonly { id: string; topic: string; recipient: string; payload: unknown }[], tx: Transaction): Promise<void>;
  /** Puts a message in by itself. */
  add(message: { topic: string; recipient: string; payload: unknown }): Promise<void>;
  /** Names who delivers a topic. A process that names nobody leaves its messages to others. */
  deliverBy(topic: string, deliver: Delivery): void;
  /** Tries what is due, once each, whatever the number of processes that do so. @returns how many arrived */
  run(signal?: AbortSignal): Promise<number>;
  /** Tries what is due soon after this, beside the request. */
  wake(): void;
  /** Resolves when no attempt of this process is under way. */
  idle(): Promise<void>;
  /** Newest first. */
  listGivenUp(options?: { topic?: string; limit?: number }): Promise<GivenUp[]>;
  /** What waits for its first attempt or the next, by topic. */
  listWaiting(): Promise<Waiting[]>;
  /** Two numbers of all topics, for whoever watches: how many, and how long the oldest has waited. */
  measure(): Promise<{ waiting: number; oldestSeconds: number }>;
  /** Tries again what was given up. @param ids undefined: all */
  retry(ids?: readonly string[]): Promise<number>;
};

const BATCH = 20;
/** An attempt that takes longer is taken for dead with its process, and somebody else tries. */
const ATTEMPT_SECONDS = 60;
/** Pauses after each failed attempt: about a day, then it is given up. */
const PAUSES_SECONDS = [5, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600, 6 * 3600, 8 * 3600];
/** Whoever failed to take one message is spared the others for so long, so that one recipient who is down holds up nobody else. */
const SPARED_SECONDS = 30;
/** A message that is older is given up, whatever became of it. */
const MOST_DAYS = 3;
/** What was given up is kept so long for an operator to see. */
const GIVEN_UP_DAYS = 30;
/** What is delivered at all is mostly delivered at once. */
const REMEMBERED_SCOPES = 1000;

const placeOf = (id: string) => `outbox:${id}`;

export function createOutboxService({
  repository,
  sealer,
  log,
}: {
  repository: OutboxRepository;
  sealer: Sealer;
  log: Pick<Logger, 'warn' | 'error'>;
}): Outbox {
  const handlers = new Map<string, Delivery>();
  /** Which request made a message, as long as this process remembers: its delivery belongs to the same trace. */
  const madeBy = new LRUCache<string, RequestScope>({ max: REMEMBERED_SCOPES });
  let running: Promise<number> | undefined;
  let again = false;

  async function attempt(row: OutboxRow, deliver: Delivery): Promise<'arrived' | 'failed' | 'taken'> {
    if (!(await repository.take(row, addSeconds(nowDate(), ATTEMPT_SECONDS)))) return 'taken';
    const attempts = row.attempts + 1;
    try {
      const payload: unknown = JSON.parse(sealer.open(row.payload, placeOf(row.id)));
      await inRequestScope(madeBy.get(row.id), () => deliver({ id: row.id, recipient: row.recipient, payload, attempt: attempts }));
    } catch (error) {
      const pause = PAUSES_SECONDS[row.attempts];
      const fields = { topic: row.topic, recipient: row.recipient, attempts, reason: reasonOf(error) };
      if (pause === undefined) log.error(fields, 'a message was given up; see "latchkey outbox list"');
      else log.warn({ ...fields, again_in_seconds: pause }, 'a message did not arrive; it is tried again');
      await repository.fail(row.id, reasonOf(error), pause === undefined ? null : addSeconds(nowDate(), pause));
      await repository.postpone(row, nowDate(), addSeconds(nowDate(), SPARED_SECONDS));
      return 'failed';
    }
    await repository.delete(row.id);
    return 'arrived';
  }

  /** One topic's messages; those of another do not wait for them. */
  async function turnOf(topic: string, deliver: Delivery, signal?: AbortSignal): Promise<number> {
    let arrived = 0;
    for (let more = true; more && !signal?.aborted; ) {
      const due = await repository.listDue(topic, nowDate(), BATCH);
      const outcomes = await Promise.all(due.map((row) => attempt(row, deliver)));
      arrived += outcomes.filter((outcome) => outcome === 'arrived').length;
      // What failed is due later; with nothing taken, others are at it.
      more = due.length === BATCH && outcomes.some((outcome) => outcome !== 'taken');
    }
    await repository.giveUpOld(topic, addSeconds(nowDate(), -MOST_DAYS * 86_400), BATCH);
    return arrived;
  }

  async function turn(signal?: AbortSignal): Promise<number> {
    const arrived = await Promise.all([...handlers].map(([topic, deliver]) => turnOf(topic, deliver, signal)));
    await repository.deleteGivenUp(addSeconds(nowDate(), -GIVEN_UP_DAYS * 86_400), BATCH);
    return arrived.reduce((sum, count) => sum + count, 0);
  }

  const run: Outbox['run'] = async (signal) => {
    if (handlers.size === 0) return 0;
    // One turn at a time in a process; what comes in meanwhile has a turn after it.
    if (running) {
      again = true;
      return running;
    }
    running = turn(signal).finally(() => {
      running = undefined;
      if (again) wake();
      again = false;
    });
    return running;
  };
  // A turn delivers messages of many requests, so it is in the scope of none.
  const wake = () =>
    inRequestScope(undefined, () => {
      setImmediate(() => run().catch((error) => log.error({ err: error }, 'the outbox could not be read')));
    });
  const statement: Outbox['statement'] = ({ topic, recipient, payload }, onlyIf) => {
    const id = randomId(16);
    const scope = currentRequest();
    if (scope) madeBy.set(id, scope);
    return repository.insert({ id, topic, recipient, payload: sealer.seal(JSON.stringify(payload), placeOf(id)), at: nowDate() }, onlyIf);
  };

  return {
    statement,
    async insertAll(messages, tx) {
      const at = nowDate();
      await repository.insertAll(
        messages.map(({ payload, ...row }) => ({ ...row, payload: sealer.seal(JSON.stringify(payload), placeOf(row.id)), at })),
        tx,
      );
    },
    async add(message) {
      await statement(message);
      wake();
    },
    deliverBy: (topic, deliver) => void handlers.set(topic, deliver),
    run,
    wake,
    async idle() {
      while (running) await running.catch(() => undefined);
    },
    async listGivenUp({ topic, limit = 50 } = {}) {
      return (await repository.listGivenUp(topic, limit)).map(({ payload: _payload, nextAttemptAt: _due, ...row }) => row);
    },
    listWaiting: repository.listWaiting,
    async measure() {
      const { messages, since } = await repository.measureWaiting();
      return { waiting: messages, oldestSeconds: since ? Math.max(0, (now() - since.getTime()) / 1000) : 0 };
    },
    async retry(ids) {
      const revived = await repository.revive(ids, nowDate());
      wake();
      return revived;
    },
  };
}

/** A sentence of ours or an error's code; what only operators are told, where there is such. Bounded, since it is kept. */
function reasonOf(error: unknown): string {
  const { code, message, explanation = message } = error as { code?: unknown; message?: unknown; explanation?: unknown };
  return [code, explanation]
    .filter((part) => typeof part === 'string')
    .join(': ')
    .slice(0, 300);
}
