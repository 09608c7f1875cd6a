import { randomUUID } from 'node:crypto';
import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import type { Sealer } from '../../platform/crypto/index.js';
import type { Database, Sql, Transaction } from '../../platform/db/index.js';
import { type Limit, networkOf, type RateLimiter } from '../../platform/limits/index.js';
import type { Endings } from '../endings/index.js';
import type { AdminGuard, RankJudge } from '../roles/index.js';
import { accountNotFound, emailTaken, usernamesRateLimited, usernameTaken } from './errors.js';
import type { AccountQuery } from './list-query.js';
import { createListing } from './listing.js';
import { type AccountRow, besideOthers, createAccountRepository } from './repository.js';
import { foldEmail, foldUsername, newAccountSchema, type ProfileInput, profileSchema, readInput } from './schemas.js';

/** A person who can sign in. `email` is case-folded. */
export type Account = {
  id: string;
  email: string;
  username: string | null;
  firstName: string | null;
  lastName: string | null;
  fullName: string | null;
  status: 'active' | 'disabled';
  emailVerifiedAt: Date | null;
  hasPassword: boolean;
  passwordSetAt: Date | null;
  /** role names, in alphabetical order */
  roles: string[];
  /** grows whenever everything of the account is ended; a sign-in carries the number under which it was proved */
  signInGeneration: number;
  createdAt: Date;
  updatedAt: Date;
};

export type NewAccount = ProfileInput & { email: string; passwordHash?: string | undefined; verified?: boolean; roles?: readonly string[] };
export type AccountPage = { accounts: Account[]; nextCursor: string | null };
/** `judge` may refuse, for what the account may do in the moment of the change. */
type Actor = { actorId?: string | undefined; ip?: string | undefined; judge?: RankJudge | undefined };

export type Accounts = {
  find(id: string): Promise<Account | null>;
  /** In any spelling of its case. */
  findByEmail(email: string): Promise<Account | null>;
  /** By address when it has an @, else by username. */
  findByIdentifier(emailOrUsername: string): Promise<Account | null>;
  /**
   * Makes an account with the role `user` (or those given). Confirms nothing and mails nobody; see registration.
   * @throws AppError `accounts.invalid_input` 422, `accounts.email_taken` 409, `accounts.username_taken` 409
   */
  create(account: NewAccount, options?: { tx?: Transaction }): Promise<Account>;
  /**
   * Absent members stay, null or '' removes. What is as it was is neither written nor noted.
   * @throws AppError `accounts.not_found`, `.invalid_input`, `.username_taken`, `.rate_limited` 429
   */
  updateProfile(id: string, profile: ProfileInput, by?: Actor): Promise<Account>;
  /** Ends everything the account holds, API keys too; none of it comes back. @throws AppError `accounts.not_found`, `roles.last_admin` 409 */
  disable(id: string, by?: Actor): Promise<Account>;
  /** @throws AppError `accounts.not_found` */
  enable(id: string, by?: Actor): Promise<Account>;
  /** For a statement that reads an account with what it belongs to: what to select, how to join it, and what a row says. */
  beside: { columns: Sql; join(accountId: Sql): Sql; read(row: object): Account | null };
  /** Ends every session, then removes the account. @throws AppError `accounts.not_found`, `roles.last_admin` 409 */
  delete(id: string, by?: Actor): Promise<void>;
  /**
   * A page, by default in the order of creation. `limit` 1 to 200, default 50; a page may have fewer, even none, and the list still goes on as
   * long as there is a `nextCursor`. A cursor is good for the query it was given for.
   * @throws AppError `accounts.invalid_cursor` 400, `accounts.invalid_input` 422
   */
  list(query?: AccountQuery): Promise<AccountPage>;
};

export type AccountsDeps = {
  db: Database;
  sealer: Sealer;
  audit: Audit;
  endings: Pick<Endings, 'endEverything'>;
  admins: AdminGuard;
  limiter: Pick<RateLimiter, 'consume'>;
};

/** That a username is taken must be told; this is how often it may be asked, by a network and by an account, whichever way. */
const USERNAME_LIMIT: Limit = { points: 30, windowSeconds: 3600 };

