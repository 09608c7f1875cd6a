import Router from '@koa/router';
import type { Context } from 'koa';
import { sha256 } from '../../platform/crypto/index.js';
import type { Endpoint } from './definition.js';
import { buildOpenApi, type OpenApiInfo } from './openapi.js';

/** `GET /openapi.json`, made when it is first asked for, since a start waits for nothing; readable from every origin, since it holds nothing but what the API is. */
export function createOpenApiRoutes({ endpoints, info }: { endpoints: readonly Endpoint[]; info: OpenApiInfo }): Router {
  let made: { body: string; etag: string } | undefined;
  const make = () => {
    const body = JSON.stringify(buildOpenApi(endpoints, info));
    return { body, etag: `"${sha256(body).slice(0, 32)}"` };
  };
  const router = new Router();
  router.get('/openapi.json', (ctx: Context) => {
    made ??= make();
    const { body, etag } = made;
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.set('Cache-Control', 'public, max-age=300');
    ctx.set('ETag', etag);
    ctx.status = 200;
    if (ctx.get('If-None-Match').replace(/^W\//, '') === etag) {
      ctx.status = 304;
      return;
    }
    ctx.type = 'application/json; charset=utf-8';
    ctx.body = body;
  });
  return router;
}
