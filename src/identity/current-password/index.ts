/**
 * Owns: that somebody who is signed in gives their password once more before something that could lock them out: counted, limited, and
 * answered no sooner than any failed sign-in.
 * Does not own: signing in (login), what is then changed.
 */
import type { Audit, AuditEventType } from '../../platform/audit/index.js';
import { AppError } from '../../platform/errors.js';
import type { AccountRow } from '../accounts/index.js';
import { type AttemptGuard, currentPasswordKey, withFailureFloor } from '../login/index.js';
import type { Passwords } from '../passwords/index.js';

export type CurrentPassword = {
  /**
   * A session that was left open is no licence to guess: the same counters as at sign-in, under a name of their own, whatever it is asked for.
   * @param refused code of the error and type of the event for a wrong one
   * @throws AppError with that code 401 (`details`: currentPassword), `login.locked` 403 after too many wrong ones, `login.rate_limited` 429,
   *   `passwords.busy` 503
   */
  require(
    row: AccountRow,
    given: { currentPassword: string; ip?: string | undefined },
    refused: { code: string; event: AuditEventType },
  ): Promise<void>;
  /** Runs work that calls `require`; when that refuses, the answer waits for the common floor. */
  withFloor<Result>(code: string, work: () => Promise<Result>): Promise<Result>;
};

export type CurrentPasswordDeps = {
  passwords: Pick<Passwords, 'verify'>;
  guard: AttemptGuard;
  audit: Audit;
  settings: { failureFloorMs: number };
};

export function createCurrentPassword({ passwords, guard, audit, settings }: CurrentPasswordDeps): CurrentPassword {
  return {
    async require(row, { currentPassword, ip }, { code, event }) {
      const keys = { told: currentPasswordKey(row) };
      await guard.requireOpen(ip, keys);
      const { ok } = await passwords.verify(row.passwordHash, currentPassword);
      if (ok) return guard.requireSuccessAllowed(ip, keys);
      await audit.record({ type: event, outcome: 'failure', actorId: row.id, subjectId: row.id, ip });
      await guard.recordFailure(ip, keys);
      const message = 'This is not your current password.';
      throw new AppError(code, 401, message, { details: [{ path: 'currentPassword', message }] });
    },
    withFloor: (code, work) => withFailureFloor({ floorMs: settings.failureFloorMs, codes: new Set([code, 'login.locked']) }, work),
  };
}
