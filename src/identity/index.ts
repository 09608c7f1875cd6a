/**
 * Owns: who a person is and how they prove it: accounts, passwords, registration, sign-in, recovery, roles. The rules live here once; pages,
 * API and CLI call them. Does not own: what an application gets (oidc), HTTP, sessions.
 */
import type { KeyObject } from 'node:crypto';
import type { Audit } from '../platform/audit/index.js';
import type { Sealer } from '../platform/crypto/index.js';
import type { Database } from '../platform/db/index.js';
import { createLockout, createRateLimiter, createStandings } from '../platform/limits/index.js';
import type { Mailer } from '../platform/mail/index.js';
import { type AccountAdministration, createAdministration } from './account-administration/index.js';
import { type AccountCreation, createAccountCreation } from './account-creation/index.js';
import { createAccountStatistics } from './account-statistics/index.js';
import { type Accounts, accountNotFound, createAccountRepository, createAccounts } from './accounts/index.js';
import { type ApiKeyRefusal, type ApiKeys, createApiKeys } from './api-keys/index.js';
import type { ConsentForgetter } from './consent-forgetter.js';
import { createCurrentPassword } from './current-password/index.js';
import { createEmailChange, type EmailChange } from './email-change/index.js';
import { createEndings } from './endings/index.js';
import type { Links } from './links.js';
import { allLocks, createAttemptGuard, createDeviceTokens, createLogin, createSignInDevices, type Login } from './login/index.js';
import { createOneTimeTokens } from './one-time-tokens/index.js';
import { createPasswordChange, type PasswordChange } from './password-change/index.js';
import { createPasswordJudgement } from './password-judgement/index.js';
import { createBreachedPasswords, createPasswords, type Passwords, type PasswordsDeps } from './passwords/index.js';
import { createRecovery, type Recovery } from './recovery/index.js';
import { createRegistrationParts, type Registration } from './registration/index.js';
import { createRoles, type Roles } from './roles/index.js';
import type { SessionEnder } from './session-ender.js';
import { createSignInTickets, type SignInTickets } from './sign-in-tickets/index.js';
import { createUserImport, type UserImport } from './user-import/index.js';

export type { AccountAdministration, AccountUpdate, Actor, AdministeredAccount } from './account-administration/index.js';
export type { AccountCreation } from './account-creation/index.js';
export { accountData } from './account-data.js';
export type { AccountStatistics } from './account-statistics/index.js';
export { type Account, type AccountPage, type AccountQuery, type Accounts, displayNameOf, type ProfileInput } from './accounts/index.js';
export {
  type ApiKey,
  type ApiKeyHolder,
  type ApiKeyRefusal,
  type ApiKeys,
  MAX_API_KEY_NAME_CHARS,
  MAX_LIVING_KEYS,
} from './api-keys/index.js';
export type { ConsentForgetter } from './consent-forgetter.js';
export type { EmailChange } from './email-change/index.js';
export { createFirstAdministrator, type FirstAdministrator, requireNoDevelopmentAdministrator } from './first-administrator/index.js';
export { type Links, linksOf } from './links.js';
export type { Login, LoginRequest, LoginResult } from './login/index.js';
export type { PasswordChange } from './password-change/index.js';
export { MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, type PasswordAssessment, type PasswordScheme, type Passwords } from './passwords/index.js';
export type { Recovery } from './recovery/index.js';
export type { Registration } from './registration/index.js';
export { builtInRoles, type Permission, permissions, type Roles } from './roles/index.js';
export type { SessionEnder } from './session-ender.js';
export type { SignInTickets, TicketHolder } from './sign-in-tickets/index.js';
export { IMPORT_MEMBERS, type ImportLine, type ImportSummary, type RejectedLine } from './user-import/index.js';

