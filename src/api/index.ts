/**
 * Owns: JSON that programs read from us directly: the JWKS, the probes, the first-party API. Does not own: OAuth endpoints, which are
 * oidc-provider's.
 */
export { type Api, type ApiDeps, createApi } from './api.js';
export { createJwksRoutes } from './jwks.js';
export { createProbeRoutes } from './probes.js';
