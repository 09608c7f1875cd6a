/**
 * Owns: getting back in with a forgotten password: the mail, the link, the new password, and what ends with the old one.
 * Does not own: what a password must be (passwords), what an account loses with it (endings).
 */
import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import { randomId } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import { AppError } from '../../platform/errors.js';
import { type Limit, type Lockout, networkOf, type RateLimiter } from '../../platform/limits/index.js';
import type { Mailer } from '../../platform/mail/index.js';
import { type Account, type AccountRow, createAccountRepository, foldEmail, personalWords, toAccount } from '../accounts/index.js';
import type { Endings } from '../endings/index.js';
import type { Links } from '../links.js';
import { allLocks, type DeviceTokens } from '../login/index.js';
import { type OneTimeTokens, type TokenState, tokenFault } from '../one-time-tokens/index.js';
import type { PasswordJudgement } from '../password-judgement/index.js';
import type { Passwords } from '../passwords/index.js';

export type Recovery = {
  /**
   * Sends a reset link, if the address has an account that may sign in. Answer and work are the same if not.
   * @throws AppError `recovery.rate_limited` 429
   */
  request(request: { email: string; ip?: string | undefined }): Promise<void>;
  /** What the page that the link opens may know; uses nothing up. */
  inspect(token: string): Promise<{ state: TokenState; email?: string }>;
  /**
   * Sets the password. Confirms the address, since the link proved it; ends every session and refresh token, every API key, an e-mail
   * change that waits, every other reset link and the lock, and for an address that nobody had confirmed also what was allowed to applications;
   * tells the owner. Of any number of calls at once one succeeds, and a refused password uses nothing up.
   * @throws AppError `token.unknown|expired|already_used` 400, `passwords.too_short|too_long|too_common|too_weak|breached` 422,
   *   `passwords.rate_limited` 429, `passwords.busy` 503
   */
  reset(request: {
    token: string;
    newPassword: string;
    ip?: string | undefined;
    deviceToken?: string | undefined;
  }): Promise<Account & { deviceToken: string }>;
};

export type RecoveryDeps = {
  db: Database;
  tokens: OneTimeTokens;
  passwords: Pick<Passwords, 'hash'>;
  judgement: PasswordJudgement;
  lockout: Pick<Lockout, 'unlock'>;
  devices: DeviceTokens;
  endings: Endings;
  limiter: RateLimiter;
  mailer: Pick<Mailer, 'send'>;
  audit: Audit;
  links: Links;
  settings: { resetTtlSeconds: number; resetsPerHour: number };
};

const KIND = 'password_reset';
/** So many reset mails an hour go to one address, whoever asks for them. */
const MAIL_LIMIT: Limit = { points: 5, windowSeconds: 3600 };

export function createRecovery(deps: RecoveryDeps): Recovery {
  const { tokens, passwords, devices, endings, limiter, mailer, audit, links, settings } = deps;
  const rows = createAccountRepository(deps.db);

  /** The token, if it works, and its account. A reset of an account that is gone or disabled leads nowhere. */
  async function open(token: string): Promise<{ state: Exclude<TokenState, 'ok'> } | { state: 'ok'; row: AccountRow }> {
    const { state, content } = await tokens.inspect(KIND, token);
    if (state !== 'ok') return { state };
    const row = content?.accountId ? await rows.find({ id: content.accountId }) : null;
    if (row?.status !== 'active') return { state: 'unknown' };
    // A link that was on its way to an address the account has given up since.
    return (content?.payload as { email?: unknown } | undefined)?.email === row.email ? { state, row } : { state: 'used' };
  }

  async function send(row: AccountRow, { token, expiresAt }: { token: string; expiresAt: Date }): Promise<void> {
    const validHours = Math.max(1, Math.round(settings.resetTtlSeconds / 3600));
    // An unconfirmed account's name was chosen by who knows whom.
    const name = row.emailVerifiedAt === null ? undefined : (row.fullName ?? undefined);
    await mailer.send({
      to: row.email,
      template: 'reset-password',
      data: { name, url: links.resetPassword(token), validHours, expiresAt },
    });
  }

  return {
    async request({ email: typed, ip }) {
      const state = await limiter.consume(`resets:${networkOf(ip)}`, { points: settings.resetsPerHour, windowSeconds: 3600 });
      if (!state.allowed) {
        throw new AppError('recovery.rate_limited', 429, 'Too many requests from your network. Try again later.', state);
      }
      const email = foldEmail(typed.slice(0, 254).replaceAll('\0', ''));
      const row = await rows.find({ email });
      const known = row?.status === 'active' ? row : null;
      const { allowed } = await limiter.consume(`reset_mail:${email}`, MAIL_LIMIT);
      // For nobody, a token for nobody: the same row is written.
      const issued = await tokens.issue({
        kind: KIND,
        accountId: known?.id,
        payload: { nonce: randomId(16), email },
        ttlSeconds: settings.resetTtlSeconds,
      });
      if (known && allowed) await send(known, issued);
      await audit.record({ type: 'password.reset_requested', outcome: known ? 'success' : 'failure', subjectId: row?.id, ip });
    },

    async inspect(token) {
      const opened = await open(token);
      return opened.state === 'ok' ? { state: 'ok', email: opened.row.email } : { state: opened.state };
    },

    async reset({ token, newPassword, ip, deviceToken }) {
      const opened = await open(token);
      if (opened.state !== 'ok') throw tokenFault(opened.state);
      const { row } = opened;
      await deps.judgement.requireAcceptable(newPassword, personalWords(row), { accountId: row.id, ip });
      const passwordHash = await passwords.hash(newPassword);
      const at = nowDate();
      await rows.transaction(async (tx) => {
        await tokens.lock(KIND, { accountId: row.id }, { tx });
        await tokens.consume(KIND, token, { tx });
        await tokens.consumeAll(KIND, { accountId: row.id }, { tx });
        const change = { passwordHash, passwordSetAt: at, emailVerifiedAt: row.emailVerifiedAt ?? at };
        if (!(await rows.change({ id: row.id, email: row.email }, change, at, tx))) throw tokenFault('unknown');
      });
      const { apiKeys } = await (row.emailVerifiedAt === null ? endings.endPredecessor(row.id) : endings.endEverything(row.id));
      await deps.lockout.unlock(allLocks(row));
      await audit.record({ type: 'password.reset', outcome: 'success', actorId: row.id, subjectId: row.id, ip });
      await mailer.send({
        to: row.email,
        template: 'password-changed',
        data: { name: row.fullName ?? undefined, accountUrl: links.account, forgotUrl: links.forgot, at, apiKeys: { ended: apiKeys } },
      });
      const changed = { ...row, passwordHash, passwordSetAt: at, emailVerifiedAt: row.emailVerifiedAt ?? at, updatedAt: at };
      return { ...toAccount(changed), deviceToken: devices.issue(deviceToken, changed) };
    },
  };
}
