import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { AppError } from '../../platform/errors.js';
import { problemOf, type RefusedOrigins, requestIdOf, retryAfterOf, toAppError } from '../../platform/http/index.js';
import type { Logger } from '../../platform/log/index.js';
import { type CallerDeps, challengeOf, createFindCaller, requirePermission } from './caller.js';
import { allowOrigin, answerOptions, DEVICE_HEADER, type IsAllowedOrigin } from './cors.js';
import type { Answer, Endpoint } from './definition.js';
import { readInput } from './input.js';

/** The cookie of a device that has signed in before; the pages use the same one. */
export type DeviceCookie = { device(ctx: Context): string | undefined; setDevice(ctx: Context, token: string): void };

export type ApiEdgeDeps = CallerDeps & {
  endpoints: readonly Endpoint[];
  /** What lies below these paths is the API's, also where nothing is: `/auth`. */
  prefixes: readonly string[];
  isAllowedOrigin: IsAllowedOrigin;
  refusedOrigins: RefusedOrigins;
  cookies: DeviceCookie;
  /** where clients learn how to get a token (RFC 9728) */
  resourceMetadataUrl: string;
  log: Logger;
};

const MAX_DEVICE_TOKEN_CHARS = 512;

type ApiState = { endpoint?: Endpoint; allowedOrigin: boolean };
const stateOf = (ctx: Context) => ctx.state as ApiState;

/** Answers every request below the prefixes, in JSON, whatever goes wrong. */
export function createApiEdge(deps: ApiEdgeDeps): Middleware {
  const routes = createRouter(deps).routes() as unknown as Middleware;
  const isOurs = (path: string) => deps.prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
  return async (ctx, next) => {
    if (!isOurs(ctx.path)) return next();
    ctx.set('Cache-Control', 'no-store');
    try {
      const allowed = await allowOrigin(ctx, deps.isAllowedOrigin);
      stateOf(ctx).allowedOrigin = allowed;
      // Our own pages ask without a preflight.
      if (!allowed && ctx.method === 'OPTIONS' && ctx.get('Origin'))
        deps.refusedOrigins.note({ origin: ctx.get('Origin'), path: ctx.path });
      await routes(ctx, () => {
        throw new AppError('not_found', 404, 'There is nothing at this address.');
      });
    } catch (thrown) {
      if (ctx.headerSent) throw thrown;
      answerProblem(ctx, toAppError(thrown, { log: deps.log, requestId: requestIdOf(ctx) }), deps.resourceMetadataUrl);
    }
  };
}

function createRouter(deps: ApiEdgeDeps): Router {
  const findCaller = createFindCaller(deps);
  const router = new Router({ strict: true, sensitive: true });

  async function run(endpoint: Endpoint, ctx: Context): Promise<void> {
    stateOf(ctx).endpoint = endpoint;
    const caller = await findCaller(endpoint.auth, { authorization: ctx.get('Authorization'), apiKey: ctx.get('X-API-Key') });
    if (caller && endpoint.permission) requirePermission(caller, endpoint.permission);
    const input = await readInput(endpoint, ctx);
    const request = { ip: ctx.ip, userAgent: ctx.get('User-Agent') || undefined, deviceToken: deviceTokenOf(ctx, deps.cookies) };
    const answer = await endpoint.handle({ ...input, caller, request });
    if (answer.deviceToken !== undefined) {
      ctx.set(DEVICE_HEADER, answer.deviceToken);
      deps.cookies.setDevice(ctx, answer.deviceToken);
    }
    send(ctx, endpoint, answer);
  }

  for (const [path, methods] of byPath(deps.endpoints)) {
    router.all(path.replace(/\{(\w+)\}/g, ':$1'), async (ctx) => {
      const allowed = [...methods.keys(), ...(methods.has('GET') ? ['HEAD'] : []), 'OPTIONS'];
      const endpoint = methods.get(ctx.method === 'HEAD' ? 'GET' : ctx.method);
      if (endpoint) return run(endpoint, ctx);
      if (ctx.method === 'OPTIONS') return answerOptions(ctx, { methods: allowed, allowed: stateOf(ctx).allowedOrigin });
      ctx.set('Allow', allowed.join(', '));
      throw new AppError('request.method_not_allowed', 405, `This address answers to ${allowed.join(', ')}.`);
    });
  }
  return router;
}

/** For programs without cookies and pages of other origins, whose cookies never come here; whoever sends both means the header. */
function deviceTokenOf(ctx: Context, cookies: DeviceCookie): string | undefined {
  const sent = ctx.get(DEVICE_HEADER);
  if (!sent) return cookies.device(ctx);
  return sent.length <= MAX_DEVICE_TOKEN_CHARS ? sent : undefined;
}

/** The endpoints of each path by method; what is written out comes before what a parameter takes. */
function byPath(endpoints: readonly Endpoint[]): [string, Map<string, Endpoint>][] {
  const paths = new Map<string, Map<string, Endpoint>>();
  for (const endpoint of endpoints) {
    const methods = paths.get(endpoint.path) ?? new Map<string, Endpoint>();
    if (methods.has(endpoint.method)) throw new Error(`${endpoint.method} ${endpoint.path} is defined twice`);
    paths.set(endpoint.path, methods.set(endpoint.method, endpoint));
  }
  const rank = (path: string) => path.replace(/\{\w+\}/g, '\uffff');
  return [...paths].sort(([one], [other]) => (rank(one) < rank(other) ? -1 : 1));
}

function send(ctx: Context, { method, path, answers }: Endpoint, { status, body, headers = {} }: Answer): void {
  const documented = answers[status];
  if (!documented || documented.problem) throw new Error(`${method} ${path} answers ${status}, which is not documented`);
  ctx.status = status;
  ctx.set(headers);
  if (documented.schema) ctx.body = documented.schema.parse(body);
}

function answerProblem(ctx: Context, error: AppError, resourceMetadataUrl: string): void {
  const { endpoint } = stateOf(ctx);
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== undefined) ctx.set('Retry-After', retryAfter);
  const challenge = challengeOf(error, resourceMetadataUrl);
  if (challenge !== undefined) ctx.set('WWW-Authenticate', challenge);
  ctx.status = error.status;
  ctx.body = problemOf(error, requestIdOf(ctx), (name) => sentName(name, endpoint));
  ctx.type = 'application/problem+json';
}

/** What the caller calls a member that a service calls `name`. */
function sentName(name: string, endpoint: Endpoint | undefined): string {
  const renamed = endpoint?.errorPaths?.[name];
  if (renamed !== undefined) return renamed;
  return endpoint?.memberNames === 'camelCase'
    ? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
