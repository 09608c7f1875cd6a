import Router from '@koa/router';
import type { Health } from '../platform/health/index.js';

/** `/livez`: the process answers. `/readyz`: it can serve. `/health`: both, in a word each. */
export function createProbeRoutes({ health }: { health: Health }): Router {
  const router = new Router();
  router.get('/livez', (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { status: 'ok' };
  });
  router.get('/readyz', async (ctx) => {
    const { ready, checks } = await health.run();
    ctx.set('Cache-Control', 'no-store');
    ctx.status = ready ? 200 : 503;
    ctx.body = { status: ready ? 'ok' : 'unavailable', checks };
  });
  router.get('/health', async (ctx) => {
    const { ready } = await health.run();
    ctx.set('Cache-Control', 'no-store');
    ctx.status = ready ? 200 : 503;
    ctx.body = { status: ready ? 'ok' : 'unavailable' };
  });
  return router;
}
