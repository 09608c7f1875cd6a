import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import type { AppError } from '../../platform/errors.js';
import type { RateLimiter } from '../../platform/limits/index.js';
import type { Mailer } from '../../platform/mail/index.js';
import { type Account, type AccountRow, type createAccountRepository, foldEmail, foldUsername, toAccount } from '../accounts/index.js';
import type { Links } from '../links.js';
import type { Passwords } from '../passwords/index.js';
import { type AttemptGuard, type AttemptKeys, attemptKeys } from './attempt-guard.js';
import type { DeviceTokens } from './device-tokens.js';
import { invalidCredentials, loginDisabled, loginInteractionRequired, loginUnverified } from './errors.js';
import { withFailureFloor } from './failure-floor.js';
import type { SignInDevices } from './sign-in-devices.js';

export type LoginRequest = {
  /** e-mail address or username */
  identifier: string;
  password: string;
  ip?: string | undefined;
  userAgent?: string | undefined;
  /** from this browser's earlier success */
  deviceToken?: string | undefined;
  /** from this browser's registration, so that somebody who has not confirmed yet is told so */
  browserToken?: string | undefined;
  /** default: the setting for the pages */
  requireVerified?: boolean | undefined;
  /** false for a caller that can ask for nothing more than a password; default true */
  interactive?: boolean | undefined;
};

export type LoginResult = {
  account: Account;
  /** for the browser to keep and give back */
  deviceToken: string;
};

export type Login = {
  /**
   * Signs in with a password.
   * @throws AppError `login.invalid_credentials` 401 (unknown account and wrong password alike), `login.locked` 403, and with the right
   *   password only `login.disabled` 403, `login.unverified` 403, `login.interaction_required` 403; `login.rate_limited` 429, `passwords.busy` 503
   */
  withPassword(request: LoginRequest): Promise<LoginResult>;
};

export type LoginDeps = {
  accounts: ReturnType<typeof createAccountRepository>;
  passwords: Pick<Passwords, 'verify' | 'hash' | 'failureFloorMs'>;
  guard: AttemptGuard;
  devices: DeviceTokens;
  signInDevices: SignInDevices;
  /** the password hash of a registration in this browser that waits for its confirmation */
  findPendingHash(pending: { email: string; browserToken: string }): Promise<string | null>;
  /** whether an account needs more than its password */
  requiresInteraction(accountId: string): Promise<boolean>;
  limiter: Pick<RateLimiter, 'consume'>;
  mailer: Pick<Mailer, 'send'>;
  audit: Audit;
  links: Links;
  log: { warn(fields: object, message: string): void };
  settings: { failureFloorMs: number; requireVerifiedEmail: boolean; lockMinutes: number };
};

/** All of them wait for the floor; the others say nothing about an account. */
const heldCodes = new Set(['login.invalid_credentials', 'login.locked', 'login.disabled', 'login.unverified']);
const MAX_IDENTIFIER_CHARS = 254;
/** A mail about a lock is sent once in this time, so that locking is no way to fill a mailbox. */
const LOCK_MAIL_LIMIT = { points: 1, windowSeconds: 24 * 60 * 60 };

