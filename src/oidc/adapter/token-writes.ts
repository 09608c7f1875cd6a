import Provider, { type KoaContextWithOIDC } from 'oidc-provider';
import type { Database } from '../../platform/db/index.js';
import { type ArtifactRow, consumeStatement, exchangeStatement } from './artifact-rows.js';

/** What is used up for new tokens: a code, or a refresh token with the successor it is exchanged for. */
export type TokenUse = {
  idHash: string;
  kind: ArtifactRow['kind'];
  successor?: { row: ArtifactRow; sealed: string | null; until: Date | null };
  /** Somebody else has used it, or its grant has ended. @throws the refusal, unless this request is given what the other was */
  lost(): Promise<void>;
};

/** A new token, and how it is stored where nothing is used up for it. */
export type TokenSave = { row: ArtifactRow; alone(): Promise<void> };

type Waiting = { use?: TokenUse; saves: TokenSave[] };

type Store = (writes: Waiting) => Promise<void>;

/**
 * What a request to the token endpoint gives is stored when all of it has been made, by one statement: what the request brought is used up, and its
 * tokens are there, or neither. So a request that is refused half way has used up nothing, and one that is granted waits for the disk once.
 */
export type TokenWrites = {
  /**
   * Runs what makes the tokens; resolves when they are stored.
   * @param asOwn what says of the storing, and of nothing else, how it failed
   * @throws what making and storing throw
   */
  storeAfter(make: () => Promise<void>, asOwn?: (store: Store) => Store): Promise<void>;
  /** Where the request of this moment collects what it writes; undefined outside of `storeAfter`: everything is stored at once then. */
  waiting(): Waiting | undefined;
  store: Store;
};

export function createTokenWrites({ db }: { db: Database }): TokenWrites {
  const WAITING = Symbol('what this request will store');
  type WithWaiting = KoaContextWithOIDC & { [WAITING]?: Waiting | undefined };

  async function store({ use, saves }: Waiting): Promise<void> {
    const rows = [...(use?.successor ? [use.successor.row] : []), ...saves.map(({ row }) => row)];
    if (use) {
      const changed = await db.execute(rows.length > 0 ? exchangeStatement(db, rows, use) : consumeStatement(use));
      if (changed === rows.length + 1) return;
      if (changed !== 0) throw new Error(`${changed} rows changed, not those of ${rows.length} tokens and of what they were exchanged for`);
      await use.lost();
    }
    await Promise.all(saves.map((save) => save.alone()));
  }

  return {
    store,
    waiting: () => (Provider.ctx as WithWaiting | undefined)?.[WAITING],
    async storeAfter(make, asOwn = (each) => each) {
      const ctx = Provider.ctx as WithWaiting | undefined;
      if (!ctx) return make();
      const waiting: Waiting = { saves: [] };
      ctx[WAITING] = waiting;
      try {
        await make();
      } finally {
        ctx[WAITING] = undefined;
      }
      await asOwn(store)(waiting);
    },
  };
}
