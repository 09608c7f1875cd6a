import type { Account as ProviderAccount } from 'oidc-provider';
import { type Account, displayNameOf } from '../identity/index.js';

/** Scopes an application may ask for, and the claims each opens (OpenID Connect Core, 5.4). */
export const claimsByScope: Record<string, string[]> = {
  openid: ['sub', 'auth_time', 'acr', 'amr'],
  profile: ['name', 'given_name', 'family_name', 'preferred_username', 'updated_at'],
  email: ['email', 'email_verified'],
  roles: ['roles'],
  permissions: ['permissions'],
};

/** What is known of an account, as OpenID claims. Members that are not known are left out. */
export function claimsOf(account: Account): { sub: string } & Record<string, unknown> {
  const fullName = displayNameOf(account);
  return {
    sub: account.id,
    ...(fullName ? { name: fullName } : {}),
    ...(account.firstName ? { given_name: account.firstName } : {}),
    ...(account.lastName ? { family_name: account.lastName } : {}),
    ...(account.username ? { preferred_username: account.username } : {}),
    updated_at: Math.floor(account.updatedAt.getTime() / 1000),
    email: account.email,
    email_verified: account.emailVerifiedAt !== null,
  };
}

/** What all roles of an account allow, in alphabetical order. */
export type PermissionsOf = (accountId: string) => Promise<string[]>;

/** Roles and permissions of an account that may act; none of one that may not. */
export type RightsOf = (accountId: string) => Promise<{ roles: string[]; permissions: string[] }>;

/** The account as oidc-provider asks for it; the library picks from the claims what scope and consent allow. */
export function toProviderAccount(account: Account, permissionsOf: PermissionsOf): ProviderAccount {
  return {
    accountId: account.id,
    async claims(_use, scope, requested) {
      const asked = scope.split(' ').includes('permissions') || 'permissions' in requested;
      return { ...claimsOf(account), roles: account.roles, ...(asked ? { permissions: await permissionsOf(account.id) } : {}) };
    },
  };
}
