/**
 * Owns: the calls by which programs look after other people's accounts, and people after their own. Does not own: who may do what and what
 * happens then (identity/account-administration), how an endpoint works (endpoint).
 */
import type { Endpoint } from '../endpoint/index.js';
import { createAccountEndpoints } from './accounts.js';
import type { UsersDeps } from './deps.js';
import { createListEndpoints } from './lists.js';
import { createStateEndpoints } from './states.js';
import { createUserSessionEndpoints } from './user-sessions.js';

export type { UsersDeps } from './deps.js';

export const createUserEndpoints = (deps: UsersDeps): Endpoint[] => [
  ...createListEndpoints(deps),
  ...createAccountEndpoints(deps),
  ...createStateEndpoints(deps),
  ...createUserSessionEndpoints(deps),
];
