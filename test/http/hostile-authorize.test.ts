import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless, formsOf } from '../support/browserless.js';
import { type Answer, expectHardened, expectRefused, html, postForm, send } from '../support/raw-http.js';
import { startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startDeclaredServer();
});
afterAll(() => server?.close());

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const good = {
  client_id: 'shop',
  response_type: 'code',
  redirect_uri: 'https://shop.example.com/callback',
  scope: 'openid',
  state: 'the-state',
  code_challenge: CHALLENGE,
  code_challenge_method: 'S256',
};
type Parameters = Record<string, string | undefined>;
const queryOf = (parameters: Parameters) =>
  new URLSearchParams(Object.entries({ ...good, ...parameters }).filter((entry): entry is [string, string] => entry[1] !== undefined));
const authorize = (parameters: Parameters = {}, headers = html) => send(server, { path: `/authorize?${queryOf(parameters)}`, headers });
/** The error the application is told, once its redirect URI has been checked. */
const toldApplication = ({ status, headers }: Answer) => {
  expect(status).toBe(303);
  // Errors of the implicit and hybrid flows are told in the fragment, where those applications look.
  const url = new URL(String(headers.location).replace('#', '?'));
  expect(url.origin + url.pathname).toBe(good.redirect_uri);
  expect(url.searchParams.get('state')).toBe(good.state);
  expect(url.searchParams.get('iss')).toBe(server.url);
  expect(url.searchParams.has('code')).toBe(false);
  return url.searchParams.get('error');
};

