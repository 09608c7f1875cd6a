import type { Account } from './accounts/index.js';
import { highestRole } from './roles/index.js';

/** An account by the names that programs know: the JSON API and the command line tell it alike. */
export const accountData = (account: Account) => ({
  id: account.id,
  email: account.email,
  username: account.username,
  first_name: account.firstName,
  last_name: account.lastName,
  full_name: account.fullName,
  role: highestRole(account.roles),
  roles: account.roles,
  is_active: account.status === 'active',
  is_verified: account.emailVerifiedAt !== null,
  created_at: account.createdAt.toISOString(),
});
