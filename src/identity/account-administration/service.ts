import { addSeconds, nowDate } from '../../platform/clock.js';
import type { Lockout } from '../../platform/limits/index.js';
import type { AccountCreation } from '../account-creation/index.js';
import type { AccountStatistics } from '../account-statistics/index.js';
import {
  type Account,
  type AccountQuery,
  type Accounts,
  accountNotFound,
  createAccountRepository,
  isAccountId,
} from '../accounts/index.js';
import { accountKeys, allLocks } from '../login/index.js';
import type { PasswordChange } from '../password-change/index.js';
import type { RankJudge, RoleSummary, Roles } from '../roles/index.js';
import { type AccountAction, type Actor, requireRank, requireRight, rights } from './rights.js';
import { type AccountUpdate, createUpdate, type UpdateDeps } from './update.js';

/** An account as those see it who look after it. `lockedUntil`: unknown devices cannot sign in to it until then. */
export type AdministeredAccount = Account & { lockedUntil: Date | null };

type NewAccountInput = Parameters<AccountCreation['create']>[0];

/**
 * What is done to accounts by other people, and by their owners through the same calls. Each call asks whether the actor may (see `rights`).
 * @throws AppError `auth.insufficient_permission` 403, `users.own_account` 403, `users.outranked` 403, `accounts.not_found` 404, beside what is named
 */
export type AccountAdministration = {
  /** @throws AppError `accounts.invalid_cursor` 400, `accounts.invalid_input` 422 */
  list(actor: Actor, query?: AccountQuery): Promise<{ accounts: AdministeredAccount[]; nextCursor: string | null }>;
  /** Roles other than `user` take the permission to grant them, and what they may. @throws AppError as `accountCreation.create` */
  create(actor: Actor, account: NewAccountInput): Promise<AdministeredAccount>;
  get(actor: Actor, accountId: string): Promise<AdministeredAccount>;
  /**
   * Both addresses are told of a new one, and links sent to the old one end.
   * @throws AppError `accounts.invalid_input` 422, `accounts.email_taken` 409, `accounts.username_taken` 409, `users.conflict` 409
   */
  update(actor: Actor, accountId: string, update: AccountUpdate): Promise<AdministeredAccount>;
  /** Ends everything the account holds. @throws AppError `roles.last_admin` 409 */
  disable(actor: Actor, accountId: string): Promise<AdministeredAccount>;
  enable(actor: Actor, accountId: string): Promise<AdministeredAccount>;
  unlock(actor: Actor, accountId: string): Promise<AdministeredAccount>;
  /** Ends everything the account holds, and removes it. @throws AppError `roles.last_admin` 409 */
  delete(actor: Actor, accountId: string): Promise<void>;
  /** @throws AppError `passwords.*` 422 or 503, `password_change.conflict` 409 */
  setPassword(actor: Actor, accountId: string, newPassword: string): Promise<void>;
  /** Exactly these, all at once. @throws AppError `roles.unknown` 422, `roles.last_admin` 409 */
  setRoles(actor: Actor, accountId: string, roles: readonly string[]): Promise<AdministeredAccount>;
  /** Ends every session, token and API key of the account. */
  endAll(actor: Actor, accountId: string): Promise<void>;
  /** Whether the actor may read or end sessions of this account: sessions are kept elsewhere. */
  requireSessionRight(actor: Actor, action: 'read_sessions' | 'end_session', accountId: string): Promise<void>;
  /** What was counted within the last minute. */
  statistics(actor: Actor): Promise<AccountStatistics>;
  listRoles(actor: Actor): Promise<RoleSummary[]>;
};

export type AdministrationDeps = UpdateDeps & {
  accounts: Pick<Accounts, 'find' | 'list' | 'disable' | 'enable' | 'delete'>;
  creation: AccountCreation;
  statistics(): Promise<AccountStatistics>;
  roles: Pick<Roles, 'list' | 'set' | 'permissionsOf' | 'judged'>;
  passwordChange: Pick<PasswordChange, 'set'>;
  /** ends what the account holds: sessions, grants, tokens, API keys; and notes it */
  endEverything(accountId: string, by: { actorId?: string | undefined; ip?: string | undefined }): Promise<unknown>;
  lockout: Pick<Lockout, 'lockedSeconds' | 'unlock'>;
};

