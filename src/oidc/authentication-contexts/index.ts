/**
 * Owns: how a sign-in was made, as applications and resource servers ask for it and are told: the classes (`acr`), what a request wants of them, and the
 * claims of tokens (`auth_time`, `acr`, `amr`); step-up authentication (RFC 9470) is these together with the library's `max_age`.
 * Does not own: signing in (identity, pages), nor when a sign-in is too old (oidc-provider).
 */
export { answerContexts } from './answer.js';
export { createContextCheck } from './check.js';
export { type SignInClaims, signInClaimsIn, signInClaimsOf } from './claims.js';
export {
  AUTHENTICATION_CONTEXT_CLASSES,
  type AuthenticationContexts,
  authenticationContexts,
  createAuthenticationContexts,
} from './classes.js';
