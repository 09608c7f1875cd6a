import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Middleware } from 'koa';
import { pathOf, readForm } from '../platform/http/index.js';
import { isProviderPath, routes } from './configuration.js';
import type { ProviderHolder } from './provider.js';

export type MountedProvider = {
  /** True for what oidc-provider answers by itself, as the application that it is. */
  answersAlone(request: IncomingMessage): boolean;
  /** Answers it, in the headers set so far. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** A form posted from another site carries no SameSite=Lax cookies; the GET it is redirected to does. */
  redirectForms: Middleware;
};

const FORMS = new Set<string>([routes.authorization, routes.end_session]);

export function mountProvider(holder: Pick<ProviderHolder, 'handle'>): MountedProvider {
  const isForm = (method: string | undefined, path: string) => method === 'POST' && FORMS.has(path);
  return {
    answersAlone(request) {
      const path = pathOf(request);
      return isProviderPath(path) && !isForm(request.method, path);
    },
    handle(request, response) {
      // Not every answer of the library says so; the metadata alone may be kept.
      if (!pathOf(request).startsWith('/.well-known/')) response.setHeader('Cache-Control', 'no-store');
      return holder.handle(request, response);
    },
    async redirectForms(ctx, next) {
      if (!isForm(ctx.method, ctx.path)) return next();
      const form = await readForm(ctx);
      ctx.status = 303;
      ctx.redirect(`${ctx.path}?${new URLSearchParams([...form])}`);
    },
  };
}
