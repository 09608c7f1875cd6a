import type { Middleware } from 'koa';
import { readForm } from '../platform/http/index.js';
import { isProviderPath, routes } from './configuration.js';
import type { ProviderHolder } from './provider.js';

/** Hands over what oidc-provider answers; all other paths go on. */
export function mountProvider(holder: Pick<ProviderHolder, 'handle'>): Middleware {
  return async (ctx, next) => {
    if (!isProviderPath(ctx.path)) return next();
    // A form posted from another site carries no SameSite=Lax cookies; the GET it is redirected to does.
    if (ctx.method === 'POST' && (ctx.path === routes.authorization || ctx.path === routes.end_session)) {
      const form = await readForm(ctx);
      ctx.status = 303;
      return ctx.redirect(`${ctx.path}?${new URLSearchParams([...form])}`);
    }
    // Not every answer of the library says so; the metadata alone may be kept.
    if (!ctx.path.startsWith('/.well-known/')) ctx.set('Cache-Control', 'no-store');
    // The provider is an application of its own and answers by itself, in the headers set so far.
    ctx.respond = false;
    return holder.handle(ctx.req, ctx.res);
  };
}
