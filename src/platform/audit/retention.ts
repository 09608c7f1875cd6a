import { setImmediate as letOthersGoOn } from 'node:timers/promises';
import type { Logger } from '../log/index.js';
import { HEAD, RETENTION } from './chain.js';
import type { ChainedEvent, ChainRepository, StoredCheckpoint } from './chain-repository.js';
import type { Checkpoint, Marks } from './marks.js';

/**
 * Deletes old events from the beginning of the chain, and in the same transaction moves the checkpoint from which it is verified from then on.
 * Events are looked at before they go: one that was altered (to look old, say) is not what makes its neighbours go, and what was missing or
 * altered among them is counted in the checkpoint, so that retention covers nothing up.
 */
export function createRetention({
  repository,
  marks,
  log,
  batch = 500,
}: {
  repository: ChainRepository;
  marks: Marks;
  log: Pick<Logger, 'error'>;
  batch?: number;
}) {
  const signed = (checkpoint: Checkpoint): StoredCheckpoint => ({ ...checkpoint, mac: marks.checkpoint(checkpoint) });
  const isSound = (checkpoint: StoredCheckpoint | null): checkpoint is StoredCheckpoint =>
    checkpoint !== null && marks.isOf(checkpoint.mac, marks.checkpoint(checkpoint));

  /** How far events of a batch are old, and what was wrong among them. */
  function oldPart(events: readonly ChainedEvent[], from: StoredCheckpoint, cutoff: Date) {
    let end: ChainedEvent | undefined;
    let [faults, pending, expected] = [0, 0, from.sequence + 1];
    for (const event of events) {
      pending += Math.max(0, event.sequence - expected);
      expected = event.sequence + 1;
      const sound = event.mac === null ? event.sequence <= from.unmarked : marks.isOf(event.mac, marks.event(event));
      if (sound && event.occurredAt >= cutoff) break;
      if (!sound) pending += 1;
      else [end, faults, pending] = [event, faults + pending, 0];
    }
    return { end, faults };
  }

  async function deleteBatch(cutoff: Date): Promise<{ deleted: number; faults: number } | undefined> {
    return repository.transaction(async (tx) => {
      if (!(await repository.hold(RETENTION, tx))) {
        const head = await repository.findCheckpoint(HEAD, tx);
        if (!isSound(head)) return undefined;
        const unmarked = head.unmarked;
        const first = { name: RETENTION, sequence: 0, link: marks.origin, madeAt: cutoff, faults: 0, unmarked };
        await repository.insertCheckpoint(signed(first), tx);
      }
      const from = await repository.findCheckpoint(RETENTION, tx);
      if (!isSound(from)) {
        log.error({}, 'audit events are not deleted: the checkpoint of their retention was altered; see "latchkey audit verify"');
        return undefined;
      }
      const { end, faults } = oldPart(await repository.listAfter(from, batch, tx), from, cutoff);
      if (!end) return undefined;
      const moved = signed({ ...from, sequence: end.sequence, link: end.link, madeAt: cutoff, faults: from.faults + faults });
      if (!(await repository.moveCheckpoint(moved, from.sequence, tx))) throw new Error('somebody else deletes audit events');
      return { deleted: await repository.deleteThrough(end.sequence, tx), faults };
    });
  }

  return {
    /** @returns how many events were deleted */
    async run(cutoff: Date, signal?: AbortSignal): Promise<number> {
      let total = 0;
      for (let more = true; more && !signal?.aborted; ) {
        const outcome = await deleteBatch(cutoff);
        total += outcome?.deleted ?? 0;
        if (outcome && outcome.faults > 0)
          log.error(
            { faults: outcome.faults },
            'old audit events were missing or altered when they were deleted; the checkpoint keeps count',
          );
        more = outcome !== undefined;
        await letOthersGoOn();
      }
      return total;
    },
  };
}
