import Router from '@koa/router';
import { routes } from '../oidc/configuration.js';

export type JwksDocument = { body: string; etag: string; maxAgeSeconds: number };

/**
 * The public keys (RFC 7517), prepared once for each set of keys: with an ETag, so that services which look again cost next to nothing, and
 * readable from any origin, as single-page applications verify ID tokens themselves.
 */
export function createJwksRoutes({ jwksDocument }: { jwksDocument(): JwksDocument }): Router {
  const router = new Router();
  router.get(routes.jwks, (ctx) => {
    const { body, etag, maxAgeSeconds } = jwksDocument();
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.set('Cache-Control', `public, max-age=${maxAgeSeconds}`);
    ctx.set('ETag', etag);
    ctx.status = 200;
    // Not ctx.fresh: fetch() sends `Cache-Control: no-cache` along with If-None-Match, and whoever names the ETag has the document.
    if (holds(ctx.get('If-None-Match'), etag)) {
      ctx.status = 304;
      return;
    }
    ctx.type = 'application/jwk-set+json; charset=utf-8';
    ctx.body = body;
  });
  return router;
}

/** Whether an If-None-Match header names the ETag (RFC 9110, 13.1.2: compared weakly). */
const holds = (header: string, etag: string) => header.split(',').some((entry) => [etag, '*'].includes(entry.trim().replace(/^W\//, '')));
