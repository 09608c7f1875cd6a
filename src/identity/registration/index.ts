/**
 * Owns: how a person comes to have an account: registering, confirming the address, asking for the mail again.
 * Does not own: what an account is (accounts), what a password must be (passwords).
 */
import type { KeyObject } from 'node:crypto';
import type { OneTimeTokens } from '../one-time-tokens/index.js';
import { createAttempts } from './attempts.js';
import { createRegistration, type Registration, type RegistrationDeps } from './service.js';
import { createVerification, type VerificationDeps } from './verification.js';

export type { Registration } from './service.js';
export type { Verified, VerifyRequest } from './verification.js';

export type RegistrationPartsDeps = Omit<RegistrationDeps, 'attempts' | 'verification'> &
  Omit<VerificationDeps, 'attempts'> & { tokens: OneTimeTokens; hmacPepper: KeyObject };

export function createRegistrationParts(deps: RegistrationPartsDeps): Registration {
  const { tokens, hmacPepper, settings } = deps;
  const attempts = createAttempts({ tokens, hmacPepper, ttlSeconds: settings.verificationTtlSeconds });
  return createRegistration({ ...deps, attempts, verification: createVerification({ ...deps, attempts }) });
}
