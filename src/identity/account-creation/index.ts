/**
 * Owns: accounts that an operator makes for somebody: roles that exist, a password that holds, the note in the audit log.
 * Does not own: registration by the person, who may make accounts (account-administration), what an address may be (accounts).
 */
import type { Audit, AuditDetail } from '../../platform/audit/index.js';
import { type Account, type Accounts, emailTaken, newAccountSchema, type ProfileInput, readInput } from '../accounts/index.js';
import type { Passwords } from '../passwords/index.js';
import type { Roles } from '../roles/index.js';

export type CreatedBy = { actorId?: string | undefined; ip?: string | undefined; detail?: AuditDetail | undefined };

export type AccountCreation = {
  /**
   * Without a password nobody signs in to the account until its owner has chosen one by "forgot password". `roles` are all it gets, default
   * `user`. Mails nobody.
   * @throws AppError `accounts.invalid_input` 422, `accounts.email_taken` 409, `accounts.username_taken` 409, `roles.unknown` 422,
   *   `passwords.too_short|too_long|too_common|too_weak|breached` 422, `passwords.busy` 503
   */
  create(
    account: ProfileInput & {
      email: string;
      password?: string | undefined;
      verified?: boolean | undefined;
      roles?: readonly string[] | undefined;
    },
    by?: CreatedBy,
  ): Promise<Account>;
};

export type AccountCreationDeps = {
  accounts: Pick<Accounts, 'create' | 'findByEmail'>;
  roles: Pick<Roles, 'requireKnown'>;
  passwords: Pick<Passwords, 'requireAcceptable' | 'hash'>;
  audit: Audit;
};

export function createAccountCreation({ accounts, roles, passwords, audit }: AccountCreationDeps): AccountCreation {
  return {
    async create({ email, password, verified = false, roles: given = ['user'], ...profile }, { actorId, ip, detail } = {}) {
      const names = [...new Set(given)];
      const read = readInput(newAccountSchema, { ...profile, email });
      await roles.requireKnown(names);
      // Before the password is judged and hashed: somebody who runs a script twice should read what is the matter.
      if (await accounts.findByEmail(read.email)) throw emailTaken();
      const words = Object.values(read).filter((word) => typeof word === 'string');
      if (password !== undefined) await passwords.requireAcceptable(password, words);
      const passwordHash = password === undefined ? undefined : await passwords.hash(password);
      const account = await accounts.create({ ...profile, email, passwordHash, verified, roles: names });
      await audit.record({
        type: 'account.created',
        outcome: 'success',
        actorId,
        subjectId: account.id,
        ip,
        detail: { ...detail, roles: names.join(' ') },
      });
      return account;
    },
  };
}
