/** What may be done, `resource:action`. A new one is added here and given to roles below. */
export const permissions = [
  'profile:read',
  'profile:update',
  'user:create',
  'user:read',
  'user:update',
  'user:delete',
  'role:grant',
  'session:read',
  'session:revoke',
  'client:create',
  'client:read',
  'client:update',
  'client:delete',
  'key:read',
  'key:rotate',
  'audit:read',
  'system:monitor',
] as const;

export type Permission = (typeof permissions)[number];

const BY_RANK = ['admin', 'manager', 'user'];

/** The one role that stands for all of somebody's: admin, then manager, then user, then what there is. */
export const highestRole = (roles: readonly string[]): string | null => BY_RANK.find((role) => roles.includes(role)) ?? roles[0] ?? null;

/** The roles every installation has. `manager` looks after people; only `admin` gives roles and touches clients and keys. */
export const builtInRoles: Record<string, { description: string; permissions: readonly Permission[] }> = {
  admin: { description: 'Everything', permissions },
  manager: {
    description: 'Looks after accounts',
    permissions: [
      'profile:read',
      'profile:update',
      'user:create',
      'user:read',
      'user:update',
      'session:read',
      'session:revoke',
      'audit:read',
    ],
  },
  user: { description: 'Signs in and keeps their own profile', permissions: ['profile:read', 'profile:update'] },
};
