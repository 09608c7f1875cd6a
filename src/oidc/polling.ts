import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Limit, RateLimiter } from '../platform/limits/index.js';
import { afterwards } from './afterwards.js';
import type { ProviderExtension } from './provider.js';

/** How long whoever waits for a person waits between two questions, in seconds (RFC 8628, section 3.2; CIBA, section 7.3). */
const INTERVAL_SECONDS = 5;
/** Networks deliver some requests late and others early: a second of that is nobody's haste. */
const PACE: Limit = { points: 1, windowSeconds: INTERVAL_SECONDS - 1 };

/**
 * Tells devices, and applications that asked somebody, how often they may ask for the answer, and those that ask more often to slow down (RFC 8628,
 * section 3.5; CIBA, section 11). Only who would be told to go on waiting is told so: once somebody has decided, the next question is answered however
 * soon it comes.
 */
export const pacePolling =
  ({ limits, paths }: { limits: Pick<RateLimiter, 'consume'>; paths: { token: string; backchannel: string } }): ProviderExtension =>
  (provider) => {
    provider.on('device_authorization.success', (_ctx, answer) => Object.assign(answer, { interval: INTERVAL_SECONDS }));
    const isAsked = ({ method, path }: { method: string; path: string }) =>
      method === 'POST' && (path === paths.token || path === paths.backchannel);
    afterwards(provider, isAsked, async (ctx) => {
      const body = (ctx.body ?? {}) as { error?: unknown; auth_req_id?: unknown };
      // The library reports no success of this endpoint.
      if (ctx.path === paths.backchannel && ctx.status === 200 && body.auth_req_id) ctx.body = { ...body, interval: INTERVAL_SECONDS };
      if (ctx.path !== paths.token || ctx.status !== 400 || body.error !== 'authorization_pending') return;
      const { params } = (ctx as KoaContextWithOIDC).oidc;
      const waitsFor = params?.device_code ?? params?.auth_req_id;
      if (typeof waitsFor !== 'string') return;
      const { allowed } = await limits.consume(`polls of ${waitsFor}`, PACE);
      if (!allowed) ctx.body = { error: 'slow_down', error_description: `ask every ${INTERVAL_SECONDS} seconds at most` };
    });
  };
