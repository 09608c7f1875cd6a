import type { Socket } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Asker, CIBA_GRANT, createAsker, openQuestion } from '../support/asking.js';
import type { Browserless } from '../support/browserless.js';
import { API, clients } from '../support/declarations.js';
import {
  ACCESS_TOKEN,
  EXCHANGE,
  type ExchangingServices,
  SERVICE_SECRET,
  startExchangingServices,
  WAREHOUSE,
} from '../support/exchanging-services.js';
import { createApiPerson } from '../support/json-api.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { locationOf, obtainTokens } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

type Send = () => Promise<Response>;

/** What the server's own clockwork asks now and then. */
const BACKGROUND = /change_counters|outbox_messages|leases/;
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
  beforeAll(async () => {
    const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
    vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...args: unknown[]) {
      const text = (args[0] as { text?: string } | undefined)?.text ?? '';
      if (BACKGROUND.test(text) || sent++ < left) return query.apply(this, args) as never;
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
    'POST /token device_code': async () => {
      const television = { client_id: clients.television.client_id };
      const asked = (await (await post('/device/auth', { ...television, scope: 'openid' })()).json()) as { device_code: string };
      return post('/token', { ...television, grant_type: DEVICE_GRANT, device_code: asked.device_code });
    },
    'POST /token CIBA': async () => {
      const { auth_req_id } = await bank.ask({ login_hint: (await createPerson(server)).email });
      return post('/token', { grant_type: CIBA_GRANT, auth_req_id }, basic(bank.clientId, bank.secret));
    },
    'POST /backchannel': async () => {
      const { email } = await createPerson(server);
      return post('/backchannel', { scope: 'openid', login_hint: email }, basic(bank.clientId, bank.secret));
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
    'GET /connect/register/ID': async () => {
      const made = (await (
        await api('POST', '/connect/register', { redirect_uris: ['https://new.example/cb'] }, false)()
      ).json()) as Record<string, string>;
      return () => fetch(String(made.registration_client_uri), { headers: { authorization: `Bearer ${made.registration_access_token}` } });
    },
    'GET /authorize': async () => page((({ pathname, search }) => pathname + search)((await net.shop.begin()).url)),
    'GET /logout': () => page('/logout'),
    'GET /device': () => page('/device'),
    'GET /account': () => page('/account'),
    'GET /account/sessions': () => page('/account/sessions'),
    'GET /approve': async () => {
      const someone = await createPerson(server);
      await bank.ask({ login_hint: someone.email });
      const { link, browser: theirs } = await openQuestion(server, someone);
      return page(link.slice(server.url.length), theirs);
    },
    'POST /auth/login': () => api('POST', '/auth/login', { email: person.email, password: PASSWORD }, false),
    'POST /auth/refresh': async () => api('POST', '/auth/refresh', { refresh_token: (await createApiPerson(server)).refreshToken }, false),
    'POST /auth/register': () => api('POST', '/auth/register', { email: `${crypto.randomUUID()}@example.com`, password: PASSWORD }, false),
    'POST /auth/password-reset/request': () => api('POST', '/auth/password-reset/request', { email: person.email }, false),
    'GET /auth/me': () => api('GET', '/auth/me'),
    'GET /auth/sessions': () => api('GET', '/auth/sessions'),
    'GET /v2/auth/me': () => api('GET', '/v2/auth/me'),
  };

  it.each(Object.keys(requests))('%s is answered 503 whichever statement is the first that fails, and works again', async (name) => {
    const make = requests[name] as () => Promise<Send> | Send;
    const usual = await (await make())();
    const answer = await usual.text();
    // A question that nobody has answered yet is asked again; everything else succeeds.
    if (usual.status >= 400) expect(answer).toContain('"authorization_pending"');
    let reached = true;
    for (let first = 0; reached; first++) {
      const send = await make();
      sent = 0;
      left = first;
      const response = await send();
      const text = await response.text();
      reached = sent > first;
      left = Number.POSITIVE_INFINITY;
      expect(text).not.toMatch(/secret-host|ECONN|prisma/i);
      expect(response.headers.get('location') ?? '').not.toContain('server_error');
      // What is only noted beside an answer (the audit log) may fail behind it.
      if (response.status === usual.status) continue;
      const told = `${name}, statement ${first + 1}: ${text.slice(0, 300)}`;
      expect({ told, status: response.status, retry: response.headers.has('retry-after') }).toEqual({ told, status: 503, retry: true });
    }
    expect((await (await make())()).status).toBe(usual.status);
  });
});
