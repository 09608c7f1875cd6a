import type { Context, Middleware } from 'koa';
import { unavailableError } from '../platform/db/index.js';
import { AppError } from '../platform/errors.js';
import { requestIdOf } from '../platform/http/index.js';
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
      answer(ctx, asAppError(error, ctx, log), pages);
    }
  };
}

function asAppError(thrown: unknown, ctx: Context, log: Logger): AppError {
  const error = thrown instanceof AppError ? thrown : (unavailableError(thrown) ?? thrown);
  if (error instanceof AppError) {
    if (error.status >= 500) log.error({ err: error, request_id: requestIdOf(ctx), code: error.code }, 'request failed');
    else log.debug({ request_id: requestIdOf(ctx), code: error.code, err: error.cause }, 'request refused');
    return error;
  }
  const status = (error as { status?: unknown; expose?: unknown } | null)?.status;
  // Koa's own refusals (a malformed URL, a bad cookie) carry a status and may be told.
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new AppError('request.invalid', status, 'The request is malformed.', { cause: error });
  log.error({ err: error, request_id: requestIdOf(ctx) }, 'request failed unexpectedly');
  return new AppError('server_error', 500, 'Something went wrong on our side.', { cause: error });
}

function answer(ctx: Context, error: AppError, pages: PageKit): void {
  if (error.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(Math.max(1, Math.ceil(error.retryAfterSeconds))));
  if (ctx.accepts('html', 'json') === 'json') {
    ctx.status = error.status;
    ctx.set('Cache-Control', 'no-store');
    ctx.body = {
      type: 'about:blank',
      title: error.message,
      status: error.status,
      code: error.code,
      request_id: requestIdOf(ctx),
      ...(error.details ? { errors: error.details } : {}),
    };
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
