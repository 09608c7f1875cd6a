/**
 * Owns: a new password for somebody who is signed in, or from an operator; what ends with the old one.
 * Does not own: forgotten passwords (recovery), what a password must be (passwords).
 */
import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import type { Database } from '../../platform/db/index.js';
import { AppError } from '../../platform/errors.js';
import type { Mailer } from '../../platform/mail/index.js';
import { type AccountRow, accountNotFound, createAccountRepository, personalWords } from '../accounts/index.js';
import type { Links } from '../links.js';
import { type AttemptGuard, type DeviceTokens, withFailureFloor } from '../login/index.js';
import type { OneTimeTokens } from '../one-time-tokens/index.js';
import type { Passwords } from '../passwords/index.js';
import type { SessionEnder } from '../session-ender.js';

export type PasswordChange = {
  /**
   * Changes one's own password. Ends every other session and refresh token, every reset link, and tells the owner.
   * @throws AppError `password_change.wrong_current` 401, `password_change.unchanged` 422, `password_change.conflict` 409 (somebody else changed
   *   it meanwhile), `passwords.too_short|too_long|too_common|too_weak` 422, `login.locked` 403 after too many wrong ones,
   *   `login.rate_limited` 429, `passwords.busy` 503, `accounts.not_found` 404
   */
  change(request: {
    accountId: string;
    currentPassword: string;
    newPassword: string;
    keepSessionUid?: string | undefined;
    ip?: string | undefined;
    deviceToken?: string | undefined;
  }): Promise<{ deviceToken: string }>;
  /** An operator sets it: every session ends. @throws AppError `accounts.not_found`, `passwords.*` */
  set(request: { accountId: string; newPassword: string; actorId?: string | undefined; ip?: string | undefined }): Promise<void>;
};

export type PasswordChangeDeps = {
  db: Database;
  tokens: Pick<OneTimeTokens, 'consumeAll'>;
  passwords: Passwords;
  guard: AttemptGuard;
  devices: DeviceTokens;
  sessions: SessionEnder;
  mailer: Pick<Mailer, 'send'>;
  audit: Audit;
  links: Links;
  settings: { failureFloorMs: number };
};

const heldCodes = new Set(['password_change.wrong_current', 'login.locked']);

export function createPasswordChange(deps: PasswordChangeDeps): PasswordChange {
  const { db, tokens, passwords, guard, devices, sessions, mailer, audit, links, settings } = deps;
  const rows = createAccountRepository(db);
  const get = async (id: string) => {
    const row = await rows.find({ id });
    if (!row) throw accountNotFound();
    return row;
  };

  /** A session that was left open is no licence to guess: the same counters as at sign-in, under a name of their own. */
  async function requireCurrent(row: AccountRow, currentPassword: string, ip: string | undefined): Promise<void> {
    const keys = { told: `password_change:${row.id}` };
    await guard.requireOpen(ip, keys);
    const { ok } = await passwords.verify(row.passwordHash, currentPassword);
    if (ok) return guard.requireSuccessAllowed(ip, keys);
    await audit.record({ type: 'password.change_failed', outcome: 'failure', actorId: row.id, subjectId: row.id, ip });
    await guard.recordFailure(ip, keys);
    const message = 'This is not your current password.';
    throw new AppError('password_change.wrong_current', 401, message, { details: [{ path: 'currentPassword', message }] });
  }

  async function replace(row: AccountRow, newPassword: string, exceptSessionUid?: string): Promise<Date> {
    await passwords.requireAcceptable(newPassword, personalWords(row));
    const passwordHash = await passwords.hash(newPassword);
    const at = nowDate();
    // Conditional on the hash that was verified: a reset that came between is not undone.
    if (!(await rows.change({ id: row.id, passwordHash: row.passwordHash }, { passwordHash, passwordSetAt: at }, at))) {
      throw new AppError('password_change.conflict', 409, 'The password has just been changed elsewhere.');
    }
    await tokens.consumeAll('password_reset', { accountId: row.id });
    await sessions.endAll(row.id, { exceptSessionUid });
    await mailer.send({
      to: row.email,
      template: 'password-changed',
      data: { name: row.fullName ?? undefined, accountUrl: links.account, forgotUrl: links.forgot, at },
    });
    return at;
  }

  return {
    change: ({ accountId, currentPassword, newPassword, keepSessionUid, ip, deviceToken }) =>
      withFailureFloor({ floorMs: settings.failureFloorMs, codes: heldCodes }, async () => {
        const row = await get(accountId);
        await requireCurrent(row, currentPassword, ip);
        if (newPassword === currentPassword) {
          const message = 'This is the password you have already.';
          throw new AppError('password_change.unchanged', 422, message, { details: [{ path: 'newPassword', message }] });
        }
        const passwordSetAt = await replace(row, newPassword, keepSessionUid);
        await audit.record({ type: 'password.changed', outcome: 'success', actorId: row.id, subjectId: row.id, ip });
        return { deviceToken: devices.issue(deviceToken, { id: row.id, passwordSetAt }) };
      }),
    async set({ accountId, newPassword, actorId, ip }) {
      await replace(await get(accountId), newPassword);
      await audit.record({ type: 'password.set', outcome: 'success', actorId, subjectId: accountId, ip });
    },
  };
}
