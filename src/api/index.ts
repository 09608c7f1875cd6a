/**
 * Owns: JSON that programs read from us directly: the JWKS, the probes, client registration, the first-party API. Does not own: the
 * other OAuth endpoints, which are oidc-provider's.
 */
export { type Api, type ApiDeps, createApi } from './api.js';
export { createClientRegistrationRoutes } from './client-registration/index.js';
export { createProbeRoutes } from './probes.js';
