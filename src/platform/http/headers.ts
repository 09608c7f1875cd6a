import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';
import type { Context, Middleware } from 'koa';
import { drawText } from '../crypto/index.js';

type PageState = {
  /** undefined until this is a page */
  nonce: string | undefined;
  requestId: string;
  formActions: readonly string[];
  imageHosts: readonly string[];
  https: boolean;
  harden: Hardening;
};

// Kept on the response, because oidc-provider makes a context of its own for the same response. A WeakMap with an entry for each request is what
// the collector of young objects walks again and again.
const STATE = Symbol('the headers of this response');
type WithState = ServerResponse & { [STATE]?: PageState };

function stateOf(response: WithState): PageState {
  const state = response[STATE];
  if (!state) throw new Error('this response was not begun by createHardening()');
  return state;
}

/** The nonce that scripts and styles of this response carry. Whoever asks makes a page, on whatever path: so it is made ready for one. */
export function nonceOf(ctx: Pick<Context, 'res'>): string {
  const state = stateOf(ctx.res);
  if (state.nonce === undefined) state.harden.page(ctx.res);
  return state.nonce as string;
}

/** The id under which this request stands in the log; shown to people as the reference of an error. */
export const requestIdOf = (ctx: Pick<Context, 'res'>): string => stateOf(ctx.res).requestId;

/** The same where there may be none: a request that the server makes of itself. */
export const findRequestId = (ctx: Pick<Context, 'res'>): string | undefined => (ctx.res as WithState)[STATE]?.requestId;

const NONE: readonly string[] = [];

/** Each once, behind what is always there. */
const listed = (sources: readonly string[]): string => (sources.length === 0 ? '' : ` ${[...new Set(sources)].join(' ')}`);

// One text and no list of its parts: every page has it.
const pagePolicyOf = ({ nonce, formActions, imageHosts, https }: PageState): string =>
  `default-src 'none'; script-src 'self' 'nonce-${nonce}'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:${listed(imageHosts)}; ` +
  `connect-src 'self'; manifest-src 'self'; frame-src 'self'; form-action 'self'${listed(formActions)}; frame-ancestors 'none'; ` +
  `base-uri 'none'${https ? '; upgrade-insecure-requests' : ''}`;

function setPagePolicy(response: ServerResponse, state: PageState): void {
  if (state.nonce !== undefined) response.setHeader('Content-Security-Policy', pagePolicyOf(state));
}

/**
 * Lets the forms of this page end at another origin. Browsers apply form-action to the redirects that follow a submission, and a sign-in
 * form's last redirect is the application's redirect URI.
 */
export function allowFormAction(ctx: Pick<Context, 'res'>, uri: string | undefined): void {
  if (!uri || !URL.canParse(uri)) return;
  const url = new URL(uri);
  const state = stateOf(ctx.res);
  state.formActions = [...state.formActions, /^https?:$/.test(url.protocol) ? url.origin : url.protocol];
  setPagePolicy(ctx.res, state);
}

/** Lets this page show an image from elsewhere: an application's logo. */
export function allowImage(ctx: Pick<Context, 'res'>, uri: string | undefined): void {
  if (!uri || !URL.canParse(uri) || new URL(uri).protocol !== 'https:') return;
  const state = stateOf(ctx.res);
  state.imageHosts = [...state.imageHosts, new URL(uri).origin];
  setPagePolicy(ctx.res, state);
}

export type Hardening = {
  /** Every answer begins so: with its request id, and as nothing that a browser may run, frame or take for something else. */
  begin(response: ServerResponse): void;
  /** What an answer needs that a browser may show. The endpoints of programs do without: there it costs as much as a tenth of the answer. */
  page(response: ServerResponse): void;
};

/** What keeps a text from being more than a text. */
const PROGRAM_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const FOR_ALL = ['X-Content-Type-Options', 'X-Frame-Options', 'Strict-Transport-Security'];

/**
 * The headers that keep a sign-in page its own. What helmet would set on each answer is asked of it once.
 * @param options.https whether the issuer is https
 */
export function createHardening({ https }: { https: boolean }): Hardening {
  const ofHelmet = Object.entries(headersOfHelmet({ https }));
  const always = ofHelmet.filter(([name]) => FOR_ALL.includes(name));
  const forPages = [
    ...ofHelmet.filter(([name]) => !FOR_ALL.includes(name)),
    ['Permissions-Policy', 'camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()'] as const,
  ];
  const harden: Hardening = {
    begin(response) {
      const state: PageState = { nonce: undefined, requestId: randomUUID(), formActions: NONE, imageHosts: NONE, https, harden };
      (response as WithState)[STATE] = state;
      for (const [name, value] of always) response.setHeader(name, value);
      response.setHeader('Content-Security-Policy', PROGRAM_POLICY);
      response.setHeader('X-Request-Id', state.requestId);
    },
    page(response) {
      const state = stateOf(response);
      state.nonce ??= drawText(16, 'base64');
      for (const [name, value] of forPages) response.setHeader(name, value);
      setPagePolicy(response, state);
    },
  };
  return harden;
}

/** The same for an application of Koa's that stands alone. */
export function securityHeaders(options: { https: boolean }): Middleware {
  const harden = createHardening(options);
  return (ctx, next) => {
    harden.begin(ctx.res);
    harden.page(ctx.res);
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
