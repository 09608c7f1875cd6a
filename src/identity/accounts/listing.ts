import { setImmediate as letOthersGoOn } from 'node:timers/promises';
import type { Sealer } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import { type AccountQuery, type AccountSelection, createCursors, type Position, readFilter } from './list-query.js';
import { createAccountListRepository } from './list-repository.js';

const MAX_PAGE = 200;
/** A prefix or role that leaves at most so many accounts is where the search begins. */
const FEW = 1000;
/** Otherwise accounts are read in order, so many at a time ... */
const WINDOW = 2000;
/** ... and so many windows for one page: a filter that fits nobody must not read a million accounts in one go. */
const MAX_WINDOWS = 10;

export type ListedPositions = { found: Position[]; nextCursor: string | null };

/**
 * Lists accounts by keyset: a page begins after the last account of the one before, so accounts that come or go meanwhile move nothing. Which
 * index leads is decided here, not by the planner, and the work for one page is bounded: a page may be short, or empty, and still have a
 * next one.
 */
export function createListing({ db, sealer }: { db: Database; sealer: Sealer }) {
  const rows = createAccountListRepository(db);
  const cursors = createCursors(sealer);

  async function findFew({ prefix, role }: AccountSelection): Promise<'prefix' | 'role' | undefined> {
    if (prefix && (await rows.countPrefix(prefix, FEW + 1)) <= FEW) return 'prefix';
    if (role !== null && (await rows.countRole(role, FEW + 1)) <= FEW) return 'role';
    return undefined;
  }

  /** `examined`: where reading stopped although there is more. */
  async function walk(
    selection: AccountSelection,
    after: Position | undefined,
    limit: number,
  ): Promise<{ found: Position[]; examined?: Position | undefined }> {
    const found: Position[] = [];
    let from = after;
    for (let window = 0; window < MAX_WINDOWS; window += 1) {
      const until = await rows.ahead(selection, { after: from, rows: WINDOW });
      found.push(...(await rows.window(selection, { after: from, rows: WINDOW, limit: limit - found.length })));
      if (until === undefined || found.length >= limit) return { found };
      from = until;
      // The embedded database answers on this very thread.
      await letOthersGoOn();
    }
    return { found, examined: from };
  }

  async function find(selection: AccountSelection, after: Position | undefined, limit: number) {
    const few = await findFew(selection);
    if (few) return { found: await rows.among(few, selection, { after, limit }) };
    const { status, verified, role, prefix } = selection;
    const everybody = status === null && verified === null && role === null && prefix === null;
    return everybody ? { found: await rows.all(selection, { after, limit }) } : walk(selection, after, limit);
  }

  /** @throws AppError `accounts.invalid_cursor` 400, `accounts.invalid_input` 422 */
  return async ({ cursor, limit = 50, ...filter }: AccountQuery = {}): Promise<ListedPositions> => {
    const selection = readFilter(filter);
    const pageSize = Math.min(Math.max(1, limit), MAX_PAGE);
    const after = cursor === undefined ? undefined : cursors.read(cursor, selection);
    // One more than asked for says whether there is a next page.
    const { found, examined } = await find(selection, after, pageSize + 1);
    const page = found.slice(0, pageSize);
    const end = found.length > pageSize ? page.at(-1) : examined;
    return { found: page, nextCursor: end ? cursors.write(end, selection) : null };
  };
}
