/**
 * Owns: who may register a client from outside (RFC 7591) and manage it (RFC 7592): anybody within limits, whoever an operator gave an initial access token,
 * or nobody; those tokens.
 * Does not own: what a client may say of itself and its management token (oidc/clients), HTTP (api/client-registration).
 */
import type { Database } from '../../platform/db/index.js';
import { createInitialAccessTokens, type InitialAccessTokens } from './initial-access-tokens.js';
import { createInitialAccessTokenRepository } from './repository.js';
import { type ClientRegistration, createRegistrationService, type RegistrationDeps } from './service.js';

export type { InitialAccessToken, InitialAccessTokens } from './initial-access-tokens.js';
export type { ClientRegistration } from './service.js';

export function createClientRegistration({
  db,
  ...deps
}: Omit<RegistrationDeps, 'tokens'> & { db: Database }): ClientRegistration & { initialAccessTokens: InitialAccessTokens } {
  const tokens = createInitialAccessTokens({ repository: createInitialAccessTokenRepository({ db }), audit: deps.audit });
  return { ...createRegistrationService({ ...deps, tokens }), initialAccessTokens: tokens };
}
