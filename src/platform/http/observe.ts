import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Middleware } from 'koa';
import { type Logger, withoutRedaction } from '../log/index.js';
import type { Metrics } from '../metrics/index.js';
import { requestIdOf } from './headers.js';

export type Observation = {
  /** Follows a request until its answer is out, whoever writes it: one line in the log, one count. */
  observe(request: IncomingMessage, response: ServerResponse): void;
  /** Notes the pattern that @koa/router matched, for the count. */
  noteRoute: Middleware;
};

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const MAX_PATH_CHARS = 200;
const isProbe = (path: string) => path === '/livez' || path === '/readyz' || path.startsWith('/assets/');

/**
 * @param deps.providerRoute the name of a path that the provider answers; undefined for any other. Paths of ours are named by their route's
 *   pattern, all else is "other", so that nobody can make series without end
 */
export function createObservation({
  log,
  metrics,
  providerRoute,
}: {
  log: Logger;
  metrics: Pick<Metrics, 'requestAnswered'>;
  providerRoute(path: string): string | undefined;
}): Observation {
  const matched = new WeakMap<ServerResponse, string>();
  const lines = withoutRedaction(log);
  return {
    observe(request, response) {
      const startedAt = performance.now();
      const { method = '' } = request;
      // The query is left out: it may hold codes, hints and tokens of mail links.
      const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
      response.once('close', () => {
        const status = response.statusCode;
        const ms = performance.now() - startedAt;
        metrics.requestAnswered({
          method: METHODS.has(method) ? method : 'other',
          route: matched.get(response) ?? providerRoute(path) ?? 'other',
          status,
          seconds: ms / 1000,
        });
        const told = path.slice(0, MAX_PATH_CHARS);
        lines[status >= 500 ? 'error' : isProbe(path) ? 'debug' : 'info'](
          // Admission has left one address there: who asks, as far as it is believed.
          {
            request_id: requestIdOf({ res: response }),
            method,
            path: told,
            status,
            ms: Math.round(ms),
            ip: request.headers['x-forwarded-for'],
          },
          `${method} ${told} ${status}`,
        );
      });
    },
    async noteRoute(ctx, next) {
      try {
        await next();
      } finally {
        const route: unknown = (ctx as { _matchedRoute?: unknown })._matchedRoute;
        if (typeof route === 'string') matched.set(ctx.res, route);
      }
    },
  };
}