export type IdentitySettings = {
  /** argon2id */
  hashMemoryKib: number;
  hashPasses: number;
  hashLanes: number;
  /** hashes at a time; default and most: as many as there are cores */
  hashConcurrency?: number | undefined;
  /** hashes that may wait; past it 503 */
  hashQueue: number;
  /** zxcvbn, 0 to 4 */
  passwordMinScore: number;
  /** base URL of a range query for leaked passwords; default: none is asked */
  breachedPasswordsUrl?: string | undefined;
  /** private addresses it may be at; on this machine over plain http in development only */
  outboundAllow?: readonly string[] | undefined;
  env?: 'development' | 'production' | undefined;
  /** a failed sign-in is not answered sooner */
  loginFailureFloorMs: number;
  /** failures within 15 minutes that lock an account for unknown devices, 2 or more */
  lockoutFailures: number;
  limitFailedLoginsPerMinute: number;
  limitRegistrationsPerHour: number;
  /** resets; the same number of repeated verification mails */
  limitResetsPerHour: number;
  verificationTtlSeconds: number;
  resetTtlSeconds: number;
  /** what a sign-in needs whose caller does not say */
  requireVerifiedEmail: boolean;
  brandName: string;
};

export type IdentityDeps = {
  db: Database;
  sealer: Sealer;
  hmacPepper: KeyObject;
  mailer: Pick<Mailer, 'send'>;
  audit: Audit;
  /** ends what an account holds elsewhere */
  sessions: SessionEnder;
  /** forgets what an account allowed applications */
  consents: ConsentForgetter;
  /** counts API keys that were not taken */
  apiKeyRefused?: ((reason: ApiKeyRefusal) => void) | undefined;
  /** how many sign-ins of any kind live, for statistics */
  countSessions(): Promise<{ browser: number; api: number }>;
  links: Links;
  log: { warn(fields: object, message: string): void };
  settings: IdentitySettings;
  /** whether an account needs more than its password; default: none does */
  requiresInteraction?: ((accountId: string) => Promise<boolean>) | undefined;
  /** hashes beside argon2, bcrypt, PBKDF2 and scrypt that are verified and upgraded */
  passwordSchemes?: PasswordsDeps['schemes'];
};

export type Identity = {
  accounts: Accounts;
  /** what an operator makes */
  accountCreation: AccountCreation;
  /** what one account does to another, or to itself */
  administration: AccountAdministration;
  passwords: Passwords;
  roles: Roles;
  registration: Registration;
  login: Login & {
    /** An operator opens the lock of an account. @throws AppError `accounts.not_found` */
    unlock(accountId: string, by?: { actorId?: string | undefined; ip?: string | undefined }): Promise<void>;
  };
  recovery: Recovery;
  passwordChange: PasswordChange;
  signInTickets: SignInTickets;
  apiKeys: ApiKeys;
  emailChange: EmailChange;
  /**
   * Ends everything an account holds (sessions, grants, tokens, API keys, an e-mail change that waits), for an operator who suspects that
   * somebody else has it. Records `session.all_ended`. An account that does not exist has nothing to end.
   */
  endEverything(
    accountId: string,
    by?: { actorId?: string | undefined; ip?: string | undefined; via?: string | undefined },
  ): Promise<{ apiKeys: number }>;
  userImport: UserImport;
};

/** Where new passwords are looked up among leaked ones, if anywhere. */
const createRangeLookup = ({ breachedPasswordsUrl: url, outboundAllow: allow = [], env }: IdentitySettings, log: IdentityDeps['log']) =>
  url === undefined ? undefined : createBreachedPasswords({ url, allow, development: env === 'development', log });

const LOCK_WINDOW_SECONDS = 15 * 60;
const LOCK_SECONDS = 15 * 60;
const MAX_LOCK_SECONDS = 60 * 60;

