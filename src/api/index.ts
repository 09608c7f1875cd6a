/** Owns: JSON that programs read from us directly: the JWKS, the probes. Does not own: OAuth endpoints, which are oidc-provider's. */
export { createJwksRoutes } from './jwks.js';
export { createProbeRoutes } from './probes.js';