export function createAccounts({ db, sealer, audit, endings, admins, limiter }: AccountsDeps): Accounts {
  const rows = createAccountRepository(db);
  const listPositions = createListing({ db, sealer });
  const answer = (row: AccountRow | null) => (row ? toAccount(row) : null);
  const get = async (id: string) => {
    const account = answer(await rows.find({ id }));
    if (!account) throw accountNotFound();
    return account;
  };
  const findByEmail = async (email: string) => answer(await rows.find({ email: foldEmail(email) }));

  /** Somebody has the address or the username: which of them? */
  const taken = async (email: string, usernameKey: string | null | undefined) => {
    if (await rows.find({ email })) return emailTaken();
    return usernameKey ? usernameTaken() : emailTaken();
  };

  async function setStatus(id: string, status: Account['status'], { actorId, ip, judge }: Actor): Promise<Account> {
    const change = (tx: Transaction) => rows.change({ id }, { status }, nowDate(), tx);
    const found = status === 'disabled' ? await admins.withoutOne(id, change, judge) : await admins.judged(id, judge, change);
    if (!found) throw accountNotFound();
    if (status === 'disabled') await endings.endEverything(id);
    await audit.record({
      type: status === 'disabled' ? 'account.disabled' : 'account.enabled',
      outcome: 'success',
      actorId,
      subjectId: id,
      ip,
    });
    return get(id);
  }

  return {
    find: (id) => rows.find({ id }).then(answer),
    beside: { ...besideOthers, read: (row) => answer(besideOthers.read(row)) },
    findByEmail,
    async findByIdentifier(identifier) {
      if (identifier.includes('@')) return findByEmail(identifier);
      return answer(await rows.find({ usernameKey: foldUsername(identifier) }));
    },
    async create({ passwordHash, verified = false, roles = ['user'], ...input }, { tx } = {}) {
      const { email, username, firstName, lastName, fullName } = readInput(newAccountSchema, input);
      const createdAt = nowDate();
      const usernameKey = username ? foldUsername(username) : null;
      try {
        const row = await rows.insert(
          {
            id: randomUUID(),
            email,
            username: username ?? null,
            usernameKey,
            firstName: firstName ?? null,
            lastName: lastName ?? null,
            fullName: fullName ?? null,
            emailVerifiedAt: verified ? createdAt : null,
            ...(passwordHash === undefined ? {} : { passwordHash, passwordSetAt: createdAt }),
            createdAt,
            roles,
          },
          tx,
        );
        return toAccount(row);
      } catch (error) {
        // Inside a transaction PostgreSQL answers nothing more after a failure, so it is not asked there.
        if (!db.isUniqueViolation(error) || tx) throw error;
        throw await taken(email, usernameKey);
      }
    },
    async updateProfile(id, input, { actorId, ip } = {}) {
      const profile = readInput(profileSchema, input);
      const before = await get(id);
      const members = (Object.keys(profile) as (keyof typeof profile)[]).filter(
        (member) => profile[member] !== undefined && profile[member] !== before[member],
      );
      if (members.length === 0) return before;
      const usernameKey = profile.username && foldUsername(profile.username);
      if (usernameKey && members.includes('username')) {
        for (const key of [`usernames:${networkOf(ip)}`, `usernames_of:${id}`]) {
          const { allowed, retryAfterSeconds } = await limiter.consume(key, USERNAME_LIMIT);
          if (!allowed) throw usernamesRateLimited(retryAfterSeconds);
        }
      }
      try {
        if (!(await rows.change({ id }, { ...profile, usernameKey }, nowDate()))) throw accountNotFound();
      } catch (error) {
        if (db.isUniqueViolation(error)) throw usernameTaken();
        throw error;
      }
      await audit.record({
        type: 'account.updated',
        outcome: 'success',
        actorId,
        subjectId: id,
        ip,
        detail: { members: members.join(' ') },
      });
      return get(id);
    },
    disable: (id, by = {}) => setStatus(id, 'disabled', by),
    enable: (id, by = {}) => setStatus(id, 'active', by),
    async delete(id, { actorId, ip, judge } = {}) {
      // Disabled first, so that nothing is given to it any more; then what it has ends; gone last. Interrupted anywhere, it can be repeated.
      const disable = (tx: Transaction) => rows.change({ id }, { status: 'disabled' }, nowDate(), tx);
      if (!(await admins.withoutOne(id, disable, judge))) throw accountNotFound();
      await endings.endEverything(id);
      if (!(await rows.delete(id))) throw accountNotFound();
      await audit.record({ type: 'account.deleted', outcome: 'success', actorId, subjectId: id, ip });
    },
    async list(query) {
      const { found, nextCursor } = await listPositions(query);
      const byId = new Map((await rows.listByIds(found.map(({ id }) => id))).map((row) => [row.id, toAccount(row)]));
      return { accounts: found.flatMap(({ id }) => byId.get(id) ?? []), nextCursor };
    },
  };
}

/** The account as the rest of the house sees it: without its password hash. */
export function toAccount(row: AccountRow): Account {
  return {
    id: row.id,
    email: row.email,
    username: row.username,
    firstName: row.firstName,
    lastName: row.lastName,
    fullName: row.fullName,
    status: row.status === 'active' ? 'active' : 'disabled',
    emailVerifiedAt: row.emailVerifiedAt,
    hasPassword: row.passwordHash !== null,
    passwordSetAt: row.passwordSetAt,
    roles: row.roles.map(({ roleName }) => roleName),
    signInGeneration: row.signInGeneration,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

/** What somebody who knows the person tries first as their password. */
export function personalWords({
  email,
  username,
  firstName,
  lastName,
  fullName,
}: Pick<Account, 'email' | 'username' | 'firstName' | 'lastName' | 'fullName'>): string[] {
  return [email, username, firstName, lastName, fullName].filter((word) => word !== null);
}
