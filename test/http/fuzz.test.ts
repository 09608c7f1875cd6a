import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNoInternals, send } from '../support/raw-http.js';
import { createRelyingParty, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const SEED = 20_261_121;
const ROUNDS = 400;

/** mulberry32: small, and the same on every machine, so that a failure can be repeated. */
function createRandom(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { below, chance: (share: number) => next() < share, pick: <T>(list: readonly T[]): T => list[below(list.length)] as T };
}

const PATHS = [
  ...[
    '/authorize',
    '/par',
    '/device',
    '/device/auth',
    '/device/UID',
    '/backchannel',
    '/approve',
    '/approve/sign-in',
    '/token',
    '/userinfo',
    '/introspect',
    '/connect/register',
    '/connect/register/UID',
    '/revoke',
    '/logout',
    '/logout/confirm',
    '/logout/success',
    '/account/profile',
  ],
  ...['/register', '/register/resend', '/register/verify', '/forgot', '/reset', '/password/strength', '/account', '/account/password'],
  ...['/register/check-mail', '/register/verified', '/forgot/check-mail', '/reset/done', '/email/changed'],
  ...['/account/email', '/account/email/cancel', '/email/confirm', '/account/api-keys', '/account/api-keys/revoke'],
  ...['/account/sessions', '/account/applications', '/interaction/UID', '/interaction/UID/login', '/interaction/UID/consent', '/'],
  ...['/interaction/UID/switch', '/interaction/UID/cancel', '/authorize/UID', '/dev/mailbox', '/dev/mailbox/UID', '/account/sign-out'],
  ...[
    '/.well-known/openid-configuration',
    '/.well-known/jwks.json',
    '/livez',
    '/readyz',
    '/health',
    '/assets/UID.css',
    '/account/signed-in',
  ],
];
const NAMES = [
  ...[
    'client_id',
    'client_secret',
    'redirect_uri',
    'response_type',
    'response_mode',
    'scope',
    'state',
    'nonce',
    'prompt',
    'max_age',
    'resource',
  ],
  ...[
    'code_challenge',
    'code_challenge_method',
    'code',
    'code_verifier',
    'grant_type',
    'refresh_token',
    'token',
    'token_type_hint',
    'claims',
  ],
  ...[
    'id_token_hint',
    'login_hint',
    'post_logout_redirect_uri',
    'xsrf',
    'logout',
    'email',
    'password',
    'identifier',
    'decision',
    'csrf',
    'inputs',
  ],
  ...[
    'interaction',
    'username',
    'first_name',
    'ui_locales',
    'request',
    'request_uri',
    'authorization_details',
    'dpop_jkt',
    'user_code',
    'device_code',
    'auth_req_id',
    'binding_message',
    'requested_expiry',
    'client_notification_token',
    'confirm',
    'subject_token',
    'actor_token',
    'audience',
    '__proto__',
    'iss',
  ],
];
const VALUES = [
  ...[
    '',
    'shop',
    'code',
    'openid',
    'S256',
    'authorization_code',
    'refresh_token',
    'none',
    'login consent',
    'https://shop.example.com/callback',
  ],
  ...[
    '\0',
    '%',
    '%00',
    '\u202e\ud83d\ude00',
    '__proto__',
    'constructor',
    'null',
    'undefined',
    'NaN',
    '-1',
    '1e309',
    '{}',
    '[]',
    '{"a":',
    '"',
  ],
  ...[
    '<script>alert(1)</script>',
    "' OR 1=1 --",
    '../../etc/passwd',
    '\r\nX-Injected: 1',
    'https://api.example.com',
    'e30.e30.e30',
    'a@example.com',
  ],
  ...[
    'x'.repeat(5000),
    '['.repeat(3000),
    'é'.repeat(500),
    '2'.repeat(400),
    'javascript:alert(1)',
    'data:,x',
    'https://[::1',
    'true',
    ' ',
    '+',
    '&=',
  ],
];

let server: TestServer;
let valid: Record<string, string>;
let cookie: string;
beforeAll(async () => {
  server = await startDeclaredServer();
  const { browser, tokens } = await obtainTokens(server, await createRelyingParty(server, 'shop'));
  cookie = browser.cookieHeader(new URL(server.url));
  valid = { access: tokens.access_token, refresh: tokens.refresh_token ?? '', id: tokens.id_token ?? '' };
});
afterAll(() => server?.close());

/** What nobody may change who cannot even fill in a form. */
async function keptRows(): Promise<unknown> {
  const { account, accountRole, client, consent, role, signingKey } = server.services.db.client;
  return Promise.all([account, accountRole, client, consent, role, signingKey].map((table) => (table as typeof account).findMany()));
}

test(`${ROUNDS} requests of random shape at every endpoint are all answered, below 500, without internals, and write nothing`, async () => {
  const before = await keptRows();
  const { below, chance, pick } = createRandom(SEED);
  const value = () => (chance(0.1) ? pick(Object.values(valid)) : pick(VALUES));
  const pairs = () => Array.from({ length: below(9) }, () => [pick(NAMES), value()] as [string, string]);
  const encode = (list: readonly [string, string][]) => new URLSearchParams(list).toString();
  const bodies = [
    () => ({ type: 'application/x-www-form-urlencoded', body: encode(pairs()) }),
    () => ({ type: 'application/json', body: JSON.stringify(Object.fromEntries(pairs())) }),
    () => ({
      type: 'application/json',
      body: pick(['{', 'null', '[]', '"x"', '1', '{"password":{}}', '{"password":[1],"inputs":"x"}', '{"inputs":[{}]}']),
    }),
    () => ({
      type: pick(['text/plain', 'multipart/form-data; boundary=x', '', 'application/x-www-form-urlencoded; charset=utf-7']),
      body: value(),
    }),
    () => ({ type: 'application/x-www-form-urlencoded', body: value() }),
  ];
  const seen = new Map<number, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const method = pick(['GET', 'GET', 'POST', 'POST', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH']);
    const path = pick(PATHS).replace('UID', pick(['x', 'a'.repeat(43), '%00', '..%2f', '__proto__', '<x>'].map(encodeURIComponent)));
    const query = chance(0.6) ? `?${encode(pairs())}`.slice(0, 7000) : '';
    const { type, body } = pick(bodies)();
    const headers: Record<string, string> = { accept: pick(['text/html', 'application/json', '*/*', '']), host: new URL(server.url).host };
    if (chance(0.5)) headers.cookie = cookie;
    if (chance(0.3))
      headers.authorization = pick([`Bearer ${valid.access}`, 'Basic c2hvcDp4', 'Bearer', 'Basic !', `DPoP ${valid.access}`]);
    if (chance(0.3)) headers.origin = pick([server.url, 'https://evil.example.com', 'null', 'https://spa.example.com']);
    if (chance(0.2)) headers.dpop = pick(['x', 'e30.e30.e30']);
    const withBody = !['GET', 'HEAD'].includes(method);
    if (withBody) headers['content-type'] = type;
    const label = `round ${round} (seed ${SEED}): ${method} ${path}${query.slice(0, 200)} ${JSON.stringify({ ...headers, cookie: undefined })} ${body.slice(0, 200)}`;
    const answer = await send(server, { method, path: path + query, headers, ...(withBody ? { body } : {}) });
    expect(answer.status, label).toBeLessThan(500);
    expect(answer.headers, label).not.toHaveProperty('x-injected');
    expect(answer.body, label).not.toContain('<script>alert(1)');
    expectNoInternals(answer, label);
    const { location } = answer.headers;
    if (location) expect([server.url, 'https://shop.example.com'], label).toContain(new URL(location, server.url).origin);
    seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
  }
  expect(await keptRows()).toEqual(before);
  // That it reached more than one wall.
  expect([...seen.keys()]).toEqual(expect.arrayContaining([200, 303, 400, 401, 403, 404, 405, 415]));
  expect((await send(server, { path: '/readyz' })).status).toBe(200);
});
