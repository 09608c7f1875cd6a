/**
 * Owns: what every request meets before and around a route: admission by origin, request id, security headers, form bodies, CSRF,
 * cookie names, static files, problem details, the request log and its measures. Does not own: pages, error texts, OAuth.
 */
export { type Admission, createAdmission } from './admission.js';
export { type StaticAsset, serveAssets } from './assets.js';
export { hasBody, MAX_BODY_BYTES, readForm, readJson } from './body.js';
export { type CookieNames, cookieNames } from './cookies.js';
export { type Csrf, createCsrf } from './csrf.js';
export { createChallenge, createEcho, ECHO_PATH, type Echo, type Seen } from './echo.js';
export { createGracefulServer, type GracefulServer } from './graceful-server.js';
export {
  allowFormAction,
  allowImage,
  createHardening,
  findRequestId,
  type Hardening,
  nonceOf,
  requestIdOf,
  securityHeaders,
} from './headers.js';
export { parseUnambiguous, requireStorable } from './json-text.js';
export { createObservation, type Observation } from './observe.js';
export { type ProblemDetails, problemOf, retryAfterOf, toAppError } from './problems.js';
export { createRefusedOrigins, type RefusedOrigins } from './refused-origins.js';
export { pathOf } from './request-path.js';
