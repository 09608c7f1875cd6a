import type { Audit } from '../../platform/audit/index.js';
import type { Database } from '../../platform/db/index.js';
import { type Limit, networkOf, type RateLimiter } from '../../platform/limits/index.js';
import type { Mailer } from '../../platform/mail/index.js';
import {
  type Account,
  type Accounts,
  foldEmail,
  foldUsername,
  newAccountSchema,
  type ProfileInput,
  personalWords,
  readInput,
  usernameTaken,
} from '../accounts/index.js';
import type { Links } from '../links.js';
import type { PasswordJudgement } from '../password-judgement/index.js';
import type { Passwords } from '../passwords/index.js';
import type { Attempt, Attempts } from './attempts.js';
import { registrationRateLimited } from './errors.js';
import { createRegistrationMails } from './mails.js';
import type { Verification } from './verification.js';

type Applicant = ProfileInput & { email: string; password: string };

export type Registration = Verification & {
  /**
   * Registers as the pages do: whatever the address, the answer and the work are the same, and the mail tells the rest. There is an account
   * when the link is followed. `continueTo` is kept sealed and given back then; the pages know what it means.
   * @returns a random value for a cookie of the registering browser
   * @throws AppError `accounts.invalid_input`, `passwords.too_short|too_long|too_common|too_weak|breached` 422, `accounts.username_taken` 409,
   *   `registration.rate_limited` and `passwords.rate_limited` 429, `passwords.busy` 503
   */
  register(applicant: Applicant & { ip?: string | undefined; continueTo?: string | undefined }): Promise<{ browserToken: string }>;
  /**
   * Makes the account at once, for operators and programs, and tells when the address is taken. Without `verified` the link goes out by mail.
   * Without `ip` nothing is limited.
   * @throws AppError as `register`, and `accounts.email_taken` 409
   */
  createAccount(
    applicant: Applicant & {
      verified?: boolean | undefined;
      roles?: readonly string[] | undefined;
      ip?: string | undefined;
      actorId?: string | undefined;
    },
  ): Promise<Account>;
  /** Sends the mail again to whoever waits for one; answers and works the same for everybody else. @throws AppError `registration.rate_limited` 429 */
  resend(request: { email: string; ip?: string | undefined; browserToken?: string | undefined }): Promise<void>;
  /** The password hash of an attempt that this browser made for the address, if one waits. */
  findPendingHash(pending: { email: string; browserToken: string }): Promise<string | null>;
};

export type RegistrationDeps = {
  db: Database;
  accounts: Accounts;
  attempts: Attempts;
  passwords: Pick<Passwords, 'hash'>;
  judgement: PasswordJudgement;
  verification: Verification;
  limiter: RateLimiter;
  mailer: Pick<Mailer, 'send'>;
  audit: Audit;
  links: Links;
  settings: { registrationsPerHour: number; resendsPerHour: number; verificationTtlSeconds: number };
};

/** That a username is taken must be told; this is how often it may be asked. */
const USERNAME_LIMIT: Limit = { points: 30, windowSeconds: 3600 };
const MAX_CONTINUE_CHARS = 2048;

