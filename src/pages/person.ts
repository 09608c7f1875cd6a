import { type Account, displayNameOf } from '../identity/index.js';
import type { Person } from '../render/index.js';

/** A person as the pages name them. */
export function personOf(account: Account): Person {
  return { email: account.email, name: displayNameOf(account) };
}
