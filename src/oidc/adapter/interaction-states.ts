import { type Database, sql } from '../../platform/db/index.js';
import { idHashOf } from './artifact-rows.js';
import { isKey } from './payloads.js';

/** open: waits for an answer · answered: has one, and the browser is on its way to the library · finished: the library went on with it */
export type InteractionState = 'open' | 'answered' | 'finished' | 'unknown';

export type InteractionStates = {
  /** What has become of an interaction, also of one that the library no longer finds. It may have expired besides. */
  stateOf(uid: string): Promise<InteractionState>;
};

/** The library knows interactions that it finds and others; people who come back to one deserve to be told which it is. */
export function createInteractionStates({ db }: { db: Database }): InteractionStates {
  return {
    async stateOf(uid) {
      if (!isKey(uid)) return 'unknown';
      const row = await db.find<{ consumed_at: Date | null; revoked_at: Date | null }>(sql`
        SELECT consumed_at, revoked_at FROM artifacts WHERE id_hash = ${idHashOf(uid)} AND kind = ${'Interaction'}`);
      if (!row) return 'unknown';
      // Ended before it was answered: everything of its person was ended.
      if (row.consumed_at === null) return row.revoked_at === null ? 'open' : 'unknown';
      return row.revoked_at === null ? 'answered' : 'finished';
    },
  };
}
