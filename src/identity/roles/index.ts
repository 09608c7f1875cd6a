/**
 * Owns: roles, the permissions each gives, who has which, and that one administrator is always left.
 * Does not own: what asks for a permission (APIs), how roles get into a token (oidc).
 */
import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import type { Database, Transaction } from '../../platform/db/index.js';
import { AppError } from '../../platform/errors.js';
import { builtInRoles } from './permissions.js';
import { createRoleRepository } from './repository.js';

export { builtInRoles, highestRole, type Permission, permissions } from './permissions.js';

const ADMIN = 'admin';

export type RoleSummary = { name: string; description: string; permissions: string[] };
/** Role names: what the account had, and what it gets and loses. */
export type RoleChange = { held: string[]; added: string[]; removed: string[] };
type Actor = { actorId?: string | undefined; ip?: string | undefined };

/** Refuses, by throwing, for what an account may do. Must not query. */
export type RankJudge = (permissions: readonly string[]) => void;

/** Guards the last administrator who can sign in, and whoever may do more than those who would change them. */
export type AdminGuard = {
  /**
   * Does something after which the account is no active administrator any more. Of two administrators that are removed at the same moment
   * one stays. @throws AppError `roles.last_admin` (409), and what `judge` throws
   */
  withoutOne<Result>(accountId: string, work: (tx: Transaction) => Promise<Result>, judge?: RankJudge): Promise<Result>;
  /** Does something to the account while nobody can change its roles, once `judge` has accepted what they allow it. */
  judged<Result>(accountId: string, judge: RankJudge | undefined, work: (tx: Transaction) => Promise<Result>): Promise<Result>;
};

export type Roles = AdminGuard & {
  /** Makes the built-in roles and gives them the permissions they lack. May run at every start; takes nothing away. */
  seed(): Promise<void>;
  list(): Promise<RoleSummary[]>;
  /** Nothing happens if the account has the role. @throws AppError `roles.unknown` 422, `accounts.not_found` 404 */
  grant(accountId: string, role: string, by?: Actor): Promise<void>;
  /** Nothing happens if the account does not have the role. @throws AppError `roles.last_admin` 409 */
  revoke(accountId: string, role: string, by?: Actor): Promise<void>;
  /**
   * Gives the account exactly these roles, all at once. `judge` is told what would change, while nobody else can change it, and may refuse by
   * throwing; it must not query.
   * @throws AppError `roles.unknown` 422, `roles.last_admin` 409, `accounts.not_found` 404
   */
  set(accountId: string, roles: readonly string[], by?: Actor, judge?: (change: RoleChange) => void): Promise<RoleChange>;
  /** @throws AppError `roles.unknown` 422, naming each that there is not */
  requireKnown(roles: readonly string[]): Promise<void>;
  /** Permissions of all roles of the account, in alphabetical order. */
  permissionsOf(accountId: string): Promise<string[]>;
  /** Roles and permissions of an account that may act, both in alphabetical order; none of one that may not. */
  rightsOf(accountId: string): Promise<AccountRights>;
};

export type AccountRights = { roles: string[]; permissions: string[] };

const notFound = () => new AppError('accounts.not_found', 404, 'There is no such account.');

export function createRoles({ db, audit }: { db: Database; audit: Audit }): Roles {
  const rows = createRoleRepository(db);

  const requireOther = async (accountId: string, tx?: Transaction) => {
    if ((await rows.has(ADMIN, accountId, tx)) && !(await rows.hasOther(ADMIN, accountId, tx))) {
      throw new AppError('roles.last_admin', 409, 'This is the last administrator. Make another one first.');
    }
  };
  const judged: AdminGuard['judged'] = (accountId, judge, work) =>
    rows.transaction(async (tx) => {
      // Whoever gives or takes roles waits here, so that what is judged is what the account may when it is written to.
      await rows.lock(ADMIN, tx);
      judge?.(await rows.permissionsOf(accountId, tx));
      return work(tx);
    });
  const withoutOne: AdminGuard['withoutOne'] = (accountId, work, judge) =>
    judged(accountId, judge, async (tx) => {
      await requireOther(accountId, tx);
      return work(tx);
    });

  async function requireKnown(names: readonly string[]): Promise<void> {
    const known = (await rows.list()).map(({ name }) => name);
    const unknown = names.filter((name) => !known.includes(name));
    if (unknown.length === 0) return;
    const message = 'There is no such role.';
    throw new AppError('roles.unknown', 422, message, { details: [{ path: 'roles', message }] });
  }

  return {
    withoutOne,
    judged,
    requireKnown,
    async set(accountId, names, { actorId, ip } = {}, judge) {
      const wanted = [...new Set(names)];
      await requireKnown(wanted);
      const change = await rows.transaction(async (tx) => {
        // Everybody who sets roles takes turns here, so that what is compared is what is replaced.
        await rows.lock(ADMIN, tx);
        if (!(await rows.touchAccount(accountId, nowDate(), tx))) throw notFound();
        const held = await rows.rolesOf(accountId, tx);
        const difference = {
          held,
          added: wanted.filter((name) => !held.includes(name)),
          removed: held.filter((name) => !wanted.includes(name)),
        };
        judge?.(difference);
        if (difference.removed.includes(ADMIN)) await requireOther(accountId, tx);
        await rows.replace(accountId, difference, nowDate(), tx);
        return difference;
      });
      const record = (type: 'role.granted' | 'role.revoked', role: string) =>
        audit.record({ type, outcome: 'success', actorId, subjectId: accountId, ip, detail: { role } });
      for (const role of change.added) await record('role.granted', role);
      for (const role of change.removed) await record('role.revoked', role);
      return change;
    },
    async seed() {
      const existing = new Map(
        (await rows.list()).map((role) => [role.name, new Set(role.permissions.map(({ permission }) => permission))]),
      );
      for (const [name, { description, permissions }] of Object.entries(builtInRoles)) {
        const given = existing.get(name);
        if (!given) await rows.insertRole(name, description);
        for (const permission of permissions) if (!given?.has(permission)) await rows.insertPermission(name, permission);
      }
    },
    async list() {
      return (await rows.list()).map(({ name, description, permissions }) => ({
        name,
        description,
        permissions: permissions.map(({ permission }) => permission).sort(),
      }));
    },
    async grant(accountId, role, { actorId, ip } = {}) {
      await requireKnown([role]);
      if (!(await rows.accountExists(accountId))) throw notFound();
      const added = await judged(accountId, undefined, (tx) => rows.grant(accountId, role, nowDate(), tx));
      if (added) await audit.record({ type: 'role.granted', outcome: 'success', actorId, subjectId: accountId, ip, detail: { role } });
    },
    async revoke(accountId, role, { actorId, ip } = {}) {
      const removed =
        role === ADMIN ? await withoutOne(accountId, (tx) => rows.revoke(accountId, role, tx)) : await rows.revoke(accountId, role);
      if (removed) await audit.record({ type: 'role.revoked', outcome: 'success', actorId, subjectId: accountId, ip, detail: { role } });
    },
    permissionsOf: (accountId) => rows.permissionsOf(accountId),
    async rightsOf(accountId) {
      const given = await rows.rightsOf(accountId);
      const permissions = given.flatMap(({ permission }) => (permission === null ? [] : [permission]));
      return { roles: [...new Set(given.map(({ role_name }) => role_name))].sort(), permissions: [...new Set(permissions)].sort() };
    },
  };
}
