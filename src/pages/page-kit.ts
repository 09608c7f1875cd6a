import type { Context } from 'koa';
import { allowImage, type Csrf, nonceOf, readForm, requestIdOf } from '../platform/http/index.js';
import type { AskingClient, Renderer, Views } from '../render/index.js';

/** What every page route does alike: show a view, read a form. */
export type PageKit = {
  /** Answers with a page. Pages are never cached: they carry a person's name, a CSRF field, a nonce. */
  show<K extends keyof Views>(
    ctx: Context,
    view: K,
    model: Views[K],
    options?: {
      status?: number;
      client?: AskingClient | undefined;
      /** addresses of images from elsewhere that the page shows */
      images?: readonly (string | undefined)[];
    },
  ): void;
  /** Reads a posted form and checks that it is ours. @throws AppError as readForm and Csrf.check */
  form(ctx: Context): Promise<Map<string, string>>;
};

export function createPageKit({ renderer, csrf }: { renderer: Renderer; csrf: Csrf }): PageKit {
  return {
    show(ctx, view, model, { status = 200, client, images = [] } = {}) {
      for (const image of client?.trusted ? [client.logoUri, ...images] : images) allowImage(ctx, image);
      ctx.status = status;
      ctx.set('Cache-Control', 'no-store');
      ctx.type = 'text/html; charset=utf-8';
      ctx.body = renderer.page(view, model, {
        nonce: nonceOf(ctx),
        requestId: requestIdOf(ctx),
        csrfToken: csrf.token(ctx),
        locale: localeOf(ctx),
        client,
      });
    },
    async form(ctx) {
      const fields = await readForm(ctx);
      csrf.check(ctx, fields.get('csrf'));
      return fields;
    },
  };
}

function localeOf(ctx: Context): string | undefined {
  const [first] = ctx.acceptsLanguages() as string[];
  return first && first !== '*' ? first : undefined;
}
