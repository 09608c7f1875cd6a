import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { Identity } from '../identity/index.js';
import { AppError } from '../platform/errors.js';
import { readJson } from '../platform/http/index.js';
import { networkOf, type RateLimiter } from '../platform/limits/index.js';

/** Ten people behind one address, each typing without a pause, stay below it. */
const LIMIT = { points: 600, windowSeconds: 60 };

const schema = z.strictObject({
  password: z.string().max(1024),
  inputs: z.array(z.string().max(254)).max(10).default([]),
});

export type PasswordStrengthDeps = {
  passwords: Pick<Identity['passwords'], 'assess'>;
  limits: Pick<RateLimiter, 'consume'>;
  issuerUrl: string;
};

/**
 * Tells our own pages, while somebody types, how strong a new password would be: POST `{password, inputs}` answers `{score, warning,
 * suggestions}`. Nothing is kept. Other sites may not ask: the estimate costs time, and a page has no business with passwords typed elsewhere.
 */
export function createPasswordStrengthRoutes({ passwords, limits, issuerUrl }: PasswordStrengthDeps): Router {
  const router = new Router();
  router.post('/password/strength', async (ctx) => {
    requireSameOrigin(ctx, issuerUrl);
    const { allowed, retryAfterSeconds } = await limits.consume(`password-strength:${networkOf(ctx.ip)}`, LIMIT);
    if (!allowed) throw new AppError('request.rate_limited', 429, 'Too many requests from your network.', { retryAfterSeconds });
    const input = schema.safeParse(await readJson(ctx));
    // What was wrong with it is not told in detail: it holds a password.
    if (!input.success) throw new AppError('request.invalid', 422, 'The body must be {"password": "...", "inputs": ["..."]}.');
    const { score, warning, suggestions } = await passwords.assess(input.data.password, input.data.inputs);
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { score, warning, suggestions };
  });
  return router;
}

/** Browsers say with every POST where it comes from: all of today's by Sec-Fetch-Site, older ones by Origin. */
function requireSameOrigin(ctx: Context, issuerUrl: string): void {
  const site = ctx.get('Sec-Fetch-Site');
  if (site ? site === 'same-origin' : ctx.get('Origin') === issuerUrl) return;
  throw new AppError('request.cross_origin', 403, 'Only pages of this server may ask this.');
}
