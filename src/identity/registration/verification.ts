import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import { sha256 } from '../../platform/crypto/index.js';
import type { Database, Transaction } from '../../platform/db/index.js';
import type { Lockout } from '../../platform/limits/index.js';
import { type Account, type Accounts, createAccountRepository, foldUsername, toAccount } from '../accounts/index.js';
import type { Endings } from '../endings/index.js';
import { type AttemptGuard, allLocks, type DeviceTokens, type SignInDevices } from '../login/index.js';
import { type TokenState, tokenFault } from '../one-time-tokens/index.js';
import type { Passwords } from '../passwords/index.js';
import type { SignInTickets } from '../sign-in-tickets/index.js';
import type { Attempt, Attempts } from './attempts.js';
import { passwordRequired, wrongPassword } from './errors.js';

export type VerifyRequest = {
  token: string;
  /** the registering browser's cookie */
  browserToken?: string | undefined;
  /** the password of that attempt, from any other browser */
  password?: string | undefined;
  /** For an account that is there already the token alone is proof, for programs that ask for nothing else; sign-ins and API keys end then. */
  tokenSuffices?: boolean | undefined;
  ip?: string | undefined;
  userAgent?: string | undefined;
  deviceToken?: string | undefined;
};

export type Verified = {
  account: Account;
  sameBrowser: boolean;
  /** what the registration was given to go on with */
  continueTo?: string | undefined;
  /** signs the person in, once; absent for an account that is disabled */
  signInTicket?: string | undefined;
  /** for the browser to keep: it is not a new device at the next sign-in */
  deviceToken: string;
};

export type Verification = {
  /** What the page that the link opens may know; uses nothing up. Without `sameBrowser` the password is asked for. */
  inspect(
    token: string,
    options?: { browserToken?: string | undefined },
  ): Promise<{ state: TokenState; email?: string; sameBrowser: boolean; continueTo?: string | undefined }>;
  /**
   * Confirms the address: the attempt becomes the account, every other link of the address stops working. Of any number of calls at once one
   * succeeds, and a call that fails for its password uses nothing up.
   * @throws AppError `token.unknown|expired|already_used` 400, `registration.password_required` 401, `registration.wrong_password` 401,
   *   `login.locked` 403, `login.rate_limited` 429, `passwords.busy` 503
   */
  verify(request: VerifyRequest): Promise<Verified>;
};

export type VerificationDeps = {
  db: Database;
  accounts: Accounts;
  attempts: Attempts;
  passwords: Pick<Passwords, 'verify'>;
  guard: AttemptGuard;
  lockout: Pick<Lockout, 'unlock'>;
  devices: DeviceTokens;
  tickets: Pick<SignInTickets, 'issue'>;
  signInDevices: Pick<SignInDevices, 'remember'>;
  endings: Pick<Endings, 'endPredecessor'>;
  audit: Audit;
};

type Claim = { accountId: string; takenOver: boolean };

