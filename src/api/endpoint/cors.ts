import type { Context } from 'koa';

/** Whether a browser's page of that origin may call the API. */
export type IsAllowedOrigin = (origin: string) => boolean | Promise<boolean>;

/** Browsers ask again after at most two hours. */
const PREFLIGHT_SECONDS = 7200;
/** Carries, both ways, what the device cookie holds. No credential: it gives a device counters of its own for wrong passwords, nothing else. */
export const DEVICE_HEADER = 'X-Device-Token';
const REQUEST_HEADERS = `Authorization, Content-Type, ${DEVICE_HEADER}`;
const RESPONSE_HEADERS = `Location, Retry-After, WWW-Authenticate, ${DEVICE_HEADER}, X-Request-Id`;

/**
 * Lets pages of allowed origins read the answer (Fetch standard, CORS protocol). Cookies never cross origins: no credentials are allowed.
 * @returns whether the request came from such a page
 */
export async function allowOrigin(ctx: Context, isAllowed: IsAllowedOrigin): Promise<boolean> {
  ctx.vary('Origin');
  const origin = ctx.get('Origin');
  // `null` is what sandboxed and local documents say, whoever made them.
  if (!origin || origin === 'null' || !(await isAllowed(origin))) return false;
  ctx.set('Access-Control-Allow-Origin', origin);
  ctx.set('Access-Control-Expose-Headers', RESPONSE_HEADERS);
  return true;
}

/** Answers OPTIONS: what the address knows and, to an allowed page, what it may send. */
export function answerOptions(ctx: Context, { methods, allowed }: { methods: readonly string[]; allowed: boolean }): void {
  ctx.status = 204;
  ctx.set('Allow', methods.join(', '));
  if (!allowed || !ctx.get('Access-Control-Request-Method')) return;
  ctx.set('Access-Control-Allow-Methods', methods.join(', '));
  ctx.set('Access-Control-Allow-Headers', REQUEST_HEADERS);
  ctx.set('Access-Control-Max-Age', String(PREFLIGHT_SECONDS));
}
