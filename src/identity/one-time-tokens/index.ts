/**
 * Owns: random values that work once and for a time (mail links, sign-in tickets): made, looked at, used in one conditional write.
 * Does not own: what using one leads to.
 */
import { addSeconds, now, nowDate } from '../../platform/clock.js';
import { randomId, type Sealer, sha256 } from '../../platform/crypto/index.js';
import type { Database, Transaction } from '../../platform/db/index.js';
import { AppError } from '../../platform/errors.js';
import { createTokenRepository, type TokenOwner, type TokenRow } from './repository.js';

export type { TokenOwner } from './repository.js';

export type TokenKind = 'email_verification' | 'password_reset' | 'sign_in_ticket' | 'email_change';

/** `unknown` is also what a token of another kind is. */
export type TokenState = 'ok' | 'expired' | 'used' | 'unknown';

/** A token's content. `payload` is what `issue` was given, through JSON. */
export type TokenContent = { accountId: string | null; subjectKey: string | null; payload: unknown; expiresAt: Date };

export type OneTimeTokens = {
  /** Makes a token: 32 random bytes, stored as SHA-256, its payload sealed. */
  issue(token: {
    kind: TokenKind;
    accountId?: string | undefined;
    subjectKey?: string | undefined;
    payload?: unknown;
    ttlSeconds: number;
  }): Promise<{ token: string; expiresAt: Date }>;
  /** Looks without using: what a page that a link opens may do. `content` is there for a token that is known. */
  inspect(kind: TokenKind, token: string): Promise<{ state: TokenState; content?: TokenContent }>;
  /** Uses the token. Of any number of calls at once, one succeeds. @throws AppError `token.unknown`, `token.expired`, `token.already_used` (400) */
  consume(kind: TokenKind, token: string, options?: { tx?: Transaction }): Promise<void>;
  /**
   * To begin a transaction with that uses one token and then all others of its owner: of two such transactions one waits for the other. Each
   * would otherwise hold its own token and wait for the other's.
   */
  lock(kind: TokenKind, owner: TokenOwner, options: { tx: Transaction }): Promise<void>;
  /** Uses up all tokens of an owner. */
  consumeAll(kind: TokenKind, owner: TokenOwner, options?: { tx?: Transaction }): Promise<void>;
  /** What an owner's tokens that still work carry, newest first. */
  listLive(kind: TokenKind, owner: TokenOwner): Promise<TokenContent[]>;
};

const MAX_TOKEN_CHARS = 128;
const MAX_LIVE = 20;

const faults: Record<Exclude<TokenState, 'ok'>, AppError['message']> = {
  unknown: 'This link is not complete, or it was made by another installation.',
  expired: 'This link has expired.',
  used: 'This link was used already.',
};
const codes = { unknown: 'token.unknown', expired: 'token.expired', used: 'token.already_used' } as const;

/** Why a token does not work: `token.unknown`, `token.expired` or `token.already_used`. */
export const tokenFault = (state: Exclude<TokenState, 'ok'>) => new AppError(codes[state], 400, faults[state]);

export function createOneTimeTokens({ db, sealer }: { db: Database; sealer: Sealer }): OneTimeTokens {
  const rows = createTokenRepository(db);
  const contextOf = (idHash: string) => `one_time_token:${idHash}`;
  const contentOf = ({ idHash, accountId, subjectKey, payload, expiresAt }: TokenRow): TokenContent => ({
    accountId,
    subjectKey,
    expiresAt,
    payload: payload === null ? undefined : JSON.parse(sealer.open(payload, contextOf(idHash))),
  });

  async function inspect(kind: TokenKind, token: string): Promise<{ state: TokenState; content?: TokenContent }> {
    const row = token.length > MAX_TOKEN_CHARS ? null : await rows.find(sha256(token));
    if (!row || row.kind !== kind) return { state: 'unknown' };
    const state = row.consumedAt !== null ? 'used' : row.expiresAt.getTime() <= now() ? 'expired' : 'ok';
    return { state, content: contentOf(row) };
  }

  return {
    inspect,
    async issue({ kind, accountId, subjectKey, payload, ttlSeconds }) {
      const token = randomId();
      const idHash = sha256(token);
      const createdAt = nowDate();
      const expiresAt = addSeconds(createdAt, ttlSeconds);
      await rows.insert({
        idHash,
        kind,
        accountId: accountId ?? null,
        subjectKey: subjectKey ?? null,
        payload: payload === undefined ? null : sealer.seal(JSON.stringify(payload), contextOf(idHash)),
        createdAt,
        expiresAt,
      });
      return { token, expiresAt };
    },
    async consume(kind, token, { tx } = {}) {
      if (token.length <= MAX_TOKEN_CHARS && (await rows.consume(sha256(token), kind, nowDate(), tx))) return;
      // Inside a transaction this call waited for whoever used the token first, so that is what happened.
      const { state } = tx ? { state: 'used' as const } : await inspect(kind, token);
      throw tokenFault(state === 'ok' ? 'used' : state);
    },
    lock: (kind, owner, { tx }) => rows.lockOldest(kind, owner, tx),
    consumeAll: (kind, owner, { tx } = {}) => rows.consumeAll(kind, owner, nowDate(), tx),
    async listLive(kind, owner) {
      return (await rows.listLive(kind, owner, nowDate(), MAX_LIVE)).map(contentOf);
    },
  };
}
