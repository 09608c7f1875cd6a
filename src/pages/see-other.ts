import type { Context } from 'koa';

/** Goes on with a GET at another address of ours: after a form was accepted, or when another page has to come first. */
export function seeOther(ctx: Context, path: string): void {
  ctx.status = 303;
  ctx.set('Cache-Control', 'no-store');
  ctx.redirect(path);
}
