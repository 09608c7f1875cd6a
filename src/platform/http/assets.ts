import type { Middleware } from 'koa';

/** A file that never changes under its name (the name carries a hash of its content). */
export type StaticAsset = { path: string; type: string; body: Buffer; etag: string };

/** Serves assets from memory, to be kept for a year. @param assets by path */
export function serveAssets(assets: ReadonlyMap<string, StaticAsset>): Middleware {
  const byPath = new Map([...assets.values()].map((asset) => [asset.path, asset]));
  return async (ctx, next) => {
    const asset = ctx.method === 'GET' || ctx.method === 'HEAD' ? byPath.get(ctx.path) : undefined;
    if (!asset) return next();
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.set('ETag', asset.etag);
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    ctx.type = asset.type;
    ctx.body = asset.body;
  };
}
