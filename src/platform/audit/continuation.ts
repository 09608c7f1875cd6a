import { nowDate } from '../clock.js';
import { HEAD, RETENTION } from './chain.js';
import type { ChainRepository } from './chain-repository.js';
import type { Marks } from './marks.js';

/**
 * Signs the ends of the chain as they are found, so that it goes on after one was lost or altered. What verification finds about events it finds
 * afterwards as well; only that an end was altered is forgotten, so whoever calls this records it.
 */
export function createContinuation({ repository, marks }: { repository: ChainRepository; marks: Marks }) {
  return (): Promise<{ head: string }> =>
    repository.transaction(async (tx) => {
      await repository.deleteCheckpoint(HEAD, tx);
      const old = await repository.findCheckpoint(RETENTION, tx);
      const [first] = await repository.listAfter({ sequence: 0 }, 1, tx);
      const sequence = await repository.highestSequence(tx);
      const last = sequence > 0 ? (await repository.listAfter({ sequence: sequence - 1 }, 1, tx)).at(-1) : undefined;
      const head = { name: HEAD, sequence, link: last?.link ?? marks.origin, madeAt: nowDate(), faults: 0, unmarked: 0 };
      await repository.insertCheckpoint({ ...head, mac: marks.checkpoint(head) }, tx);
      if (old && !marks.isOf(old.mac, marks.checkpoint(old))) {
        await repository.deleteCheckpoint(RETENTION, tx);
        // The link before the first event that is left is known to nobody any more.
        const retention = { ...old, sequence: (first?.sequence ?? 1) - 1, link: '', madeAt: new Date(0), faults: 1, unmarked: 0 };
        await repository.insertCheckpoint({ ...retention, mac: marks.checkpoint(retention) }, tx);
      }
      return { head: `${sequence}.${head.link}` };
    });
}
