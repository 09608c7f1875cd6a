import type { Context, Middleware } from 'koa';
import { AppError } from '../platform/errors.js';
import type { Explanations } from '../platform/explanations/index.js';
import { problemOf, requestIdOf, retryAfterOf, toAppError } from '../platform/http/index.js';
import type { Logger } from '../platform/log/index.js';
import type { PageKit } from './page-kit.js';
import { waysOn } from './ways-on.js';

export type ErrorEdgeDeps = { pages: PageKit; log: Logger; explanations: Pick<Explanations, 'note'> };

/**
 * The edge where errors become answers: a page for people, problem details (RFC 9457) for programs. What is not an AppError is a plain 500
 * whose cause goes to the log only.
 */
export function createErrorEdge({ pages, log, explanations }: ErrorEdgeDeps): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && !ctx.body && !ctx.headerSent && ctx.respond !== false) {
        throw new AppError('not_found', 404, 'There is nothing at this address.');
      }
    } catch (error) {
      if (ctx.headerSent) throw error;
      answer(ctx, toAppError(error, { log, requestId: requestIdOf(ctx) }), { pages, explanations });
    }
  };
}

/** Why a page was refused, under an id that it shows. Nothing that was typed or asked for is in it, and of the address only what is no secret. */
function explain(ctx: Context, { code, message, status }: AppError, explanations: ErrorEdgeDeps['explanations']): string | undefined {
  if (status >= 500 || status === 404) return undefined;
  const where = `${ctx.method} ${ctx.path.replace(/[\w%~.-]{16,}/g, ':id').slice(0, 100)}`;
  const id = explanations.note(
    { where, error: code, description: message, reason: null, clientId: null, comparisons: [], hints: [] },
    { ip: ctx.ip, requestId: requestIdOf(ctx) },
  );
  if (id !== undefined) ctx.set('X-Explain-Id', id);
  return id;
}

function answer(ctx: Context, error: AppError, { pages, explanations }: Pick<ErrorEdgeDeps, 'pages' | 'explanations'>): void {
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
      reference: explain(ctx, error, explanations),
      code: error.code,
      message: error.message,
      ways: waysOn(error.code, ctx.path),
      ...(seconds === undefined ? {} : { values: { seconds, minutes: Math.max(1, Math.ceil(seconds / 60)) } }),
    },
    { status: error.status },
  );
}