export function createAdministration(deps: AdministrationDeps): AccountAdministration {
  const { accounts, roles, lockout, audit } = deps;
  const rows = createAccountRepository(deps.db);
  const update = createUpdate(deps);
  const by = ({ accountId, ip }: Actor) => ({ actorId: accountId, ip });

  /** The rank is that of now: it is read after the right, so that nobody learns which ids there are. */
  async function requireMay(actor: Actor, action: AccountAction, accountId: string) {
    requireRight(actor, action, accountId);
    const row = isAccountId(accountId) ? await rows.find({ id: accountId }) : null;
    if (!row) throw accountNotFound();
    judgeOf(actor, action, accountId)?.(await roles.permissionsOf(accountId));
    return row;
  }

  /** Judges the rank, where it matters: once before any work, and again with the write, since roles may be given meanwhile. */
  function judgeOf(actor: Actor, action: AccountAction, accountId: string): RankJudge | undefined {
    const { ranked, own } = rights[action];
    const asOwner = accountId === actor.accountId && own !== undefined && own !== 'never' && actor.permissions.has(own);
    return ranked && !asOwner ? (held) => requireRank(actor, held) : undefined;
  }
  const byJudged = (actor: Actor, action: AccountAction, accountId: string) => ({ ...by(actor), judge: judgeOf(actor, action, accountId) });

  async function withLocks(found: readonly Account[]): Promise<AdministeredAccount[]> {
    const keys = found.map(accountKeys);
    const seconds = await lockout.lockedSeconds(keys.flat());
    let next = 0;
    return found.map((account, index) => {
      const own = seconds.slice(next, next + (keys[index]?.length ?? 0));
      next += own.length;
      const most = Math.max(0, ...own);
      return { ...account, lockedUntil: most > 0 ? addSeconds(nowDate(), most) : null };
    });
  }

  async function tell(accountId: string): Promise<AdministeredAccount> {
    const account = await accounts.find(accountId);
    if (!account) throw accountNotFound();
    return (await withLocks([account]))[0] as AdministeredAccount;
  }

  /** Permissions that some roles give together. */
  async function permissionsOfRoles(): Promise<(names: readonly string[]) => string[]> {
    const known = new Map((await roles.list()).map(({ name, permissions }) => [name, permissions]));
    return (names) => names.flatMap((name) => known.get(name) ?? []);
  }

  return {
    async list(actor, query) {
      requireRight(actor, 'list');
      const { accounts: found, nextCursor } = await accounts.list(query);
      return { accounts: await withLocks(found), nextCursor };
    },
    async create(actor, account) {
      requireRight(actor, 'create');
      if (account.roles?.some((role) => role !== 'user')) {
        requireRight(actor, 'set_roles');
        const given = (await permissionsOfRoles())(account.roles);
        requireRank(actor, given);
      }
      return tell((await deps.creation.create(account, by(actor))).id);
    },
    async get(actor, accountId) {
      await requireMay(actor, 'read', accountId);
      return tell(accountId);
    },
    async update(actor, accountId, change) {
      const row = await requireMay(actor, 'update_profile', accountId);
      await update(actor, row, change, judgeOf(actor, 'update_profile', accountId));
      return tell(accountId);
    },
    async disable(actor, accountId) {
      const { status } = await requireMay(actor, 'disable', accountId);
      if (status === 'active') await accounts.disable(accountId, byJudged(actor, 'disable', accountId));
      return tell(accountId);
    },
    async enable(actor, accountId) {
      const { status } = await requireMay(actor, 'enable', accountId);
      if (status !== 'active') await accounts.enable(accountId, byJudged(actor, 'enable', accountId));
      return tell(accountId);
    },
    async unlock(actor, accountId) {
      const row = await requireMay(actor, 'unlock', accountId);
      await lockout.unlock(allLocks(row));
      await audit.record({ type: 'account.unlocked', outcome: 'success', subjectId: accountId, ...by(actor) });
      return tell(accountId);
    },
    async delete(actor, accountId) {
      await requireMay(actor, 'delete', accountId);
      await accounts.delete(accountId, byJudged(actor, 'delete', accountId));
    },
    async setPassword(actor, accountId, newPassword) {
      await requireMay(actor, 'set_password', accountId);
      await deps.passwordChange.set({ accountId, newPassword, ...byJudged(actor, 'set_password', accountId) });
    },
    async setRoles(actor, accountId, names) {
      await requireMay(actor, 'set_roles', accountId);
      const permissionsOf = await permissionsOfRoles();
      // Judged again while nobody else can change the roles: what the account has, and what it would get.
      await roles.set(accountId, names, by(actor), ({ held, added }) => requireRank(actor, permissionsOf([...held, ...added])));
      return tell(accountId);
    },
    async endAll(actor, accountId) {
      await requireMay(actor, 'end_all', accountId);
      await deps.endEverything(accountId, by(actor));
    },
    async requireSessionRight(actor, action, accountId) {
      await requireMay(actor, action, accountId);
    },
    statistics(actor) {
      requireRight(actor, 'list');
      return deps.statistics();
    },
    async listRoles(actor) {
      requireRight(actor, 'list');
      return roles.list();
    },
  };
}
