/**
 * Owns: how a JSON endpoint is defined (as data), and what is made of it: routing, who calls, checked input and output, problem details, CORS, the
 * OpenAPI document. Does not own: any endpoint, any rule about accounts.
 */
export { type CallerDeps, insufficientPermission, invalidToken, keyNotAllowed, requirePermission } from './caller.js';
export type { IsAllowedOrigin } from './cors.js';
export {
  type Answer,
  type AnswerDefinition,
  type Caller,
  type Endpoint,
  empty,
  endpoint,
  json,
  problem,
  type RequestFacts,
  type TokenCaller,
} from './definition.js';
export { createOpenApiRoutes } from './document.js';
export { type ApiEdgeDeps, createApiEdge } from './edge.js';
export { buildOpenApi, problemSchema } from './openapi.js';
