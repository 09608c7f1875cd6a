/**
 * Owns: whether a password signs a person in: equal work and answers for unknown accounts, lockout, limits, known devices.
 * Does not own: hashing (passwords), the session that follows (oidc), second factors.
 */
export {
  type AttemptGuard,
  type AttemptKeys,
  accountKeys,
  allLocks,
  attemptKeys,
  createAttemptGuard,
  currentPasswordKey,
} from './attempt-guard.js';
export { createDeviceTokens, type DeviceTokens } from './device-tokens.js';
export { invalidCredentials } from './errors.js';
export { withFailureFloor } from './failure-floor.js';
export { createLogin, type Login, type LoginDeps, type LoginRequest, type LoginResult } from './service.js';
export { createSignInDevices, MAX_DEVICES, type SignInDevices } from './sign-in-devices.js';
