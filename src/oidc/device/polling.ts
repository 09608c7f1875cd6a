import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Limit, RateLimiter } from '../../platform/limits/index.js';
import type { ProviderExtension } from '../provider.js';

/** How long a device waits between two questions, in seconds (RFC 8628, section 3.2). */
const INTERVAL_SECONDS = 5;
/** Networks deliver some requests late and others early: a second of that is nobody's haste. */
const PACE: Limit = { points: 1, windowSeconds: INTERVAL_SECONDS - 1 };

/**
 * Tells devices how often they may ask, and those that ask more often to slow down (RFC 8628, section 3.5). Only a device that would be told to go on
 * waiting is told so: once somebody has decided, the next question is answered however soon it comes.
 */
export const pacePolling =
  ({ limits, paths }: { limits: Pick<RateLimiter, 'consume'>; paths: { token: string } }): ProviderExtension =>
  (provider) => {
    provider.on('device_authorization.success', (_ctx, answer) => Object.assign(answer, { interval: INTERVAL_SECONDS }));
    provider.use(async (ctx, next) => {
      await next();
      if (ctx.method !== 'POST' || ctx.path !== paths.token || ctx.status !== 400) return;
      const { error } = (ctx.body ?? {}) as { error?: unknown };
      const deviceCode = (ctx as KoaContextWithOIDC).oidc.params?.device_code;
      if (error !== 'authorization_pending' || typeof deviceCode !== 'string') return;
      const { allowed } = await limits.consume(`polls of device code ${deviceCode}`, PACE);
      if (!allowed) ctx.body = { error: 'slow_down', error_description: `ask every ${INTERVAL_SECONDS} seconds at most` };
    });
  };