export function createLogin(deps: LoginDeps): Login {
  const { accounts, passwords, guard, devices, signInDevices, limiter, mailer, audit, links, log, settings } = deps;

  async function withPassword(request: LoginRequest): Promise<LoginResult> {
    const { ip, password } = request;
    const { identifier, isEmail } = foldIdentifier(request.identifier);
    const row = await accounts.find(isEmail ? { email: identifier } : { usernameKey: identifier });
    const deviceId = row && devices.read(request.deviceToken, row);
    const keys = attemptKeys({ identifier, accountId: row?.id ?? null, deviceId });

    const { lockedUntold } = await guard.requireOpen(ip, keys);
    const { ok, needsRehash } = await passwords.verify(row && !lockedUntold ? row.passwordHash : null, password);
    if (!row || !ok) {
      await guardFailure(request, keys, row);
      if (await isPending(request, isEmail ? identifier : null)) throw loginUnverified();
      throw invalidCredentials();
    }
    await guard.requireSuccessAllowed(ip, keys);
    await requireUsable(row, request);
    if (needsRehash) await upgradeHash(row, password);
    // Remembered whether or not the cookie knows it: that is how the first sign-in is told from the others.
    const novelty = await signInDevices.remember(row, request);
    const newDevice = deviceId === null && novelty !== 'known';
    if (newDevice && novelty === 'new') await announceDevice(row, request);
    await audit.record({
      type: 'login.succeeded',
      outcome: 'success',
      actorId: row.id,
      subjectId: row.id,
      ip,
      detail: { newDevice },
    });
    return { account: toAccount(row), deviceToken: devices.issue(request.deviceToken, row) };
  }

  /** Counts the failure. Unknown accounts write as many rows as known ones. */
  async function guardFailure({ ip }: LoginRequest, keys: AttemptKeys, row: AccountRow | null): Promise<void> {
    const { justLocked } = await guard.recordFailure(ip, keys);
    await audit.record({
      type: 'login.failed',
      outcome: 'failure',
      subjectId: row?.id,
      ip,
      detail: { reason: row ? 'wrong_password' : 'unknown_account' },
    });
    if (justLocked && row) void announceLock(row, ip);
  }

  /** Somebody who registered in this very browser and has not confirmed yet is told that, whether or not the address was free. */
  async function isPending({ browserToken, password }: LoginRequest, email: string | null): Promise<boolean> {
    if (!browserToken || email === null) return false;
    const hash = await deps.findPendingHash({ email, browserToken });
    return hash !== null && (await passwords.verify(hash, password)).ok;
  }

  /** Told only after a right password. */
  async function requireUsable(row: AccountRow, request: LoginRequest): Promise<void> {
    const refused = await findRefusal(row, request);
    if (!refused) return;
    const { ip } = request;
    await audit.record({ type: 'login.refused', outcome: 'failure', subjectId: row.id, ip, detail: { reason: refused.code } });
    throw refused;
  }

  async function findRefusal(row: AccountRow, request: LoginRequest): Promise<AppError | null> {
    const { requireVerified = settings.requireVerifiedEmail, interactive = true } = request;
    if (row.status !== 'active') return loginDisabled();
    if (requireVerified && row.emailVerifiedAt === null) return loginUnverified();
    return !interactive && (await deps.requiresInteraction(row.id)) ? loginInteractionRequired(links.login) : null;
  }

  /** The password is right whatever becomes of this. */
  async function upgradeHash({ id, passwordHash }: AccountRow, password: string): Promise<void> {
    try {
      if (passwordHash !== null) await accounts.upgradeHash(id, passwordHash, await passwords.hash(password));
    } catch (error) {
      log.warn({ err: error, accountId: id }, 'a password hash could not be upgraded; the next sign-in tries again');
    }
  }

  async function announceDevice(row: AccountRow, { ip, userAgent }: LoginRequest): Promise<void> {
    // An address nobody confirmed may be somebody else's.
    if (row.emailVerifiedAt === null) return;
    await mailer.send({
      to: row.email,
      template: 'new-device-sign-in',
      data: { name: row.fullName ?? undefined, sessionsUrl: links.sessions, forgotUrl: links.forgot, at: nowDate(), userAgent, ip },
    });
  }

  /** Beside the request: nobody who fails may see by the time it takes that there is an account. */
  async function announceLock(row: AccountRow, ip: string | undefined): Promise<void> {
    try {
      await audit.record({ type: 'account.locked', outcome: 'success', subjectId: row.id, ip });
      if (row.emailVerifiedAt === null || !(await limiter.consume(`lock_mail:${row.id}`, LOCK_MAIL_LIMIT)).allowed) return;
      await mailer.send({
        to: row.email,
        template: 'account-locked',
        data: { name: row.fullName ?? undefined, forgotUrl: links.forgot, minutes: settings.lockMinutes, at: nowDate() },
      });
    } catch (error) {
      log.warn({ err: error, accountId: row.id }, 'the mail about a lock could not be sent');
    }
  }

  return {
    withPassword(request) {
      // No failure is told sooner than one at an imported hash could be.
      const floorMs = Math.max(settings.failureFloorMs, passwords.failureFloorMs(request.password));
      return withFailureFloor({ floorMs, codes: heldCodes }, () => withPassword(request));
    },
  };
}

/** What has an @ is an address; usernames have none. */
function foldIdentifier(identifier: string): { identifier: string; isEmail: boolean } {
  // NUL is in no identifier, and PostgreSQL takes none.
  const typed = identifier.slice(0, MAX_IDENTIFIER_CHARS).replaceAll('\0', '');
  return typed.includes('@') ? { identifier: foldEmail(typed), isEmail: true } : { identifier: foldUsername(typed), isEmail: false };
}
