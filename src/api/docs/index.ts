/**
 * Owns: the browsable page of the API (`/docs`): a viewer served from its package by us, under a policy that lets it reach nothing but this
 * server. Does not own: the document it shows (endpoint).
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import Router from '@koa/router';
import type { Context } from 'koa';
import { sha256 } from '../../platform/crypto/index.js';

type File = { body: Buffer; type: string; etag: string };

/** Of the package only these two are needed. */
const VIEWER = { 'swagger-ui-bundle.js': 'text/javascript; charset=utf-8', 'swagger-ui.css': 'text/css; charset=utf-8' } as const;

/** Nothing from elsewhere, no script in the page, and no request but to us. The viewer writes `style` attributes; a style can run nothing. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

// `validatorUrl` would send the document's address to a service elsewhere; links and forms in a query string are read by nobody.
const START = `const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#viewer',
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  persistAuthorization: false,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
});
`;

const STYLE = `body { margin: 0; }
`;

/** `/docs` and its files. The files are read at the first visit and kept; their names carry the version, so browsers keep them too. */
export function createDocsRoutes({ title }: { title: string }): Router {
  const require = createRequire(import.meta.url);
  const folder = path.dirname(require.resolve('swagger-ui-dist/package.json'));
  const { version } = require('swagger-ui-dist/package.json') as { version: string };
  const own: Record<string, File> = {
    'start.js': fileOf(Buffer.from(START), 'text/javascript; charset=utf-8'),
    'docs.css': fileOf(Buffer.from(STYLE), 'text/css; charset=utf-8'),
  };
  const viewer = new Map<string, Promise<File>>();
  const base = `/docs/assets/${version}-${sha256(START + STYLE).slice(0, 8)}`;

  const find = (name: string): Promise<File> | File | undefined => {
    if (Object.hasOwn(own, name)) return own[name];
    if (!Object.hasOwn(VIEWER, name)) return undefined;
    const type = VIEWER[name as keyof typeof VIEWER];
    const file = viewer.get(name) ?? readFile(path.join(folder, name)).then((body) => fileOf(body, type));
    viewer.set(name, file);
    return file;
  };

  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)} API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${base}/swagger-ui.css">
<link rel="stylesheet" href="${base}/docs.css">
</head>
<body>
<noscript>This page needs JavaScript. The description itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<div id="viewer"></div>
<script src="${base}/swagger-ui-bundle.js"></script>
<script src="${base}/start.js"></script>
</body>
</html>
`;

  const router = new Router();
  router.get('/docs', (ctx: Context) => {
    ctx.set('Content-Security-Policy', POLICY);
    ctx.set('Cache-Control', 'no-cache');
    ctx.type = 'text/html; charset=utf-8';
    ctx.body = page;
  });
  router.get(`${base}/:name`, async (ctx, next) => {
    const file = await find(String(ctx.params.name));
    if (!file) return next();
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.set('ETag', file.etag);
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    ctx.type = file.type;
    ctx.body = file.body;
  });
  return router;
}

const fileOf = (body: Buffer, type: string): File => ({ body, type, etag: `"${sha256(body.toString('latin1')).slice(0, 32)}"` });
