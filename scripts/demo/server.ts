/**
 * The web server of the demo: routes, response headers, and what each button does.
 * It owns HTTP only; the exchanges with the issuer are in `relying-party.ts`.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createOrdersApi } from './orders-api.js';
import { homePage, problemPage, signedInPage, signedOutPage } from './pages.js';
import { describeForLog, explain, type Problem } from './problems.js';
import { createRelyingParty } from './relying-party.js';
import { createSessions, inTurn, rememberPending, type Session, type SignedIn, takePending } from './sessions.js';
import type { DemoSettings } from './settings.js';
import { ICON, STYLE } from './style.js';

type Exchange = { request: IncomingMessage; response: ServerResponse; url: URL };
type Route = (exchange: Exchange) => Promise<void> | void;

export type RunningDemo = { origin: string; close(): Promise<void> };

/** Starts listening. Rejects when the port is taken. `log` gets one line for each failure. */
export async function startDemo(settings: DemoSettings, log: (line: string) => void = console.error): Promise<RunningDemo> {
  const server = createServer({ requestTimeout: 30_000 });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, settings.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const origin = `http://${settings.host}:${port}`;
  server.on('request', createHandler({ settings, origin, log }));
  return { origin, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

type HandlerDeps = { settings: DemoSettings; origin: string; log: (line: string) => void };

function createHandler({ settings, origin, log }: HandlerDeps) {
  const { issuerUrl } = settings;
  const sessions = createSessions();
  const relyingParty = createRelyingParty({ settings, origin });
  const listOrders = createOrdersApi({ issuer: relyingParty.issuer, audience: `${origin}/api` });

  const routes: Record<string, Route> = {
    'GET /': showHome,
    'GET /login': beginSignIn,
    'GET /callback': finishSignIn,
    'POST /userinfo': act('userinfo', relyingParty.callUserinfo),
    'POST /orders': act('orders', relyingParty.callOrders),
    'POST /refresh': act('refresh', relyingParty.refresh),
    'POST /sign-out': signOutHere,
    'POST /sign-out-everywhere': signOutEverywhere,
    'GET /signed-out': showSignedOut,
    'GET /api/orders': answerOrders,
    'GET /style.css': ({ response }) => send(response, 200, 'text/css; charset=utf-8', STYLE),
    'GET /favicon.svg': ({ response }) => send(response, 200, 'image/svg+xml', ICON),
  };

  async function showHome({ request, response }: Exchange) {
    const session = sessions.find(request);
    const { signedIn } = session ?? {};
    const page =
      session && signedIn
        ? signedInPage({ session, signedIn, issuerUrl })
        : homePage({ session, issuerUrl, reachable: await relyingParty.isReachable() });
    if (session) session.notice = undefined;
    send(response, 200, HTML, page);
  }

  async function beginSignIn({ request, response }: Exchange) {
    const { url, state, pending } = await leaveFor(relyingParty.beginSignIn);
    rememberPending(sessions.find(request) ?? sessions.open(response), state, pending);
    redirect(response, url.href);
  }

  async function finishSignIn({ request, response, url }: Exchange) {
    const session = sessions.find(request);
    const state = url.searchParams.get('state') ?? '';
    const signedIn = await relyingParty.finishSignIn(url.search, state, takePending(session, state));
    // A sign-in without userinfo is still a sign-in: the page has a button to ask again.
    await relyingParty.callUserinfo(signedIn).catch((error) => log(`userinfo: ${describeForLog(error)}`));
    const fresh = session ? sessions.replace(session, response) : sessions.open(response);
    fresh.signedIn = signedIn;
    redirect(response, '/');
  }

  /** A button of the signed-in page: does its work, then shows the page again at the section it changed. */
  function act(section: string, work: (signedIn: SignedIn) => Promise<void>): Route {
    return async ({ request, response }) => {
      const session = sessions.find(request);
      if (!session) return redirect(response, '/');
      await inTurn(session, async () => {
        if (session.signedIn) await work(session.signedIn);
      }).catch((error) => tellNextPage(session, section, error));
      redirect(response, session.notice ? '/' : `/#${section}`);
    };
  }

  function tellNextPage(session: Session, section: string, error: unknown) {
    log(`${section}: ${describeForLog(error)}`);
    const { title, text, technical, signInEnded } = explain(error);
    session.notice = { kind: 'bad', text: `${title}. ${text}${technical ? ` (${technical})` : ''}` };
    if (signInEnded) session.signedIn = undefined;
  }

  /** Forgets the person and gives the tokens back. Works even when the issuer does not answer. */
  async function forget({ request, response }: Exchange) {
    const session = sessions.find(request);
    if (!session) return undefined;
    const signedIn = await inTurn(session, async () => session.signedIn);
    const fresh = sessions.replace(session, response);
    session.signedIn = undefined;
    if (!signedIn) return undefined;
    const revoked = await relyingParty.revoke(signedIn).then(
      () => true,
      (error) => {
        log(`revocation: ${describeForLog(error)}`);
        return false;
      },
    );
    return { fresh, revoked, idToken: signedIn.idToken };
  }

  async function signOutHere(exchange: Exchange) {
    const forgotten = await forget(exchange);
    if (forgotten) {
      forgotten.fresh.notice = forgotten.revoked
        ? { kind: 'good', text: `You are signed out of Demo Shop. ${issuerUrl.host} still knows you.` }
        : { kind: 'bad', text: `You are signed out of Demo Shop, but ${issuerUrl.host} could not be told.` };
    }
    redirect(exchange.response, '/');
  }

  async function signOutEverywhere(exchange: Exchange) {
    const forgotten = await forget(exchange);
    if (!forgotten) return redirect(exchange.response, '/signed-out');
    const state = randomBytes(16).toString('base64url');
    const url = await leaveFor(() => relyingParty.signOutUrl(forgotten.idToken, state)).catch((error) => {
      log(`sign-out: ${describeForLog(error)}`);
      forgotten.fresh.notice = { kind: 'bad', text: `You are signed out of Demo Shop, but ${issuerUrl.host} could not be told.` };
    });
    if (url) forgotten.fresh.signOutState = state;
    redirect(exchange.response, url?.href ?? '/');
  }

  /** Makes the address to send a browser to, unless nobody would answer there. */
  async function leaveFor<T>(build: () => Promise<T>): Promise<T> {
    if (!(await relyingParty.isReachable())) throw new TypeError('fetch failed');
    return build();
  }

  function showSignedOut({ request, response, url }: Exchange) {
    const session = sessions.find(request);
    if (session?.signedIn) return redirect(response, '/');
    const expected = session?.signOutState;
    const confirmed = expected !== undefined && url.searchParams.get('state') === expected;
    if (session && confirmed) session.signOutState = undefined;
    send(response, 200, HTML, signedOutPage({ issuerUrl, confirmed }));
  }

  async function answerOrders({ request, response }: Exchange) {
    const { status, headers, body } = await listOrders(request.headers.authorization);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    send(response, status, 'application/json', JSON.stringify(body));
  }

  function fail({ response, url }: Exchange, error: unknown) {
    log(`${url.pathname}: ${describeForLog(error)}`);
    const startsSignIn = url.pathname === '/login' || url.pathname === '/callback';
    showProblem(response, explain(error), startsSignIn ? '/login' : undefined);
  }

  return async function handle(request: IncomingMessage, response: ServerResponse) {
    setHeaders(response, issuerUrl);
    // Not one of the forms has fields, so no body is ever read.
    request.resume();
    const path = request.url ?? '/';
    if (!path.startsWith('/') || !URL.canParse(origin + path)) return showProblem(response, NOT_FOUND);
    // One host name only: a page of another name (DNS rebinding) must not get at the sessions here.
    if (`http://${request.headers.host}` !== origin) return redirect(response, origin);
    const exchange = { request, response, url: new URL(origin + path) };
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = routes[`${method} ${exchange.url.pathname}`];
    if (!route) return showProblem(response, NOT_FOUND);
    // Buttons work from our own pages only. Another port of this host is another site to us,
    // although the browser sends it our cookie.
    if (method === 'POST' && request.headers.origin !== origin) return showProblem(response, FORGED);
    try {
      await route(exchange);
    } catch (error) {
      fail(exchange, error);
    }
  };
}

const HTML = 'text/html; charset=utf-8';

const NOT_FOUND: Problem = { status: 404, title: 'There is nothing here', text: 'The address may be mistyped.' };
const FORGED: Problem = { status: 403, title: 'That did not come from here', text: 'Use the buttons of this shop.' };

function setHeaders(response: ServerResponse, issuerUrl: URL) {
  // The issuer is a form target too: "Sign out everywhere" is a form that is redirected there.
  const policy = `default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' ${issuerUrl.origin}; base-uri 'none'; frame-ancestors 'none'`;
  response.setHeader('Content-Security-Policy', policy);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
  response.setHeader('Referrer-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cache-Control', 'no-store');
}

function send(response: ServerResponse, status: number, contentType: string, body: string) {
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function showProblem(response: ServerResponse, problem: Problem, retry?: string) {
  send(response, problem.status, HTML, problemPage({ problem, retry }));
}

function redirect(response: ServerResponse, location: string) {
  response.writeHead(303, { Location: location, 'Content-Length': 0 });
  response.end();
}
