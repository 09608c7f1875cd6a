/**
 * Owns: a new password for somebody who is signed in, or from an operator; what ends with the old one.
 * Does not own: forgotten passwords (recovery), what a password must be (passwords).
 */
import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import type { Database, Transaction } from '../../platform/db/index.js';
import { AppError } from '../../platform/errors.js';
import type { Lockout } from '../../platform/limits/index.js';
import type { Mailer } from '../../platform/mail/index.js';
import { type AccountRow, accountNotFound, createAccountRepository, personalWords } from '../accounts/index.js';
import type { ApiKeys } from '../api-keys/index.js';
import type { CurrentPassword } from '../current-password/index.js';
import type { Endings } from '../endings/index.js';
import type { Links } from '../links.js';
import { allLocks, type DeviceTokens } from '../login/index.js';
import type { OneTimeTokens } from '../one-time-tokens/index.js';
import type { Asker, PasswordJudgement } from '../password-judgement/index.js';
import type { Passwords } from '../passwords/index.js';
import type { AdminGuard, RankJudge } from '../roles/index.js';
import type { SessionEnder } from '../session-ender.js';

export type PasswordChange = {
  /**
   * Changes one's own password. Ends every other session and refresh token, every reset link and an e-mail change that waits, and tells the
   * owner, also how many API keys go on working.
   * @throws AppError `password_change.wrong_current` 401, `password_change.unchanged` 422, `password_change.conflict` 409 (somebody else changed
   *   it meanwhile), `passwords.too_short|too_long|too_common|too_weak|breached` 422, `login.locked` 403 after too many wrong ones,
   *   `login.rate_limited` and `passwords.rate_limited` 429, `passwords.busy` 503, `accounts.not_found` 404
   */
  change(request: {
    accountId: string;
    currentPassword: string;
    newPassword: string;
    keepSessionUid?: string | undefined;
    ip?: string | undefined;
    deviceToken?: string | undefined;
  }): Promise<{ deviceToken: string }>;
  /** An operator sets it: everything the account holds ends, API keys too, and every lock opens. @throws AppError `accounts.not_found`, `passwords.*` */
  set(request: {
    accountId: string;
    newPassword: string;
    actorId?: string | undefined;
    ip?: string | undefined;
    /** may refuse, for what the account may do in the moment in which the password becomes its own */
    judge?: RankJudge | undefined;
  }): Promise<void>;
};

export type PasswordChangeDeps = {
  db: Database;
  tokens: Pick<OneTimeTokens, 'consumeAll'>;
  passwords: Pick<Passwords, 'hash'>;
  judgement: PasswordJudgement;
  lockout: Pick<Lockout, 'unlock'>;
  roles: Pick<AdminGuard, 'judged'>;
  currentPassword: CurrentPassword;
  devices: DeviceTokens;
  sessions: SessionEnder;
  endings: Pick<Endings, 'endEverything'>;
  apiKeys: Pick<ApiKeys, 'countLiving'>;
  mailer: Pick<Mailer, 'send'>;
  audit: Audit;
  links: Links;
};

const WRONG_CURRENT = 'password_change.wrong_current';

export function createPasswordChange(deps: PasswordChangeDeps): PasswordChange {
  const {
    db,
    tokens,
    passwords,
    judgement,
    lockout,
    roles,
    currentPassword: current,
    devices,
    sessions,
    endings,
    apiKeys,
    mailer,
    audit,
    links,
  } = deps;
  const rows = createAccountRepository(db);
  const get = async (id: string) => {
    const row = await rows.find({ id });
    if (!row) throw accountNotFound();
    return row;
  };

  async function replace(row: AccountRow, newPassword: string, asker: Asker | null, judge?: RankJudge): Promise<Date> {
    await judgement.requireAcceptable(newPassword, personalWords(row), asker);
    const passwordHash = await passwords.hash(newPassword);
    const at = nowDate();
    // Conditional on the hash that was verified: a reset that came between is not undone.
    const write = (tx?: Transaction) =>
      rows.change({ id: row.id, passwordHash: row.passwordHash }, { passwordHash, passwordSetAt: at }, at, tx);
    if (!(await (judge ? roles.judged(row.id, judge, write) : write()))) {
      throw new AppError('password_change.conflict', 409, 'The password has just been changed elsewhere.');
    }
    for (const kind of ['password_reset', 'email_change'] as const) await tokens.consumeAll(kind, { accountId: row.id });
    return at;
  }

  async function tellOwner(row: AccountRow, at: Date, apiKeys: { living: number } | { ended: number }): Promise<void> {
    await mailer.send({
      to: row.email,
      template: 'password-changed',
      data: { name: row.fullName ?? undefined, accountUrl: links.account, forgotUrl: links.forgot, at, apiKeys },
    });
  }

  return {
    change: ({ accountId, currentPassword, newPassword, keepSessionUid, ip, deviceToken }) =>
      current.withFloor(WRONG_CURRENT, async () => {
        const row = await get(accountId);
        await current.require(row, { currentPassword, ip }, { code: WRONG_CURRENT, event: 'password.change_failed' });
        if (newPassword === currentPassword) {
          const message = 'This is the password you have already.';
          throw new AppError('password_change.unchanged', 422, message, { details: [{ path: 'newPassword', message }] });
        }
        const passwordSetAt = await replace(row, newPassword, { accountId, ip });
        await sessions.endAll(row.id, { exceptSessionUid: keepSessionUid });
        await tellOwner(row, passwordSetAt, { living: await apiKeys.countLiving(row.id) });
        await audit.record({ type: 'password.changed', outcome: 'success', actorId: row.id, subjectId: row.id, ip });
        return { deviceToken: devices.issue(deviceToken, { id: row.id, passwordSetAt }) };
      }),
    async set({ accountId, newPassword, actorId, ip, judge }) {
      const row = await get(accountId);
      const at = await replace(row, newPassword, actorId === undefined ? null : { accountId: actorId, ip }, judge);
      // Whoever was locked out asked an operator for exactly this.
      await lockout.unlock(allLocks(row));
      await tellOwner(row, at, { ended: (await endings.endEverything(accountId)).apiKeys });
      await audit.record({ type: 'password.set', outcome: 'success', actorId, subjectId: accountId, ip });
    },
  };
}
