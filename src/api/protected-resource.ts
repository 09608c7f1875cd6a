import Router from '@koa/router';

/** Where the metadata of a protected resource is (RFC 9728, section 3.1): the well-known name stands between host and path. */
export function protectedResourceMetadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`;
}

const PREFLIGHT_SECONDS = 7200;

/**
 * What a client that was refused needs to know to come back with a token (RFC 9728): one document for all of our own APIs, readable from any origin,
 * whatever headers a page sends along. Nothing stands at the name without a path, since a document is good only for the resource of its address (3.3).
 */
export function createProtectedResourceRoutes({
  resource,
  issuerUrl,
  scopes,
  name,
}: {
  /** the audience of tokens for our own APIs */
  resource: string;
  issuerUrl: string;
  scopes: readonly string[];
  name: string;
}): Router {
  const path = new URL(protectedResourceMetadataUrl(resource)).pathname;
  const body = JSON.stringify({
    resource,
    authorization_servers: [issuerUrl],
    scopes_supported: scopes,
    bearer_methods_supported: ['header'],
    resource_name: name,
    resource_documentation: `${issuerUrl}/docs`,
  });
  const router = new Router({ strict: true, sensitive: true });
  router.get(path, (ctx) => {
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.set('Cache-Control', 'public, max-age=300');
    ctx.type = 'application/json; charset=utf-8';
    ctx.body = body;
  });
  router.options(path, (ctx) => {
    ctx.status = 204;
    ctx.set('Allow', 'GET, HEAD, OPTIONS');
    if (!ctx.get('Access-Control-Request-Method')) return;
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.set('Access-Control-Allow-Methods', 'GET, HEAD');
    ctx.set('Access-Control-Allow-Headers', ctx.get('Access-Control-Request-Headers') || '*');
    ctx.set('Access-Control-Max-Age', String(PREFLIGHT_SECONDS));
  });
  return router;
}
