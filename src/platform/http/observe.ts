import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Middleware } from 'koa';
import { type Logger, redactText, withoutRedaction } from '../log/index.js';
import type { Metrics } from '../metrics/index.js';
import { createRequestScope, inRequestScope } from '../trace/index.js';
import { requestIdOf } from './headers.js';
import { pathOf } from './request-path.js';

export type Observation = {
  /** Runs what answers a request, known to be its in whichever part, and follows it until the answer is out: one line in the log, one count. */
  observe(request: IncomingMessage, response: ServerResponse, answer: () => void): void;
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
    observe(request, response, answer) {
      const startedAt = performance.now();
      // The answer is out when the connection says so, which belongs to no request.
      const scope = createRequestScope(requestIdOf({ res: response }), request.headers.traceparent);
      const { method = '' } = request;
      // The query is left out: it may hold codes, hints and tokens of mail links.
      const path = pathOf(request);
      response.on('close', () => {
        const status = response.statusCode;
        const ms = performance.now() - startedAt;
        const route = matched.get(response) ?? providerRoute(path) ?? 'other';
        metrics.requestAnswered({ method: METHODS.has(method) ? method : 'other', route, status, seconds: ms / 1000 });
        // Where the path is the route's own name, nobody has put anything into it.
        const told = route === path ? path : redactText(path).slice(0, MAX_PATH_CHARS);
        lines[status >= 500 ? 'error' : isProbe(path) ? 'debug' : 'info'](
          // Admission has left one address there: who asks, as far as it is believed.
          {
            request_id: scope.requestId,
            trace_id: scope.traceId,
            span_id: scope.spanId,
            method,
            path: told,
            status,
            ms: Math.round(ms),
            ip: request.headers['x-forwarded-for'],
          },
          `${method} ${told} ${status}`,
        );
      });
      inRequestScope(scope, answer);
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
