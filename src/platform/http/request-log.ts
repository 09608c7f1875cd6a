import type { Middleware } from 'koa';
import { now } from '../clock.js';
import type { Logger } from '../log/index.js';
import { requestIdOf } from './headers.js';

/** One line for each request. The query is left out: it may hold codes, hints and tokens of mail links. */
export function requestLog(log: Logger): Middleware {
  return async (ctx, next) => {
    const started = now();
    try {
      await next();
    } finally {
      const status = ctx.respond === false ? ctx.res.statusCode : ctx.status;
      const level =
        status >= 500 ? 'error' : ctx.path.startsWith('/assets/') || ctx.path === '/livez' || ctx.path === '/readyz' ? 'debug' : 'info';
      log[level](
        { request_id: requestIdOf(ctx), method: ctx.method, path: ctx.path.slice(0, 200), status, ms: now() - started, ip: ctx.ip },
        `${ctx.method} ${ctx.path.slice(0, 200)} ${status}`,
      );
    }
  };
}
