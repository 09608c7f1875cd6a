import { type Sealer, sha256 } from '../../platform/crypto/index.js';
import { AppError } from '../../platform/errors.js';
import { invalidInput } from './errors.js';
import { foldEmail, foldUsername } from './schemas.js';

export type AccountSort = 'createdAt' | 'email';

/** Which accounts are listed, and in which order. */
export type AccountFilter = {
  status?: 'active' | 'disabled' | undefined;
  verified?: boolean | undefined;
  role?: string | undefined;
  /** how the e-mail address or the username begins, in any case */
  q?: string | undefined;
  sort?: AccountSort | undefined;
  order?: 'asc' | 'desc' | undefined;
};

/** All that a text begins with, as a range in the order of code points: `from` included, `to` not; null: no end. */
export type TextRange = { from: string; to: string | null };

/** A filter, and which page of what it leaves. */
export type AccountQuery = AccountFilter & {
  cursor?: string | undefined;
  /** 1 to 200, default 50 */
  limit?: number | undefined;
};

export type AccountSelection = {
  status: 'active' | 'disabled' | null;
  verified: boolean | null;
  role: string | null;
  /** either of the two fits; null where none can */
  prefix: { email: TextRange; username: TextRange | null } | null;
  sort: AccountSort;
  order: 'asc' | 'desc';
};

/** Where in an order a page ends. `email` is the key of one order, the other two of the other. */
export type Position = { createdAt: Date; id: string; email: string };

const MAX_TEXT_CHARS = 254;

/** @throws AppError `accounts.invalid_input` 422 for text that no database holds */
export function readFilter({ status, verified, role, q, sort = 'createdAt', order = 'asc' }: AccountFilter): AccountSelection {
  requireText('role', role);
  requireText('q', q);
  const typed = q?.trim();
  const prefix = typed ? { email: rangeOf(foldEmail(typed)), username: typed.includes('@') ? null : rangeOf(foldUsername(typed)) } : null;
  return { status: status ?? null, verified: verified ?? null, role: role ?? null, prefix, sort, order };
}

function requireText(path: string, text: string | undefined): void {
  if (text === undefined || (text.length <= MAX_TEXT_CHARS && /^[^\p{Cc}\p{Cs}]*$/u.test(text))) return;
  throw invalidInput([{ path, message: `Use at most ${MAX_TEXT_CHARS} characters, and no control characters.` }]);
}

/** The range ends before the first text that is greater and does not begin so: its last code point is the next one. */
export function rangeOf(prefix: string): TextRange {
  const points = [...prefix].map((char) => char.codePointAt(0) as number);
  while (points.length > 0) {
    const last = points.pop() as number;
    // Surrogates are no characters, and nothing comes after the last one.
    if (last < 0x10ffff) return { from: prefix, to: String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1) };
  }
  return { from: prefix, to: null };
}

/**
 * Cursors are sealed: they carry a place in the list, which may be an address, and they open only beside the query they were given for.
 */
export function createCursors(sealer: Sealer) {
  const contextOf = (selection: AccountSelection) => `account_cursor:${sha256(JSON.stringify(selection))}`;
  return {
    write({ createdAt, id, email }: Position, selection: AccountSelection): string {
      const key = selection.sort === 'email' ? { email } : { createdAt: createdAt.getTime(), id };
      return sealer.seal(JSON.stringify(key), contextOf(selection));
    },
    /** @throws AppError `accounts.invalid_cursor` 400 */
    read(cursor: string, selection: AccountSelection): Position {
      try {
        const { createdAt = 0, id = '', email = '' } = JSON.parse(sealer.open(cursor, contextOf(selection)));
        return { createdAt: new Date(createdAt), id, email };
      } catch (cause) {
        throw new AppError('accounts.invalid_cursor', 400, 'This cursor was not given for this list, filter and order.', { cause });
      }
    },
  };
}
