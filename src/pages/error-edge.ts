import type { Context, Middleware } from 'koa';
import { AppError } from '../platform/errors.js';
import { problemOf, requestIdOf, retryAfterOf, toAppError } from '../platform/http/index.js';
import type { Logger } from '../platform/log/index.js';
import type { PageKit } from './page-kit.js';
import { waysOn } from './ways-on.js';

/**
 * The edge where errors become answers: a page for people, problem details (RFC 9457) for programs. What is not an AppError is a plain 500
 * whose cause goes to the log only.
 */
export function createErrorEdge({ pages, log }: { pages: PageKit; log: Logger }): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && !ctx.body && !ctx.headerSent && ctx.respond !== false) {
        throw new AppError('not_found', 404, 'There is nothing at this address.');
      }
    } catch (error) {
      if (ctx.headerSent) throw error;
      answer(ctx, toAppError(error, { log, requestId: requestIdOf(ctx) }), pages);
    }
  };
}

function answer(ctx: Context, error: AppError, pages: PageKit): void {
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== undefined) ctx.set('Retry-After', retryAfter);
  if (ctx.accepts('html', 'json') === 'json') {
    ctx.status = error.status;
    ctx.set('Cache-Control', 'no-store');
    ctx.body = problemOf(error, requestIdOf(ctx));
    ctx.type = 'application/problem+json';
    return;
  }
  const seconds = error.retryAfterSeconds;
  pages.show(
    ctx,
    'error',
    {
      status: error.status,
      code: error.code,
      message: error.message,
      ways: waysOn(error.code, ctx.path),
      ...(seconds === undefined ? {} : { values: { seconds, minutes: Math.max(1, Math.ceil(seconds / 60)) } }),
    },
    { status: error.status },
  );
}
