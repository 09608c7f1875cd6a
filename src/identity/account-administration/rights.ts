import type { Permission } from '../roles/index.js';
import { insufficientPermission, outranked, ownAccount } from './errors.js';

/** Who acts. `permissions` are those of this very request: with an API key only what the key may do. */
export type Actor = { accountId: string; permissions: ReadonlySet<Permission>; ip?: string | undefined };

export type AccountAction =
  | 'list'
  | 'create'
  | 'read'
  | 'update_profile'
  | 'update_email'
  | 'disable'
  | 'enable'
  | 'unlock'
  | 'delete'
  | 'set_password'
  | 'set_roles'
  | 'read_sessions'
  | 'end_session'
  | 'end_all';

type Right = {
  permission: Permission;
  /** what is enough for one's own account; `never`: not even an administrator does this to themselves here */
  own?: Permission | 'never';
  /** the actor must hold every permission that the account has */
  ranked?: true;
};

/**
 * The one table of who may do what to whom. An e-mail address or a password is as good as the account, and so is whatever stops or starts it, so
 * all changes are ranked: nobody takes over, or takes out, who may do more than they. One's own address and password are changed where the
 * current password is asked for, and nobody disables or deletes themselves by the wrong id.
 */
export const rights: Record<AccountAction, Right> = {
  list: { permission: 'user:read' },
  create: { permission: 'user:create' },
  read: { permission: 'user:read', own: 'profile:read' },
  update_profile: { permission: 'user:update', own: 'profile:update', ranked: true },
  update_email: { permission: 'user:update', own: 'never', ranked: true },
  disable: { permission: 'user:update', own: 'never', ranked: true },
  enable: { permission: 'user:update', ranked: true },
  unlock: { permission: 'user:update', ranked: true },
  delete: { permission: 'user:delete', own: 'never', ranked: true },
  set_password: { permission: 'user:update', own: 'never', ranked: true },
  set_roles: { permission: 'role:grant', ranked: true },
  read_sessions: { permission: 'session:read', own: 'profile:read' },
  end_session: { permission: 'session:revoke', own: 'profile:update', ranked: true },
  end_all: { permission: 'session:revoke', own: 'profile:update', ranked: true },
};

/** These speak of one's own account only, so holding them ranks nobody. */
const ownOnly: readonly string[] = ['profile:read', 'profile:update'] satisfies Permission[];

const has = ({ permissions }: Actor, permission: Permission) => permissions.has(permission);

/**
 * Whether the actor may do this at all, to this account or any. Asked before it is known whether there is such an account.
 * @throws AppError `auth.insufficient_permission` 403, `users.own_account` 403
 */
export function requireRight(actor: Actor, action: AccountAction, accountId?: string): void {
  const { permission, own } = rights[action];
  const isOwn = accountId === actor.accountId;
  if (isOwn && own !== undefined && own !== 'never' && has(actor, own)) return;
  if (!has(actor, permission)) throw insufficientPermission(permission);
  if (isOwn && own === 'never') throw ownAccount();
}

/** @throws AppError `users.outranked` 403 unless the actor holds all of these */
export function requireRank(actor: Actor, permissions: readonly string[]): void {
  const held: ReadonlySet<string> = actor.permissions;
  if (!permissions.every((permission) => held.has(permission) || ownOnly.includes(permission))) throw outranked();
}
