import { z } from 'zod';
import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import type { Database } from '../../platform/db/index.js';
import { type Limit, networkOf, type RateLimiter } from '../../platform/limits/index.js';
import type { Mailer } from '../../platform/mail/index.js';
import {
  type Account,
  type AccountRow,
  accountNotFound,
  createAccountRepository,
  emailSchema,
  readInput,
  toAccount,
} from '../accounts/index.js';
import type { CurrentPassword } from '../current-password/index.js';
import type { Links } from '../links.js';
import { type OneTimeTokens, type TokenContent, type TokenState, tokenFault } from '../one-time-tokens/index.js';
import { emailChangeRateLimited, emailChangeTaken, emailUnchanged, superseded } from './errors.js';
import { createEmailChangeMails } from './mails.js';

export type EmailChange = {
  /**
   * Asks for another address. A link goes to the new one and a notice to the old one; an earlier request stops working. Answer and work are
   * the same if the new address has an account: its owner is told by mail.
   * @throws AppError `email_change.wrong_current` 401, `accounts.invalid_input` 422 and `email_change.unchanged` 422 (`details`: newEmail),
   *   `login.locked` 403, `login.rate_limited` 429, `email_change.rate_limited` 429, `login.superseded` 401 (everything of the account was
   *   ended meanwhile), `passwords.busy` 503, `accounts.not_found` 404
   */
  request(request: { accountId: string; currentPassword: string; newEmail: string; ip?: string | undefined }): Promise<void>;
  /** The address that waits to be confirmed, if one does. */
  findPending(accountId: string): Promise<{ newEmail: string; expiresAt: Date } | null>;
  /** Gives up what waits; harmless when nothing does. */
  cancel(accountId: string, by?: { ip?: string | undefined }): Promise<void>;
  /** What the page that the link opens may know; uses nothing up. */
  inspect(token: string): Promise<{ state: TokenState; newEmail?: string; oldEmail?: string }>;
  /**
   * Makes the new address the account's, confirmed, if nothing that matters has changed since it was asked for. Ends reset links. Of any number
   * of calls at once one succeeds.
   * @throws AppError `token.unknown|expired|already_used` 400, `email_change.taken` 409 (somebody else has the address by now)
   */
  confirm(request: { token: string; ip?: string | undefined }): Promise<Account>;
};

export type EmailChangeDeps = {
  db: Database;
  tokens: OneTimeTokens;
  currentPassword: CurrentPassword;
  limiter: Pick<RateLimiter, 'consume'>;
  mailer: Pick<Mailer, 'send'>;
  audit: Audit;
  links: Links;
  settings: { ttlSeconds: number };
};

const KIND = 'email_change';
const WRONG_CURRENT = 'email_change.wrong_current';
const ACCOUNT_LIMIT: Limit = { points: 5, windowSeconds: 3600 };
const NETWORK_LIMIT: Limit = { points: 20, windowSeconds: 3600 };

const requestSchema = z.object({ newEmail: emailSchema });

/**
 * What a link carries, sealed. `from`, `passwordSetAt` (milliseconds) and `generation` are the account's when its password was checked: a link
 * outlives none of them, so it ends when its owner signs out everywhere. A link that carries no generation works no more. A decoy is kept for an address that is taken, so that both cases look alike; its link is never sent.
 */
const payloadSchema = z.object({
  from: z.string(),
  to: z.string(),
  passwordSetAt: z.number().nullable(),
  generation: z.number().default(-1),
  decoy: z.boolean(),
});
type Payload = z.output<typeof payloadSchema>;

type Opened = { state: Exclude<TokenState, 'ok'> } | { state: 'ok'; row: AccountRow; payload: Payload };

const passwordTime = ({ passwordSetAt }: AccountRow) => passwordSetAt?.getTime() ?? null;

