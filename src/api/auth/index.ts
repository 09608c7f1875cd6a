/**
 * Owns: the calls by which an installation's own applications sign people in and let them look after their account, in two styles: `/auth`
 * (snake_case) and `/v2/auth` (camelCase in an envelope). Does not own: any rule (identity), tokens (oidc/first-party), how an endpoint works
 * (endpoint).
 */
import type { Endpoint } from '../endpoint/index.js';
import { createApiKeyEndpoints } from './api-keys.js';
import type { AuthDeps } from './deps.js';
import { createEmailChangeEndpoints } from './email-change.js';
import { createPasswordEndpoints } from './passwords.js';
import { createProfileEndpoints } from './profile.js';
import { createRegistrationEndpoints } from './registration.js';
import { createSecondStyle } from './second-style.js';
import { createSessionEndpoints } from './sessions.js';
import { createSignInEndpoints } from './sign-in.js';

export type { AuthDeps } from './deps.js';

export function createAuthEndpoints(deps: AuthDeps): Endpoint[] {
  const { register, ...registration } = createRegistrationEndpoints(deps);
  const { login, refresh } = createSignInEndpoints(deps);
  const { read, update, status } = createProfileEndpoints(deps);
  const others = [
    ...Object.values(registration),
    status,
    ...Object.values(createSessionEndpoints(deps)),
    ...Object.values(createPasswordEndpoints(deps)),
    ...Object.values(createEmailChangeEndpoints(deps)),
    ...Object.values(createApiKeyEndpoints(deps)),
  ];
  const first = { register, login, refresh, read, update };
  return [...Object.values(first), ...others, ...createSecondStyle(deps, first, others)];
}
