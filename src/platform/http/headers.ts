import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';
import type { Context, Middleware } from 'koa';
import { drawText } from '../crypto/index.js';

type PageState = { nonce: string; requestId: string; formActions: readonly string[]; imageHosts: readonly string[]; https: boolean };

// Kept on the response, because oidc-provider makes a context of its own for the same response. A WeakMap with an entry for each request is what
// the collector of young objects walks again and again.
const STATE = Symbol('the headers of this response');
type WithState = ServerResponse & { [STATE]?: PageState };

function stateOf(response: WithState): PageState {
  const state = response[STATE];
  if (!state) throw new Error('securityHeaders() has not run for this response');
  return state;
}

/** The nonce that scripts and styles of this response carry. */
export const nonceOf = (ctx: Pick<Context, 'res'>): string => stateOf(ctx.res).nonce;

/** The id under which this request stands in the log; shown to people as the reference of an error. */
export const requestIdOf = (ctx: Pick<Context, 'res'>): string => stateOf(ctx.res).requestId;

/** The same where there may be none: a request that the server makes of itself. */
export const findRequestId = (ctx: Pick<Context, 'res'>): string | undefined => (ctx.res as WithState)[STATE]?.requestId;

const NONE: readonly string[] = [];

/** Each once, behind what is always there. */
const listed = (sources: readonly string[]): string => (sources.length === 0 ? '' : ` ${[...new Set(sources)].join(' ')}`);

// One text and no list of its parts: every response has it.
const policyOf = ({ nonce, formActions, imageHosts, https }: PageState): string =>
  `default-src 'none'; script-src 'self' 'nonce-${nonce}'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:${listed(imageHosts)}; ` +
  `connect-src 'self'; manifest-src 'self'; frame-src 'self'; form-action 'self'${listed(formActions)}; frame-ancestors 'none'; ` +
  `base-uri 'none'${https ? '; upgrade-insecure-requests' : ''}`;

/**
 * Lets the forms of this page end at another origin. Browsers apply form-action to the redirects that follow a submission, and a sign-in
 * form's last redirect is the application's redirect URI.
 */
export function allowFormAction(ctx: Pick<Context, 'res'>, uri: string | undefined): void {
  if (!uri || !URL.canParse(uri)) return;
  const url = new URL(uri);
  const state = stateOf(ctx.res);
  state.formActions = [...state.formActions, /^https?:$/.test(url.protocol) ? url.origin : url.protocol];
  ctx.res.setHeader('Content-Security-Policy', policyOf(state));
}

/** Lets this page show an image from elsewhere: an application's logo. */
export function allowImage(ctx: Pick<Context, 'res'>, uri: string | undefined): void {
  if (!uri || !URL.canParse(uri) || new URL(uri).protocol !== 'https:') return;
  const state = stateOf(ctx.res);
  state.imageHosts = [...state.imageHosts, new URL(uri).origin];
  ctx.res.setHeader('Content-Security-Policy', policyOf(state));
}

/**
 * Gives every response its request id and the headers that keep a sign-in page its own. What helmet would set on each is asked of it once.
 * @param options.https whether the issuer is https
 */
export function createHardening({ https }: { https: boolean }): (response: ServerResponse) => void {
  const fixed = Object.entries({
    ...headersOfHelmet({ https }),
    'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()',
  });
  return (response) => {
    const state: PageState = {
      nonce: drawText(16, 'base64'),
      requestId: randomUUID(),
      formActions: NONE,
      imageHosts: NONE,
      https,
    };
    (response as WithState)[STATE] = state;
    for (const [name, value] of fixed) response.setHeader(name, value);
    response.setHeader('Content-Security-Policy', policyOf(state));
    response.setHeader('X-Request-Id', state.requestId);
  };
}

/** The same for an application of Koa's that stands alone. */
export function securityHeaders(options: { https: boolean }): Middleware {
  const harden = createHardening(options);
  return (ctx, next) => {
    harden(ctx.res);
    return next();
  };
}

function headersOfHelmet({ https }: { https: boolean }): Record<string, string> {
  const harden = helmet({
    contentSecurityPolicy: false,
    // Applications read tokens and metadata across origins; CORS, not this, decides who may.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    strictTransportSecurity: https ? { maxAge: 63_072_000, includeSubDomains: false } : false,
    // Not no-referrer: under it browsers send `Origin: null` with our own forms. Nothing leaves the origin either way.
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  });
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => void Object.assign(headers, { [name]: value }),
    removeHeader: () => undefined,
  };
  harden({} as IncomingMessage, response as unknown as ServerResponse, () => undefined);
  return headers;
}