/** Puts the parts together. Nothing is read or written until a part is used; `roles.seed()` is to run once at start. */
export function createIdentity(deps: IdentityDeps): Identity {
  const { db, sealer, hmacPepper, mailer, audit, sessions, consents, links, log, settings } = deps;
  const limiter = createRateLimiter({ db, hmacPepper });
  const lockout = createLockout({
    db,
    hmacPepper,
    rule: {
      failures: settings.lockoutFailures,
      windowSeconds: LOCK_WINDOW_SECONDS,
      lockSeconds: LOCK_SECONDS,
      maxLockSeconds: MAX_LOCK_SECONDS,
    },
  });
  const guard = createAttemptGuard({
    lockout,
    limiter,
    standings: createStandings({ db, hmacPepper }),
    failuresPerMinute: settings.limitFailedLoginsPerMinute,
  });
  const devices = createDeviceTokens({ hmacPepper });
  const signInDevices = createSignInDevices({ db, hmacPepper });
  const tokens = createOneTimeTokens({ db, sealer });
  const signInTickets = createSignInTickets({ tokens });
  const passwords = createPasswords({
    cost: { memoryKib: settings.hashMemoryKib, passes: settings.hashPasses, lanes: settings.hashLanes },
    concurrency: settings.hashConcurrency,
    maxWaiting: settings.hashQueue,
    minScore: settings.passwordMinScore,
    brandName: settings.brandName,
    schemes: deps.passwordSchemes,
    breached: createRangeLookup(settings, log),
    log,
  });
  const roles = createRoles({ db, audit });
  const apiKeys = createApiKeys({ db, roles, audit, log, refused: deps.apiKeyRefused });
  const endings = createEndings({ sessions, consents, apiKeys, tokens });
  const accounts = createAccounts({ db, sealer, audit, endings, admins: roles, limiter });
  const failureFloorMs = settings.loginFailureFloorMs;
  const shared = {
    db,
    roles,
    accounts,
    tokens,
    passwords,
    judgement: createPasswordJudgement({ passwords, limiter }),
    guard,
    lockout,
    limiter,
    devices,
    signInDevices,
    tickets: signInTickets,
    sessions,
    endings,
    apiKeys,
    currentPassword: createCurrentPassword({ passwords, guard, audit, settings: { failureFloorMs } }),
    mailer,
    audit,
    links,
    log,
  };
  const registration = createRegistrationParts({
    ...shared,
    hmacPepper,
    settings: {
      registrationsPerHour: settings.limitRegistrationsPerHour,
      resendsPerHour: settings.limitResetsPerHour,
      verificationTtlSeconds: settings.verificationTtlSeconds,
    },
  });
  const login = createLogin({
    ...shared,
    accounts: createAccountRepository(db),
    findPendingHash: registration.findPendingHash,
    requiresInteraction: deps.requiresInteraction ?? (async () => false),
    settings: { failureFloorMs, requireVerifiedEmail: settings.requireVerifiedEmail, lockMinutes: LOCK_SECONDS / 60 },
  });

  const endEverything: Identity['endEverything'] = async (accountId, { actorId, ip, via } = {}) => {
    const ended = await endings.endEverything(accountId);
    const detail = { api_keys: ended.apiKeys, ...(via === undefined ? {} : { via }) };
    await audit.record({ type: 'session.all_ended', outcome: 'success', actorId, subjectId: accountId, ip, detail });
    return ended;
  };
  const accountCreation = createAccountCreation({ accounts, roles, passwords, audit });
  const passwordChange = createPasswordChange(shared);
  const administration = createAdministration({
    ...shared,
    creation: accountCreation,
    statistics: createAccountStatistics({
      db,
      lockout,
      listRoles: roles.list,
      countSessions: deps.countSessions,
      maxLockSeconds: MAX_LOCK_SECONDS,
    }),
    roles,
    passwordChange,
    endEverything,
  });

  return {
    accounts,
    accountCreation,
    administration,
    passwords,
    roles,
    registration,
    login: {
      ...login,
      async unlock(accountId, { actorId, ip } = {}) {
        const account = await accounts.find(accountId);
        if (!account) throw accountNotFound();
        await lockout.unlock(allLocks(account));
        await audit.record({ type: 'account.unlocked', outcome: 'success', actorId, subjectId: accountId, ip });
      },
    },
    recovery: createRecovery({
      ...shared,
      settings: { resetTtlSeconds: settings.resetTtlSeconds, resetsPerHour: settings.limitResetsPerHour },
    }),
    passwordChange,
    signInTickets,
    apiKeys,
    emailChange: createEmailChange({ ...shared, settings: { ttlSeconds: settings.verificationTtlSeconds } }),
    endEverything,
    userImport: createUserImport({ db, audit, roles, passwords }),
  };
}