export function createRegistration(deps: RegistrationDeps): Registration {
  const { accounts, attempts, passwords, limiter, audit, settings } = deps;
  const mails = createRegistrationMails(deps);
  const ttlSeconds = settings.verificationTtlSeconds;

  /** The core of both ways: what was typed is read, judged, limited and hashed, without a look at who has the address. */
  async function prepare({ password, ip, ...input }: Applicant & { ip?: string | undefined }, limited: boolean) {
    const { email, ...profile } = readInput(newAccountSchema, {
      email: input.email,
      username: input.username,
      firstName: input.firstName,
      lastName: input.lastName,
      fullName: input.fullName,
    });
    const { username = null, firstName = null, lastName = null, fullName = null } = profile;
    const network = networkOf(ip);
    const words = personalWords({ email, username, firstName, lastName, fullName });
    await deps.judgement.requireAcceptable(password, words, limited ? { ip } : null);
    if (username !== null && limited) await requireAllowed(`usernames:${network}`, USERNAME_LIMIT);
    if (username !== null && (await accounts.findByIdentifier(foldUsername(username)))) throw usernameTaken();
    if (limited) await requireAllowed(`registrations:${network}`, { points: settings.registrationsPerHour, windowSeconds: 3600 });
    return { email, username, firstName, lastName, fullName, passwordHash: await passwords.hash(password) };
  }

  async function requireAllowed(key: string, limit: Limit): Promise<void> {
    const { allowed, retryAfterSeconds } = await limiter.consume(key, limit);
    if (!allowed) throw registrationRateLimited(retryAfterSeconds);
  }

  /** An address is taken by who has confirmed it, and by who was disabled. */
  const isTaken = (account: Account | null) => account !== null && (account.emailVerifiedAt !== null || account.status === 'disabled');

  const bareAttempt = (account: Account): Attempt => ({
    email: account.email,
    browserHash: null,
    passwordHash: null,
    username: null,
    firstName: null,
    lastName: null,
    fullName: null,
    continueTo: null,
    decoy: false,
  });

  return {
    ...deps.verification,
    async register({ continueTo, ...applicant }) {
      const prepared = await prepare(applicant, true);
      const account = await accounts.findByEmail(prepared.email);
      const taken = isTaken(account);
      const browserToken = attempts.newBrowserToken();
      const kept = await attempts.keep({
        ...prepared,
        browserHash: attempts.hashBrowserToken(browserToken),
        continueTo: continueTo?.slice(0, MAX_CONTINUE_CHARS) ?? null,
        decoy: taken,
      });
      if (taken) await mails.alreadyRegistered(prepared.email);
      else await mails.verify(prepared.email, kept, ttlSeconds);
      await audit.record({ type: 'account.registered', outcome: taken ? 'failure' : 'success', subjectId: account?.id, ip: applicant.ip });
      return { browserToken };
    },

    async createAccount({ verified = false, roles, actorId, ...applicant }) {
      const prepared = await prepare(applicant, applicant.ip !== undefined);
      const account = await accounts.create({ ...prepared, verified, ...(roles ? { roles } : {}) });
      if (!verified) await mails.verify(account.email, await attempts.keep(bareAttempt(account), account.id), ttlSeconds);
      await audit.record({
        type: 'account.created',
        outcome: 'success',
        actorId,
        subjectId: account.id,
        ip: applicant.ip,
        detail: { verified },
      });
      return account;
    },

    async resend({ email: identifier, ip, browserToken }) {
      await requireAllowed(`resends:${networkOf(ip)}`, { points: settings.resendsPerHour, windowSeconds: 3600 });
      const typed = identifier.slice(0, 254).replaceAll('\0', '');
      const account = await accounts.findByIdentifier(typed);
      const email = account?.email ?? foldEmail(typed);
      const waiting = await attempts.listWaiting(email);
      const ours = waiting.find((attempt) => attempts.isFromBrowser(attempt, browserToken));
      // This browser's own attempt first, then the account somebody made, then whatever was asked for last.
      const attempt = ours ?? (account && !isTaken(account) ? bareAttempt(account) : waiting[0]);
      if (!attempt || isTaken(account)) {
        await attempts.keepNothing();
        if (attempt) await mails.alreadyRegistered(email);
        else await mails.none(email);
      } else {
        const kept = await attempts.keep(attempt, attempt.passwordHash === null ? account?.id : undefined);
        await mails.verify(email, kept, ttlSeconds);
      }
      await audit.record({ type: 'verification.requested', outcome: 'success', subjectId: account?.id, ip });
    },

    async findPendingHash({ email, browserToken }) {
      const waiting = await attempts.listWaiting(email);
      return waiting.find((attempt) => attempts.isFromBrowser(attempt, browserToken))?.passwordHash ?? null;
    },
  };
}