describe('an authorization request that cannot be trusted ends on a page of ours, never at an address it names', () => {
  test.each([
    ['no client', { client_id: undefined }],
    ['an empty client', { client_id: '' }],
    ['an unknown client', { client_id: 'nobody' }],
    ['a client id with a script', { client_id: '<script>alert(1)</script>' }],
    ['a client id of 5000 characters', { client_id: 'x'.repeat(5000) }],
    ['a client id with a NUL byte', { client_id: 'shop\0' }],
    ['a client id that names a member of every object', { client_id: '__proto__' }],
    ['another one', { client_id: 'constructor' }],
    ['no redirect URI', { redirect_uri: undefined }],
  ])('%s', async (_what, parameters: Parameters) => {
    const answer = await authorize(parameters);
    expectRefused(answer);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(answer.body).not.toContain('<script>alert');
  });

  test.each([
    'https://evil.example.com/callback',
    'https://shop.example.com/other',
    'https://shop.example.com/callback/',
    'https://shop.example.com/callback?a=1',
    'https://shop.example.com/callback#fragment',
    'https://shop.example.com/callback#',
    'https://shop.example.com/CALLBACK',
    'https://shop.example.com/x/../callback',
    'https://shop.example.com/%63allback',
    'https://shop.example.com/callback%00',
    'https://shop.example.com:443/callback',
    'https://shop.example.com:8443/callback',
    'https://SHOP.example.com/callback',
    'https://shop.example.com@evil.example.com/callback',
    'https://evil.example.com\\@shop.example.com/callback',
    'https://user:password@shop.example.com/callback',
    'https://shop.example.com.evil.example.com/callback',
    'http://shop.example.com/callback',
    'HTTPS://shop.example.com/callback',
    '//shop.example.com/callback',
    '/callback',
    'javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    ' https://shop.example.com/callback',
    'https://shop.example.com/callback ',
    'https://shop.example.com/callback\r\nX-Injected: 1',
    'https://till.example.com/callback',
    '',
  ])('redirect URI %j', async (redirect_uri) => {
    const answer = await authorize({ redirect_uri });
    expectRefused(answer);
    expect(answer.headers).not.toHaveProperty('x-injected');
    expect(answer.body).not.toContain('<script>alert');
    expect(String(answer.headers['content-security-policy'])).not.toContain('evil');
    expectRefused(await authorize({ redirect_uri, prompt: 'none' }));
  });

  test('a registered URI of the same client but with another port is refused; a native loopback port is free', async () => {
    expectRefused(await authorize({ client_id: 'till', redirect_uri: 'https://till.example.com:444/callback' }));
    const native = await authorize({ client_id: 'native', redirect_uri: 'http://127.0.0.1:51234/callback' });
    expect([native.status, String(native.headers.location)]).toEqual([303, expect.stringMatching(/\/interaction\//)]);
    expectRefused(await authorize({ client_id: 'native', redirect_uri: 'http://127.0.0.1:51234/elsewhere' }));
    expectRefused(await authorize({ client_id: 'native', redirect_uri: 'http://127.0.0.2:51234/callback' }));
    expectRefused(await authorize({ client_id: 'native', redirect_uri: 'http://127.0.0.1.evil.example.com/callback' }));
  });

  test.each(['client_id', 'redirect_uri'])('%s given twice', async (name) => {
    const query = queryOf({});
    query.append(name, name === 'client_id' ? 'till' : 'https://evil.example.com/');
    expectRefused(await send(server, { path: `/authorize?${query}`, headers: html }));
  });

  test('says what happened in words, names no application that is not there, and offers a way on', async () => {
    const unknown = await authorize({ client_id: 'nobody' });
    expect(unknown.body).toContain('We do not know this application');
    const mismatch = await authorize({ redirect_uri: 'https://evil.example.com/' });
    expect(mismatch.body).toContain('We cannot send you back safely');
    expect(mismatch.body).not.toContain('href="https://evil.example.com');
  });

  test('is JSON for whoever asks for JSON', async () => {
    const answer = await authorize({ client_id: 'nobody' }, { accept: 'application/json' });
    expectRefused(answer);
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_client' });
  });
});

describe('a request of a known application that asks wrongly is told so at its registered address', () => {
  test.each<[string, Parameters, string]>([
    ['no PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['PKCE plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['PKCE without its method, which would be plain', { code_challenge_method: undefined }, 'invalid_request'],
    ['a challenge of the wrong form', { code_challenge: '<script>' }, 'invalid_request'],
    ['a challenge that is too long', { code_challenge: 'a'.repeat(200) }, 'invalid_request'],
    ['implicit', { response_type: 'token' }, 'unsupported_response_type'],
    ['hybrid', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['an unknown response type', { response_type: 'constructor' }, 'unsupported_response_type'],
    ['no response type', { response_type: undefined }, 'invalid_request'],
    ['an unknown prompt', { prompt: 'hack' }, 'invalid_request'],
    ['prompt none with another', { prompt: 'none login' }, 'invalid_request'],
    ['a max_age that is no number', { max_age: 'soon' }, 'invalid_request'],
    ['a negative max_age', { max_age: '-1' }, 'invalid_request'],
    ['an unknown resource', { resource: 'https://unknown.example.com' }, 'invalid_target'],
    ['a resource that is no URI', { resource: 'not a uri' }, 'invalid_target'],
    ['a resource with a fragment', { resource: 'https://api.example.com/#x' }, 'invalid_target'],
    ['a request object that nobody signed', { request: 'e30.e30.' }, 'invalid_request_object'],
    ['a request object elsewhere', { request_uri: 'https://evil.example.com/x' }, 'request_uri_not_supported'],
    ['registration', { registration: '{}' }, 'registration_not_supported'],
    ['an unknown ID token hint', { id_token_hint: 'e30.e30.' }, 'invalid_request'],
  ])('%s', async (_what, parameters, error) => {
    expect(toldApplication(await authorize(parameters))).toBe(error);
  });

  test('an unknown scope is left out, and one the client may not have is refused', async () => {
    const unknown = await authorize({ scope: 'openid <script> made-up' });
    expect(String(unknown.headers.location)).toMatch(/\/interaction\//);
    expect(toldApplication(await authorize({ client_id: 'shop', scope: 'profile', prompt: 'none' }))).toEqual(expect.any(String));
  });

  test.each(['state', 'nonce', 'scope', 'code_challenge', 'response_type', 'prompt', 'max_age', 'login_hint'])(
    '%s given twice',
    async (name) => {
      const query = queryOf({ nonce: 'n', prompt: 'login', max_age: '1', login_hint: 'h' });
      query.append(name, 'second');
      const answer = await send(server, { path: `/authorize?${query}`, headers: html });
      expect(answer.status).toBe(303);
      const url = new URL(String(answer.headers.location));
      expect([url.origin + url.pathname, url.searchParams.get('error')]).toEqual([good.redirect_uri, 'invalid_request']);
    },
  );

  test.each(['fragment', 'form_post', 'query.jwt', 'web_message', 'constructor'])(
    'response_mode %s gives no code to anybody',
    async (response_mode) => {
      const answer = await authorize({ response_mode, prompt: 'none' });
      expect(answer.status).toBeLessThan(500);
      expect(`${answer.headers.location}${answer.body}`).not.toMatch(/code=/);
    },
  );
});

describe('what an application sends along stays text', () => {
  const script = '"><script>alert(1)</script><img src=x onerror=alert(1)>';

  test('on every page of the flow: state, nonce, hints, locales', async () => {
    const browser = new Browserless();
    const hostile = { state: script, nonce: script, login_hint: script, ui_locales: script, display: 'page', acr_values: script };
    const login = await browser.open(`${server.url}/authorize?${queryOf(hostile)}`);
    expect(login.status).toBe(200);
    expect(login.body).not.toContain('<script>alert');
    expect(login.body).not.toContain('<img src=x');
    expect(formsOf(login).find(({ fields }) => 'identifier' in fields)?.fields.identifier).toContain('<script>');
    const back = await browser.submit(login, '/cancel');
    const url = new URL(String(back.headers.get('location')));
    expect([url.origin, url.searchParams.get('state')]).toEqual(['https://shop.example.com', script]);
  });

  test('line breaks in it make no header', async () => {
    const answer = await authorize({ state: 'a\r\nSet-Cookie: x=1', prompt: 'none' });
    expect(answer.status).toBe(303);
    expect(String(answer.headers['set-cookie'])).not.toContain('x=1');
    expect(new URL(String(answer.headers.location)).searchParams.get('state')).toBe('a\r\nSet-Cookie: x=1');
  });
});

describe('size and form', () => {
  test('a POST goes on as a GET, so that cookies come along; one that is too large or of another type does not', async () => {
    const posted = await postForm(server, '/authorize', queryOf({}).toString(), html);
    expect([posted.status, posted.headers.location]).toEqual([303, `/authorize?${queryOf({})}`]);
    expectHardened(posted);
    const large = await postForm(server, '/authorize', { ...good, state: 'x'.repeat(70_000) }, html);
    expectRefused(large);
    expect(large.status).toBe(413);
    const other = await send(server, {
      method: 'POST',
      path: '/authorize',
      headers: { ...html, 'content-type': 'application/json' },
      body: '{}',
    });
    expectRefused(other);
    expect(other.status).toBe(415);
    expectRefused(await postForm(server, '/authorize', `${queryOf({})}&client_id=till`, html));
    expectRefused(await postForm(server, '/authorize', Array.from({ length: 1000 }, (_, i) => `f${i}=1`).join('&'), html));
  });

  test('a long state is carried or refused, and never breaks the server', async () => {
    for (const length of [1000, 8000]) {
      const answer = await authorize({ state: 'x'.repeat(length) });
      expect(answer.status).toBeLessThan(500);
    }
  });

  test('claims that are none are refused, and members of every object are no claims', async () => {
    for (const claims of ['{', '{"__proto__":{"a":1}}', '{"userinfo":[]}', '['.repeat(2000)])
      expect(String((await authorize({ claims })).headers.location), claims.slice(0, 40)).toContain('error=invalid_request');
    const { location } = (await authorize({ claims: '{"userinfo":{"__proto__":{"a":1}}}' })).headers;
    expect(String(location)).toMatch(/^\/interaction\//);
  });

  test('1000 parameters and members of every object do no harm', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `p${i}=1`).join('&');
    const crowded = await send(server, { path: `/authorize?${queryOf({})}&${many}`, headers: html });
    expect(crowded.status).toBe(303);
    const hostile = '__proto__=x&constructor=x&toString=x&__proto__[a]=1&hasOwnProperty=1';
    const answer = await send(server, { path: `/authorize?${queryOf({})}&${hostile}`, headers: html });
    expect(answer.status).toBe(303);
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });
});
