import { addSeconds, nowDate } from '../clock.js';
import type { Transaction } from '../db/index.js';
import type { Logger } from '../log/index.js';
import type { ChainedEvent, ChainRepository, StoredCheckpoint } from './chain-repository.js';
import type { Checkpoint, Marks } from './marks.js';

/** Puts what must be sent because of events into the transaction that gives them their places. @returns called when that is committed */
export type OnChained = (events: readonly ChainedEvent[], tx: Transaction) => Promise<(() => void) | undefined>;

export type ChainDeps = {
  repository: ChainRepository;
  marks: Marks;
  log: Pick<Logger, 'error' | 'info'>;
  onChained?: OnChained | undefined;
  batch?: number;
};

export const HEAD = 'head';
export const RETENTION = 'retention';

/** Why the chain is not continued: going on would make what somebody did look as if it had always been so. */
class ChainBroken extends Error {}

/**
 * Gives events their places in the chain, a batch in one transaction. Whoever inserts an event takes no lock and knows nothing of its place: the
 * chain is the order in which events were found, and an event that is committed late simply comes later. "Without a place" is a column, not a
 * position in time, so none is passed over. Several processes may run this: the head's row makes them take turns.
 */
export function createChain({ repository, marks, log, onChained, batch = 500 }: ChainDeps) {
  /** the furthest head this process has seen; one that lies before it was set back */
  let furthest = 0;
  let told = false;

  const signed = (checkpoint: Checkpoint): StoredCheckpoint => ({ ...checkpoint, mac: marks.checkpoint(checkpoint) });

  /** The first head. Events from before there was a chain have no marks; how many there are is written down once. */
  async function begin(tx: Transaction): Promise<void> {
    if ((await repository.highestSequence(tx)) > 0) throw new ChainBroken('the head of the chain is missing');
    const unmarked = await repository.countIfUnmarked(tx);
    const first = { name: HEAD, sequence: 0, link: marks.origin, madeAt: nowDate(), faults: 0, unmarked };
    await repository.insertCheckpoint(signed(first), tx);
  }

  async function readHead(tx: Transaction): Promise<StoredCheckpoint> {
    if (!(await repository.hold(HEAD, tx))) await begin(tx);
    const head = await repository.findCheckpoint(HEAD, tx);
    if (!head || !marks.isOf(head.mac, marks.checkpoint(head))) throw new ChainBroken('the head of the chain was altered');
    if (head.sequence < furthest) throw new ChainBroken('the chain was set back');
    if ((await repository.highestSequence(tx)) > head.sequence) throw new ChainBroken('the chain goes on behind its head');
    return head;
  }

  /** The first head of each day is kept for good. */
  const keepDay = (head: StoredCheckpoint, tx: Transaction) =>
    repository.insertCheckpoint(signed({ ...head, name: head.madeAt.toISOString().slice(0, 10) }), tx);

  async function chainBatch(): Promise<number> {
    let committed: (() => void) | undefined;
    const result = await repository.transaction(async (tx) => {
      const head = await readHead(tx);
      const found = await repository.listUnchained(batch, tx);
      if (found.length === 0) return { head, count: 0, day: false };
      let { sequence, link } = head;
      const chained = found.map((event): ChainedEvent => {
        sequence += 1;
        link = marks.link({ sequence, before: link, event });
        return { ...event, sequence, link };
      });
      const placed = await repository.setLinks(
        chained.map(({ id, sequence, link }) => ({ id, sequence, link })),
        tx,
      );
      const moved = signed({ ...head, sequence, link, madeAt: nowDate() });
      if (placed !== chained.length || !(await repository.moveCheckpoint(moved, head.sequence, tx)))
        throw new Error('somebody else continued the chain');
      const day = await keepDay(moved, tx);
      committed = await onChained?.(
        chained.filter((event) => event.mac !== null && marks.isOf(event.mac, marks.event(event))),
        tx,
      );
      return { head: moved, count: chained.length, day };
    });
    furthest = Math.max(furthest, result.head.sequence);
    told = false;
    if (result.day) {
      const { sequence, link } = result.head;
      log.info(
        { head: `${sequence}.${link}` },
        'audit chain: keep this line elsewhere, and "latchkey audit verify --head" checks against it',
      );
    }
    committed?.();
    return result.count;
  }

  return {
    /** Chains all that waits. @returns how many events got their place */
    async run(signal?: AbortSignal): Promise<number> {
      let total = 0;
      try {
        for (let more = true; more && !signal?.aborted; ) {
          const count = await chainBatch();
          total += count;
          more = count === batch;
        }
      } catch (error) {
        if (!(error instanceof ChainBroken)) throw error;
        // Every few seconds the same; once is enough.
        if (!told) log.error({ reason: error.message }, 'the audit chain is broken and not continued; see "latchkey audit verify"');
        told = true;
      }
      return total;
    },
    signed,
  };
}

export type Chain = ReturnType<typeof createChain>;

/**
 * Events from before this are returned ones, if they got their place after such events were deleted. A time that is still to come was told by a
 * clock that was wrong when they were deleted, and says nothing about events.
 */
export const returnedBefore = ({ madeAt }: Pick<Checkpoint, 'madeAt'>) => (madeAt > nowDate() ? new Date(0) : addSeconds(madeAt, -86_400));
