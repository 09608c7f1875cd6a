/**
 * Owns: the keys that sign tokens: making them, their states (next, active, retired), rotation, the rehearsal of it, the published JWKS.
 * Does not own: serving the JWKS over HTTP, rebuilding the provider when keys change (both are told), verifying other parties' keys.
 */
export type { KeyState, SigningAlg } from './lifecycle.js';
export { SIGNING_ALGS } from './lifecycle.js';
export type { LiveToken, Rehearsal, RehearsalFinding } from './rehearsal.js';
export type { CurrentKeys, JwksDocument, SigningKeyInfo, SigningKeys } from './service.js';
export { createSigningKeys, SIGNING_KEYS_TOPIC } from './service.js';
export { findSettingsFaults, type SigningKeySettings } from './settings.js';
