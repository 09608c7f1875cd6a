/**
 * Owns: the keys with which programs act for an account: made and told once, listed, revoked, looked up by their hash. A key may do what its
 * owner may, within what it was given.
 * Does not own: where a key is accepted (api), what a permission allows (roles).
 */
export { MAX_NAME_CHARS as MAX_API_KEY_NAME_CHARS } from './schemas.js';
export { type ApiKey, type ApiKeyHolder, type ApiKeyRefusal, type ApiKeys, createApiKeys, MAX_LIVING_KEYS } from './service.js';
