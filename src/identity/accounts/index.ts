/**
 * Owns: the accounts: what an address, a username and a name may be, that both are unique, status, and the list of accounts.
 * Does not own: passwords, how an account comes to be confirmed (registration), which roles there are (roles).
 */
export { displayNameOf } from './display-name.js';
export { accountNotFound, emailTaken, usernameTaken } from './errors.js';
export type { AccountQuery } from './list-query.js';
export { type AccountRow, createAccountRepository } from './repository.js';
export {
  ACCOUNT_ID_RULE,
  emailSchema,
  foldEmail,
  foldUsername,
  isAccountId,
  newAccountSchema,
  type Profile,
  type ProfileInput,
  profileSchema,
  readInput,
} from './schemas.js';
export { type Account, type AccountPage, type Accounts, createAccounts, type NewAccount, personalWords, toAccount } from './service.js';
