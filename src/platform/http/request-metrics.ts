import type { Middleware, ParameterizedContext } from 'koa';
import type { Metrics } from '../metrics/index.js';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * Measures each request until its answer is out, whoever writes it.
 * @param providerRoute the name of a path that the provider answers; undefined for any other. Paths of ours are named by their route's pattern, all else is "other"
 */
export function requestMetrics(metrics: Pick<Metrics, 'requestAnswered'>, providerRoute: (path: string) => string | undefined): Middleware {
  return async (ctx, next) => {
    const startedAt = performance.now();
    ctx.res.once('close', () => {
      metrics.requestAnswered({
        method: METHODS.has(ctx.method) ? ctx.method : 'other',
        route: routeOf(ctx) ?? providerRoute(ctx.path) ?? 'other',
        status: ctx.res.statusCode,
        seconds: (performance.now() - startedAt) / 1000,
      });
    });
    await next();
  };
}

/** The pattern that @koa/router matched. */
const routeOf = (ctx: ParameterizedContext & { _matchedRoute?: unknown }): string | undefined =>
  typeof ctx._matchedRoute === 'string' ? ctx._matchedRoute : undefined;