export function createVerification(deps: VerificationDeps): Verification {
  const { db, accounts, attempts, passwords, guard, devices, signInDevices, tickets, endings, audit } = deps;
  const rows = createAccountRepository(db);

  /** Another browser proves with the password that it belongs to who registered. */
  async function requirePassword(attempt: Attempt, { token, password, ip }: VerifyRequest, accountId: string | null): Promise<void> {
    if (!password) throw passwordRequired();
    const keys = { told: `verification:${sha256(token)}` };
    await guard.requireOpen(ip, keys);
    const hash = attempt.passwordHash ?? (accountId === null ? null : ((await rows.find({ id: accountId }))?.passwordHash ?? null));
    if (!(await passwords.verify(hash, password)).ok) {
      await guard.recordFailure(ip, keys);
      throw wrongPassword();
    }
    await guard.requireSuccessAllowed(ip, keys);
  }

  /** One transaction, which begins with the use of the token: whoever else holds a link of this address waits, and then has none. */
  async function claim(token: string, attempt: Attempt, accountId: string | null, withUsername: boolean): Promise<Claim> {
    return rows.transaction(async (tx) => {
      await attempts.consume(token, attempt, accountId, tx);
      const claimed = accountId === null ? await claimAddress(attempt, withUsername, tx) : await confirmAccount(accountId, attempt, tx);
      await attempts.consumeAll(attempt.email, claimed.accountId, tx);
      return claimed;
    });
  }

  /** A link confirms the address it was mailed to and no other: the account may have been given another one since. */
  async function confirmAccount(accountId: string, { email }: Attempt, tx: Transaction): Promise<Claim> {
    const at = nowDate();
    if (!(await rows.change({ id: accountId, email, emailVerifiedAt: null }, { emailVerifiedAt: at }, at, tx))) throw tokenFault('used');
    return { accountId, takenOver: false };
  }

  async function claimAddress(attempt: Attempt, withUsername: boolean, tx: Transaction): Promise<Claim> {
    const { email, passwordHash, firstName, lastName, fullName } = attempt;
    const existing = await rows.find({ email }, tx);
    const username = withUsername ? await freeUsername(attempt.username, existing?.id, tx) : null;
    if (!existing) {
      const account = await accounts.create(
        { email, username, firstName, lastName, fullName, verified: true, ...(passwordHash === null ? {} : { passwordHash }) },
        { tx },
      );
      return { accountId: account.id, takenOver: false };
    }
    const at = nowDate();
    const change = {
      ...{ firstName, lastName, fullName, username, usernameKey: username === null ? null : foldUsername(username) },
      ...(passwordHash === null ? {} : { passwordHash, passwordSetAt: at }),
      emailVerifiedAt: at,
    };
    // Somebody made an account of this address and never confirmed it. The owner of the address has it now, and nothing they left in it.
    if (!(await rows.change({ id: existing.id, email, emailVerifiedAt: null }, change, at, tx))) throw tokenFault('used');
    return { accountId: existing.id, takenOver: true };
  }

  /** A username that was taken since is no reason to refuse an address; another can be chosen later. */
  async function freeUsername(username: string | null, ownId: string | undefined, tx: Transaction): Promise<string | null> {
    if (username === null) return null;
    const holder = await rows.find({ usernameKey: foldUsername(username) }, tx);
    return holder && holder.id !== ownId ? null : username;
  }

  return {
    async inspect(token, { browserToken } = {}) {
      const found = await attempts.inspect(token);
      if (found.state === 'unknown') return { state: 'unknown', sameBrowser: false };
      const { state, attempt } = found;
      const sameBrowser = attempts.isFromBrowser(attempt, browserToken);
      return { state, email: attempt.email, sameBrowser, continueTo: attempt.continueTo ?? undefined };
    },

    async verify(request) {
      const { token, browserToken, ip, deviceToken } = request;
      const found = await attempts.inspect(token);
      if (found.state !== 'ok') throw tokenFault(found.state);
      const { attempt, accountId } = found;
      const sameBrowser = attempts.isFromBrowser(attempt, browserToken);
      const proven = sameBrowser || (request.tokenSuffices === true && accountId !== null);
      if (!proven) await requirePassword(attempt, request, accountId);

      const claimed = await claim(token, attempt, accountId, true).catch((error: unknown) => {
        // Somebody took the username, or the address, in this very moment: what is true now decides.
        if (!db.isUniqueViolation(error)) throw error;
        return claim(token, attempt, accountId, false);
      });
      // The token alone says whose the address is, not who made the account: that may be somebody else, who then has nothing left in it.
      const byTokenAlone = proven && !sameBrowser;
      if (claimed.takenOver || byTokenAlone) await endings.endPredecessor(claimed.accountId);
      const row = await rows.find({ id: claimed.accountId });
      if (!row) throw tokenFault('used');
      await deps.lockout.unlock(allLocks(row));
      // Confirming signs in, from here: it is no new device later, and no later sign-in is the first.
      await signInDevices.remember(row, request);
      await audit.record({
        type: 'account.verified',
        outcome: 'success',
        actorId: row.id,
        subjectId: row.id,
        ip,
        detail: { takenOver: claimed.takenOver },
      });
      return {
        account: toAccount(row),
        sameBrowser,
        continueTo: attempt.continueTo ?? undefined,
        signInTicket: row.status === 'active' ? await tickets.issue({ accountId: row.id, generation: row.signInGeneration }) : undefined,
        deviceToken: devices.issue(deviceToken, row),
      };
    },
  };
}