export function createEmailChangeService(deps: EmailChangeDeps): EmailChange {
  const { db, tokens, currentPassword: password, limiter, audit, settings } = deps;
  const rows = createAccountRepository(db);
  const mails = createEmailChangeMails(deps);
  const cancel = (accountId: string) => tokens.consumeAll(KIND, { accountId });

  async function requireAllowed(key: string, limit: Limit): Promise<void> {
    const { allowed, retryAfterSeconds } = await limiter.consume(key, limit);
    if (!allowed) throw emailChangeRateLimited(retryAfterSeconds);
  }

  /**
   * Keeps the request, unless the account was reset, disabled or ended since `row` was read. It is looked at again after the insert: whoever
   * ended it before that is seen here, and whoever does so later uses the link up.
   */
  async function keep(row: AccountRow, newEmail: string, taken: boolean): Promise<{ token: string; expiresAt: Date }> {
    await cancel(row.id);
    const payload: Payload = {
      from: row.email,
      to: newEmail,
      passwordSetAt: passwordTime(row),
      generation: row.signInGeneration,
      decoy: taken,
    };
    const issued = await tokens.issue({ kind: KIND, accountId: row.id, payload, ttlSeconds: settings.ttlSeconds });
    const now = await rows.find({ id: row.id });
    if (now && now.status === 'active' && isStill(now, payload)) return issued;
    await cancel(row.id);
    throw superseded();
  }

  const isStill = (row: AccountRow, { from, passwordSetAt, generation }: Payload) =>
    row.email === from && passwordTime(row) === passwordSetAt && row.signInGeneration === generation;
  const read = (content: TokenContent): Payload => payloadSchema.parse(content.payload);

  async function open(token: string): Promise<Opened> {
    const { state, content } = await tokens.inspect(KIND, token);
    if (state === 'unknown' || !content?.accountId) return { state: 'unknown' };
    const payload = read(content);
    if (payload.decoy) return { state: 'unknown' };
    if (state !== 'ok') return { state };
    const row = await rows.find({ id: content.accountId });
    if (row?.status !== 'active') return { state: 'unknown' };
    return isStill(row, payload) ? { state, row, payload } : { state: 'used' };
  }

  /** Locks links before the account, as a reset does, and links in one order. */
  async function claim(token: string, { id, passwordSetAt, signInGeneration }: AccountRow, { from, to }: Payload): Promise<Date> {
    const at = nowDate();
    await rows.transaction(async (tx) => {
      for (const kind of [KIND, 'email_verification', 'password_reset'] as const) await tokens.lock(kind, { accountId: id }, { tx });
      await tokens.consume(KIND, token, { tx });
      for (const kind of [KIND, 'email_verification', 'password_reset'] as const) await tokens.consumeAll(kind, { accountId: id }, { tx });
      const still = { id, email: from, status: 'active', passwordSetAt, signInGeneration } as const;
      if (!(await rows.change(still, { email: to, emailVerifiedAt: at }, at, tx))) throw tokenFault('used');
    });
    return at;
  }

  return {
    request: ({ accountId, currentPassword, newEmail: typed, ip }) =>
      password.withFloor(WRONG_CURRENT, async () => {
        const row = await rows.find({ id: accountId });
        if (!row) throw accountNotFound();
        const { newEmail } = readInput(requestSchema, { newEmail: typed });
        if (newEmail === row.email) throw emailUnchanged();
        await password.require(row, { currentPassword, ip }, { code: WRONG_CURRENT, event: 'email.change_failed' });
        await requireAllowed(`email_changes:${networkOf(ip)}`, NETWORK_LIMIT);
        await requireAllowed(`email_changes_of:${row.id}`, ACCOUNT_LIMIT);
        const taken = (await rows.find({ email: newEmail })) !== null;
        const issued = await keep(row, newEmail, taken);
        await mails.toNew(newEmail, { ...issued, taken }, settings.ttlSeconds);
        await mails.requested(row);
        await audit.record({ type: 'email.change_requested', outcome: 'success', actorId: row.id, subjectId: row.id, ip });
      }),

    async findPending(accountId) {
      const [content] = await tokens.listLive(KIND, { accountId });
      const row = content && (await rows.find({ id: accountId }));
      if (!row || !isStill(row, read(content))) return null;
      return { newEmail: read(content).to, expiresAt: content.expiresAt };
    },

    async cancel(accountId, { ip } = {}) {
      const pending = await tokens.listLive(KIND, { accountId });
      await cancel(accountId);
      if (pending.length > 0)
        await audit.record({ type: 'email.change_cancelled', outcome: 'success', actorId: accountId, subjectId: accountId, ip });
    },

    async inspect(token) {
      const opened = await open(token);
      if (opened.state !== 'ok') return { state: opened.state };
      return { state: 'ok', newEmail: opened.payload.to, oldEmail: opened.payload.from };
    },

    async confirm({ token, ip }) {
      const opened = await open(token);
      if (opened.state !== 'ok') throw tokenFault(opened.state);
      const { row, payload } = opened;
      const at = await claim(token, row, payload).catch((error: unknown) => {
        throw db.isUniqueViolation(error) ? emailChangeTaken() : error;
      });
      await mails.changed(row);
      await audit.record({ type: 'email.changed', outcome: 'success', actorId: row.id, subjectId: row.id, ip });
      return toAccount({ ...row, email: payload.to, emailVerifiedAt: at, updatedAt: at });
    },
  };
}
