/**
 * Owns: the client registration endpoint (RFC 7591) and the client configuration endpoint (RFC 7592) as HTTP: bearer tokens, JSON, the RFCs' error codes, CORS.
 * Does not own: who may register, nor what a client may say of itself.
 */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { ClientRegistration } from '../../oidc/client-registration/index.js';
import { AppError } from '../../platform/errors.js';
import { readJson, requestIdOf, retryAfterOf, toAppError } from '../../platform/http/index.js';
import type { Logger } from '../../platform/log/index.js';
import { bearerTokenOf, challengeOf } from './bearer.js';
import { errorBodyOf } from './errors.js';
import { readReplacement, registrationResponse } from './wire.js';

export type ClientRegistrationRoutesDeps = {
  registration: ClientRegistration;
  issuerUrl: string;
  /** the registration endpoint */
  path: string;
  log: Logger;
};

type ClientContext = Context & { params: Record<string, string> };

const PREFLIGHT_SECONDS = 3600;

/** Any page may register its client: nothing here goes by a cookie, so an origin proves nothing and opens nothing. */
function openToEveryOrigin(ctx: Context, methods: string): void {
  ctx.set('Access-Control-Allow-Origin', '*');
  ctx.set('Access-Control-Expose-Headers', 'WWW-Authenticate, Retry-After, X-Request-Id');
  if (ctx.method !== 'OPTIONS') return;
  ctx.set('Access-Control-Allow-Methods', methods);
  ctx.set('Access-Control-Allow-Headers', 'Authorization, Content-Type, MCP-Protocol-Version');
  ctx.set('Access-Control-Max-Age', String(PREFLIGHT_SECONDS));
}

export function createClientRegistrationRoutes({ registration, issuerUrl, path, log }: ClientRegistrationRoutesDeps): Router {
  const router = new Router({ strict: true, sensitive: true });
  const uriOf = (clientId: string) => `${issuerUrl}${path}/${encodeURIComponent(clientId)}`;
  const askingOf = (ctx: Context) => ({ token: bearerTokenOf(ctx.get('Authorization')), ip: ctx.ip });

  const answering =
    (methods: readonly string[]): Middleware =>
    async (ctx, next) => {
      const allowed = [...methods, 'OPTIONS'].join(', ');
      ctx.set('Cache-Control', 'no-store');
      openToEveryOrigin(ctx, allowed);
      try {
        if (ctx.method === 'OPTIONS') {
          ctx.status = 204;
          ctx.set('Allow', allowed);
        } else if (methods.includes(ctx.method)) await next();
        else {
          ctx.set('Allow', allowed);
          throw new AppError('request.method_not_allowed', 405, `This address answers to ${allowed}.`);
        }
      } catch (thrown) {
        if (ctx.headerSent) throw thrown;
        refuse(ctx, toAppError(thrown, { log, requestId: requestIdOf(ctx) }));
      }
    };

  router.all(path, answering(['POST']), async (ctx) => {
    const registered = await registration.register(await readJson(ctx), askingOf(ctx));
    ctx.status = 201;
    ctx.body = registrationResponse(registered, uriOf);
  });

  router.all(`${path}/:clientId`, answering(['GET', 'PUT', 'DELETE']), async (ctx: ClientContext) => {
    const { clientId = '' } = ctx.params;
    const asking = askingOf(ctx);
    if (ctx.method === 'GET') {
      const found = await registration.read(clientId, asking);
      ctx.body = registrationResponse({ ...found, managementToken: asking.token ?? '' }, uriOf);
    } else if (ctx.method === 'PUT') {
      // Before the body: whoever is not let in is not told what is wrong with it.
      const found = await registration.read(clientId, asking);
      const replaced = await registration.replace(clientId, readReplacement(await readJson(ctx), found), asking);
      ctx.body = registrationResponse(replaced, uriOf);
    } else {
      await registration.delete(clientId, asking);
      ctx.status = 204;
    }
  });
  return router;
}

function refuse(ctx: Context, error: AppError): void {
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== undefined) ctx.set('Retry-After', retryAfter);
  if (error.status === 401) ctx.set('WWW-Authenticate', challengeOf(ctx.get('Authorization') !== ''));
  ctx.status = error.status === 422 ? 400 : error.status;
  ctx.body = errorBodyOf(error);
}
