import type { Socket } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Asker, answer, CIBA_GRANT, createAsker, openQuestion } from '../support/asking.js';
import { Browserless, type Page } from '../support/browserless.js';
import { API, clients } from '../support/declarations.js';
import { approve } from '../support/devices.js';
import {
  ACCESS_TOKEN,
  EXCHANGE,
  type ExchangingServices,
  SERVICE_SECRET,
  startExchangingServices,
  WAREHOUSE,
} from '../support/exchanging-services.js';
import { createApiPerson, signInByApi } from '../support/json-api.js';
import type { OpenApi } from '../support/openapi-document.js';
import { consent, PASSWORD, signIn } from '../support/people.js';
import { locationOf, obtainTokens } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { statementText } from '../support/statement-text.js';

type Send = () => Promise<Response>;

/** What the server's own clockwork asks now and then. */
const BACKGROUND = /change_counters|outbox_messages|leases/;
const errorOf = (text: string): unknown => (text.startsWith('{') ? (JSON.parse(text) as { error?: unknown }).error : undefined);
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

describe('a database that goes while a request is being answered (postgresql)', () => {
  let net: ExchangingServices;
  let server: TestServer;
  let bank: Asker;
  let token: string;
  let person: Awaited<ReturnType<typeof createApiPerson>>;
  let browser: Browserless;

  /** Statements that still get through; those of the clockwork are not counted. */
  let left = Number.POSITIVE_INFINITY;
  let sent = 0;
  /** the first statement that did not */
  let failed = '';
  beforeAll(async () => {
    const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
    vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...args: unknown[]) {
      const text = statementText(args[0]);
      if (BACKGROUND.test(text) || sent++ < left) return query.apply(this, args) as never;
      failed ||= text;
      const error = Object.assign(new Error('read ECONNRESET secret-host'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
      (this as unknown as { connection: { stream: Socket } }).connection.stream.destroy(error);
      return query.apply(this, args) as never;
    });
    net = await startExchangingServices('postgresql');
    server = net.server;
    bank = await createAsker(server);
    const signedIn = await net.signIn();
    ({ token, browser } = signedIn);
    person = await createApiPerson(server);
  });
  afterEach(() => {
    left = Number.POSITIVE_INFINITY;
  });
  afterAll(async () => {
    await net?.close();
    vi.restoreAllMocks();
  });

  const basic = (id: string, secret: string) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` });
  const shop = basic(clients.shop.client_id, clients.shop.client_secret);
  const post =
    (path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Send =>
    () =>
      fetch(server.url + path, { method: 'POST', headers, body: new URLSearchParams(fields), redirect: 'manual' });
  const api =
    (method: string, path: string, body?: object, bearer = true): Send =>
    () =>
      fetch(server.url + path, {
        method,
        headers: {
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...(bearer ? { authorization: `Bearer ${person.token}` } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
  const signedIn = () => obtainTokens(server, net.shop, { browser, person: net.person });
  const page =
    (path: string, of = browser): Send =>
    async () => {
      const { status, headers, body } = await of.request(server.url + path);
      return new Response(body, { status, headers });
    };

  const submitting =
    (submit: () => Promise<Page>): Send =>
    async () => {
      const { status, headers, body } = await submit();
      return new Response(body, { status, headers });
    };
  const television = { client_id: clients.television.client_id };
  const askByDevice = async () =>
    (await (await post('/device/auth', { ...television, scope: 'openid' })()).json()) as { device_code: string; user_code: string };
  const collectByDevice = ({ device_code }: { device_code: string }) =>
    post('/token', { ...television, grant_type: DEVICE_GRANT, device_code });
  type Registered = { client_id: string; registration_client_uri: string; registration_access_token: string };
  /** As if nobody had asked or registered anything yet. */
  const forgetLimits = () => server.services.db.client.limitCounter.deleteMany();
  const ask = async () => {
    await forgetLimits();
    return (await bank.ask({ login_hint: net.person.email })).auth_req_id;
  };
  /** Asked, and opened by its person. */
  const question = async () => {
    await signedIn();
    const id = await ask();
    return { id, ...(await openQuestion(server, net.person, { browser })) };
  };
  const collectAnswer = (auth_req_id: string) => post('/token', { grant_type: CIBA_GRANT, auth_req_id }, basic(bank.clientId, bank.secret));
  const register = async () => {
    await forgetLimits();
    const made = await api('POST', '/connect/register', { redirect_uris: ['https://new.example/cb'] }, false)();
    return (await made.json()) as Registered;
  };
  const managing =
    (made: Registered, method: string, body?: object): Send =>
    () =>
      fetch(made.registration_client_uri, {
        method,
        headers: { authorization: `Bearer ${made.registration_access_token}`, 'content-type': 'application/json' },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });

  /** Each gives a request that succeeds while the database is there. Made anew each time, since many work once. */
  const requests: Record<string, () => Promise<Send> | Send> = {
    'POST /token client_credentials': () =>
      post('/token', { grant_type: 'client_credentials', resource: API }, basic('orders', SERVICE_SECRET)),
    'POST /token authorization_code': async () => {
      await signedIn();
      const { url, checks } = await net.shop.begin();
      const location = locationOf(await browser.open(url.href));
      const code = String(location.searchParams.get('code'));
      return post(
        '/token',
        { grant_type: 'authorization_code', code, redirect_uri: net.shop.redirectUri, code_verifier: checks.pkceCodeVerifier },
        shop,
      );
    },
    'POST /token refresh_token': async () =>
      post('/token', { grant_type: 'refresh_token', refresh_token: String((await signedIn()).tokens.refresh_token) }, shop),
    'POST /token token exchange': async () => {
      const acting = await net.acting('orders');
      return post(
        '/token',
        { grant_type: EXCHANGE, subject_token: token, subject_token_type: ACCESS_TOKEN, audience: WAREHOUSE, ...acting },
        basic('orders', SERVICE_SECRET),
      );
    },
    'POST /token device_code': async () => collectByDevice(await askByDevice()),
    'POST /token CIBA': async () => collectAnswer(await ask()),
    'POST /backchannel': async () => {
      await forgetLimits();
      return post('/backchannel', { scope: 'openid', login_hint: net.person.email }, basic(bank.clientId, bank.secret));
    },
    'POST /device/auth': () => post('/device/auth', { client_id: clients.television.client_id, scope: 'openid' }),
    'POST /par': () =>
      post(
        '/par',
        {
          client_id: clients.shop.client_id,
          response_type: 'code',
          redirect_uri: net.shop.redirectUri,
          scope: 'openid',
          code_challenge: 'a'.repeat(43),
          code_challenge_method: 'S256',
        },
        shop,
      ),
    'POST /introspect a JWT': () => post('/introspect', { token }, basic('orders', SERVICE_SECRET)),
    'POST /introspect': async () => post('/introspect', { token: (await signedIn()).tokens.access_token }, shop),
    'POST /revoke a JWT': async () => post('/revoke', { token: (await net.signIn({ another: true })).token }, shop),
    'POST /revoke': async () => post('/revoke', { token: String((await signedIn()).tokens.refresh_token) }, shop),
    'GET /userinfo': async () => {
      const { access_token } = (await signedIn()).tokens;
      return () => fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${access_token}` } });
    },
    'POST /connect/register': () => api('POST', '/connect/register', { redirect_uris: ['https://new.example/cb'] }, false),
    'GET /connect/register/ID': async () => managing(await register(), 'GET'),
    'GET /authorize': async () => page((({ pathname, search }) => pathname + search)((await net.shop.begin()).url)),
    'GET /logout': () => page('/logout'),
    'GET /device': () => page('/device'),
    'GET /account': () => page('/account'),
    'GET /account/sessions': () => page('/account/sessions'),
    'GET /approve': async () => {
      const { link } = await question();
      return page(link.slice(server.url.length));
    },
    'POST /auth/login': () => api('POST', '/auth/login', { email: person.email, password: PASSWORD }, false),
    'POST /auth/refresh': async () =>
      api('POST', '/auth/refresh', { refresh_token: (await signInByApi(server, person.email)).refreshToken }, false),
    'POST /auth/register': () => api('POST', '/auth/register', { email: `${crypto.randomUUID()}@example.com`, password: PASSWORD }, false),
    'POST /auth/password-reset/request': () => api('POST', '/auth/password-reset/request', { email: person.email }, false),
    'PUT /connect/register/ID': async () => {
      const made = await register();
      return managing(made, 'PUT', { client_id: made.client_id, redirect_uris: ['https://newer.example/cb'] });
    },
    'DELETE /connect/register/ID': async () => managing(await register(), 'DELETE'),
    'POST /token device_code, allowed': async () => {
      const asked = await askByDevice();
      await approve(server, browser, asked.user_code, net.person);
      return collectByDevice(asked);
    },
    'POST /token CIBA, allowed': async () => {
      const { id, page: asked } = await question();
      await answer(browser, asked);
      return collectAnswer(id);
    },
    'POST /approve': async () => {
      const { page: asked } = await question();
      return submitting(() => answer(browser, asked));
    },
    'POST /device': async () => {
      const { user_code } = await askByDevice();
      const form = await browser.open(`${server.url}/device`);
      return submitting(() => browser.submit(form, '/device', { user_code }));
    },
    'POST /interaction/ID/login': async () => {
      const visitor = new Browserless();
      const form = await visitor.open((await net.shop.begin()).url.href);
      return submitting(() => signIn(visitor, form, net.person));
    },
    'POST /interaction/ID/consent': async () => {
      await signedIn();
      const form = await browser.open((await net.shop.begin({ prompt: 'consent' })).url.href);
      return submitting(() => consent(browser, form));
    },
    'POST /logout/confirm': async () => {
      const visitor = new Browserless();
      await obtainTokens(server, net.shop, { browser: visitor, person: net.person });
      const form = await visitor.open(`${server.url}/logout`);
      return submitting(() => visitor.submit(form, '/logout/confirm', { logout: 'yes' }));
    },
    'POST /auth/logout': async () => {
      const { token: theirs } = await signInByApi(server, person.email);
      return () => fetch(`${server.url}/auth/logout`, { method: 'POST', headers: { authorization: `Bearer ${theirs}` } });
    },
    'PATCH /auth/me': () => api('PATCH', '/auth/me', { last_name: 'Lee' }),
    'GET /auth/me': () => api('GET', '/auth/me'),
    'GET /auth/sessions': () => api('GET', '/auth/sessions'),
    'GET /v2/auth/me': () => api('GET', '/v2/auth/me'),
  };

  it.each(Object.keys(requests))('%s is answered 503 whichever statement is the first that fails, and works again', async (name) => {
    const make = requests[name] as () => Promise<Send> | Send;
    const usual = await (await make())();
    const usually = await usual.text();
    // A question that nobody has answered yet is asked again; everything else succeeds.
    if (usual.status >= 400) expect(errorOf(usually)).toBe('authorization_pending');
    let reached = true;
    for (let first = 0; reached; first++) {
      const send = await make();
      sent = 0;
      failed = '';
      left = first;
      const response = await send();
      const text = await response.text();
      reached = sent > first;
      left = Number.POSITIVE_INFINITY;
      expect(text).not.toMatch(/secret-host|ECONN|prisma/i);
      expect(response.headers.get('location') ?? '').not.toContain('server_error');
      const location = response.headers.get('location');
      const answered = location && new URL(location, server.url).searchParams;
      if (answered && (answered.get('error') === 'temporarily_unavailable' || answered.has('code'))) continue;
      if (usual.status >= 400 && response.status === usual.status && errorOf(text) === errorOf(usually)) continue;
      // What is only noted beside an answer (the audit log) may fail behind it, and nothing else.
      if (usual.status < 400 && response.status === usual.status && !answered && (!reached || /audit/.test(failed))) continue;
      const told = `${name}, statement ${first + 1} (${failed.slice(0, 200)}): ${text.slice(0, 300)}`;
      expect({ told, status: response.status, retry: response.headers.has('retry-after') }).toEqual({ told, status: 503, retry: true });
    }
    expect((await (await make())()).status).toBe(usual.status);
  });

  it('every documented call that needs a token is answered 503 as problem details', async () => {
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as OpenApi;
    const calls = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations)
        .filter(([, { security }]) => security.length > 0 && !security.some((each) => Object.keys(each).length === 0))
        .map(([method]) => ({ method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, '00000000-0000-4000-8000-000000000000') })),
    );
    expect(calls.length).toBeGreaterThan(20);
    left = 0;
    for (const { method, path } of calls) {
      const response = await api(method, path, method === 'GET' ? undefined : {})();
      const { status, headers } = response;
      expect({ method, path, status, retry: headers.has('retry-after'), body: await response.json() }).toMatchObject({
        ...{ method, path, status: 503, retry: true },
        body: { code: 'database.unavailable' },
      });
    }
  });
});
