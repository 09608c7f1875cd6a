import type { Database, Transaction } from '../db/index.js';
import type { Logger } from '../log/index.js';

export type ChangeFeed = {
  /**
   * Says that a topic has changed. Alone, this process's listeners have run when it resolves. Inside a transaction only the counter grows:
   * nobody may hear of what is not committed, so call `poll()` after the commit, or use `write`.
   */
  bump(topic: string, tx?: Transaction): Promise<void>;
  /**
   * A change in one transaction that begins by taking the topic's counter, so that writers of one topic take turns on both databases, across
   * processes: what `work` reads stays true until it commits. This process's listeners have run when it resolves. Inside `work` only `tx` may
   * be used: on SQLite any other query would wait for this very transaction.
   */
  write<T>(topic: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Runs `onChange` after every change of the topic, once at the first poll, and again at the next poll where it failed. @returns how to stop */
  subscribe(topic: string, onChange: () => void | Promise<void>): () => void;
  start(): void;
  /** Ends the polling and waits for the poll that is running. */
  stop(): Promise<void>;
  /** Looks for changes now: every change committed before the call has been told when it resolves. Never rejects. */
  poll(): Promise<void>;
  /**
   * For whoever is about to trust a copy in memory. Costs nothing while the feed is on time; looks now where its last look is older than
   * MAX_LAG_MS, whatever kept it: a timer that starved, a database that did not answer.
   */
  catchUp(): Promise<Currency>;
  /** True while the feed is on time, so that whoever asks at every request waits for nothing. Where it is false, `catchUp` tells more. */
  isOnTime(): boolean;
};

/**
 * `current`: every change that was committed MAX_LAG_MS ago has been taken over. `unreachable`: the database does not tell. `behind`: it does, and
 * a change could not be taken over. In both of these no copy in memory is to be trusted.
 */
export type Currency = 'current' | 'unreachable' | 'behind';

/** Processes agree within this time at most, or do not trust what they hold in memory. */
export const MAX_LAG_MS = 2_000;

type Subscription = { topic: string; onChange: () => void | Promise<void>; seenVersion: number | undefined };

/** Waiting for the other writers of a topic must not fail a write; the work itself takes milliseconds. */
const TRANSACTION_LIMITS = { maxWait: 10_000, timeout: 10_000 };

/**
 * @param deps.pollSeconds how soon the changes of other processes are noticed. One statement over a table of a few rows.
 */
export function createChangeFeed({
  db,
  log,
  pollSeconds = 1,
  maxLagMs = MAX_LAG_MS,
}: {
  db: Pick<Database, 'client'>;
  log?: Pick<Logger, 'warn' | 'info'>;
  pollSeconds?: number;
  maxLagMs?: number;
}): ChangeFeed {
  const subscriptions = new Set<Subscription>();
  let timer: NodeJS.Timeout | undefined;
  let started = false;
  let failing = false;
  /** When the last look began after which every subscriber was up to date; monotonic. */
  let currentSince = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;
  let queued: Promise<void> | undefined;

  async function bump(topic: string, tx?: Transaction): Promise<void> {
    await (tx ?? db.client).$executeRaw`INSERT INTO change_counters (topic, version) VALUES (${topic}, 1)
      ON CONFLICT (topic) DO UPDATE SET version = change_counters.version + 1`;
    if (!tx) await poll();
  }

  async function write<T>(topic: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const result = await db.client.$transaction(async (tx) => {
      // First of all: it is the lock, and a SQLite transaction that began by reading could not wait for another writer.
      await bump(topic, tx);
      return work(tx);
    }, TRANSACTION_LIMITS);
    await poll();
    return result;
  }

  function subscribe(topic: string, onChange: () => void | Promise<void>): () => void {
    // What changed between the subscriber's own reading and the first poll would be missed, so the first poll counts as a change.
    const subscription: Subscription = { topic, onChange, seenVersion: undefined };
    subscriptions.add(subscription);
    return () => void subscriptions.delete(subscription);
  }

  async function look(): Promise<void> {
    const begun = performance.now();
    let versions: Map<string, number>;
    if (subscriptions.size === 0) {
      currentSince = begun;
      return;
    }
    try {
      const rows = await db.client.$queryRaw<{ topic: string; version: number | bigint }[]>`SELECT topic, version FROM change_counters`;
      versions = new Map(rows.map(({ topic, version }) => [topic, Number(version)]));
    } catch (error) {
      // Once for each outage, not once a second.
      if (!failing) log?.warn({ err: error }, 'changes of other processes cannot be read; trying again');
      failing = true;
      return;
    }
    if (failing) log?.info('changes of other processes are read again');
    failing = false;
    let allTold = true;
    for (const subscription of subscriptions) allTold = (await tell(subscription, versions.get(subscription.topic) ?? 0)) && allTold;
    if (allTold) currentSince = begun;
  }

  async function tell(subscription: Subscription, version: number): Promise<boolean> {
    if (subscription.seenVersion === version) return true;
    try {
      await subscription.onChange();
      subscription.seenVersion = version;
      return true;
    } catch (error) {
      log?.warn({ err: error, topic: subscription.topic }, 'a change could not be taken over; trying again at the next poll');
      return false;
    }
  }

  function poll(): Promise<void> {
    if (!running) {
      running = look().finally(() => {
        running = undefined;
      });
      return running;
    }
    // The running poll may have read before the caller's change: one more follows it, shared by all who ask meanwhile.
    queued ??= running.then(() => {
      queued = undefined;
      return poll();
    });
    return queued;
  }

  const isOnTime = () => performance.now() - currentSince <= maxLagMs;

  function schedule(): void {
    timer = setTimeout(async () => {
      await poll();
      if (started) schedule();
    }, pollSeconds * 1000);
    timer.unref();
  }

  return {
    bump,
    write,
    subscribe,
    poll,
    isOnTime,
    async catchUp() {
      if (isOnTime()) return 'current';
      const askedAt = performance.now();
      await poll();
      // However long that took: it began after this call.
      return currentSince >= askedAt ? 'current' : failing ? 'unreachable' : 'behind';
    },
    start() {
      if (started) return;
      started = true;
      schedule();
    },
    async stop() {
      started = false;
      clearTimeout(timer);
      await running;
    },
  };
}
