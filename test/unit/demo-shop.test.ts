import { readdirSync, readFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { html } from '../../scripts/demo/html.js';
import { describeForLog, explain } from '../../scripts/demo/problems.js';
import { DemoError } from '../../scripts/demo/relying-party.js';
import { type RunningDemo, startDemo } from '../../scripts/demo/server.js';
import { readSettings } from '../../scripts/demo/settings.js';

const folder = path.resolve(import.meta.dirname, '../../scripts/demo');
const readJson = (name: string) => JSON.parse(readFileSync(path.join(folder, name), 'utf8'));

let issuerServer: Server;
let issuer: string;
let key: CryptoKey;
let demo: RunningDemo;
const logged: string[] = [];

/** An issuer that publishes its metadata and one key, which is all an API needs of it. */
beforeAll(async () => {
  const pair = await generateKeyPair('RS256');
  key = pair.privateKey;
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' };
  issuerServer = createServer((request, response) => {
    const metadata = {
      issuer,
      jwks_uri: `${issuer}/jwks`,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
    };
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(request.url === '/jwks' ? { keys: [jwk] } : metadata));
  });
  await new Promise<void>((resolve) => issuerServer.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(issuerServer.address() as AddressInfo).port}`;
  demo = await startDemo(readSettings({ ISSUER_URL: issuer, DEMO_PORT: '0' }), (line) => logged.push(line));
});

afterAll(async () => {
  await demo?.close();
  issuerServer?.closeAllConnections();
  await new Promise((resolve) => issuerServer.close(resolve));
});

const ask = (path: string, init: RequestInit = {}) => fetch(demo.origin + path, { redirect: 'manual', ...init });

describe('the registration of the demo', () => {
  test('is what the demo itself uses', () => {
    const { clientId, clientSecret, port, host } = readSettings({});
    const [client] = readJson('clients.json');
    const origin = `http://${host}:${port}`;
    expect(client).toMatchObject({
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [`${origin}/callback`],
      post_logout_redirect_uris: [`${origin}/signed-out`],
      first_party: false,
    });
    expect(readJson('resources.json')[0].identifier).toBe(`${origin}/api`);
  });

  test('lives beside code that imports nothing from the server', () => {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
      const imports = [...readFileSync(path.join(folder, file), 'utf8').matchAll(/from '([^']+)'/g)].map((match) => match[1]);
      for (const name of imports) expect(name, file).toMatch(/^(\.\/[a-z-]+\.js|node:[a-z]+|jose|openid-client)$/);
    }
  });

  test('refuses settings that cannot work, in words', () => {
    expect(() => readSettings({ DEMO_PORT: '3001x' })).toThrow('DEMO_PORT');
    expect(() => readSettings({ ISSUER_URL: 'javascript:alert(1)' })).toThrow('ISSUER_URL');
  });
});

describe('the orders API', () => {
  type Change = { header?: Record<string, unknown>; claims?: Record<string, unknown>; signWith?: CryptoKey };

  function makeToken({ header = {}, claims = {}, signWith = key }: Change = {}) {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const payload = {
      iss: issuer,
      aud: `${demo.origin}/api`,
      sub: 'u1',
      client_id: 'demo',
      scope: 'orders:read',
      exp: nowSeconds + 60,
      ...claims,
    };
    return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: 'k1', typ: 'at+jwt', ...header }).sign(signWith);
  }

  const callApi = (token: string) => ask('/api/orders', { headers: { Authorization: `Bearer ${token}` } });

  test('answers a token that was made for it', async () => {
    const response = await callApi(await makeToken());
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ customer: 'u1', orders: [{ id: 'A-1001' }, { id: 'A-1002' }] });
  });

  test.each<[string, () => Promise<Change>]>([
    ['an ID token', async () => ({ header: { typ: 'JWT' } })],
    ['a token for another audience', async () => ({ claims: { aud: 'https://elsewhere.example' } })],
    ['a token of another issuer', async () => ({ claims: { iss: 'https://elsewhere.example' } })],
    ['an expired token', async () => ({ claims: { exp: 1 } })],
    ['a token that never expires', async () => ({ claims: { exp: undefined } })],
    ['a token signed with another key under the same kid', async () => ({ signWith: (await generateKeyPair('RS256')).privateKey })],
    ['a token that names an unknown key', async () => ({ header: { kid: 'k2' } })],
  ])('refuses %s', async (_what, change) => {
    const response = await callApi(await makeToken(await change()));
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  test('refuses an unsigned token', async () => {
    const [, payload] = (await makeToken()).split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
    expect((await callApi(`${header}.${payload}.`)).status).toBe(401);
  });

  test('tells a token without the scope from a token that is no good', async () => {
    const response = await callApi(await makeToken({ claims: { scope: 'orders:write' } }));
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
  });

  test('asks for a token where there is none, without blaming one', async () => {
    const response = await ask('/api/orders');
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="orders"');
  });
});

describe('the pages of the demo', () => {
  test('a sign-in leaves with state, nonce, a PKCE challenge and the API named, and the browser keeps only a random id', async () => {
    const response = await ask('/login');
    expect(response.status).toBe(303);
    const parameters = Object.fromEntries(new URL(response.headers.get('location') ?? '').searchParams);
    expect(parameters).toMatchObject({
      client_id: 'demo',
      response_type: 'code',
      redirect_uri: `${demo.origin}/callback`,
      resource: `${demo.origin}/api`,
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(response.headers.get('set-cookie')).toMatch(/^demo_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
  });

  test.each(['', '?code=x&state=unknown', '?code=a&code=b&state=a&state=b', '?error=access_denied&state=<script>'])(
    'an answer that nobody asked for is refused: /callback%s',
    async (query) => {
      const response = await ask(`/callback${query}`);
      expect(response.status).toBe(400);
      const text = await response.text();
      expect(text).toContain('This sign-in cannot be finished here');
      expect(text).not.toContain('<script');
    },
  );

  test('an answer with the state of one browser is refused in another', async () => {
    const first = await ask('/login');
    const state = new URL(first.headers.get('location') ?? '').searchParams.get('state');
    const second = await ask('/login');
    const cookie = second.headers.get('set-cookie')?.split(';')[0] ?? '';
    const response = await ask(`/callback?code=x&state=${state}&iss=${encodeURIComponent(issuer)}`, { headers: { cookie } });
    expect(response.status).toBe(400);
  });

  test.each(['/userinfo', '/orders', '/refresh', '/sign-out', '/sign-out-everywhere'])(
    'the button %s works from our own pages only',
    async (button) => {
      for (const origin of ['http://127.0.0.1:9', 'https://evil.example', 'null']) {
        expect((await ask(button, { method: 'POST', headers: { origin } })).status).toBe(403);
      }
      expect((await ask(button, { method: 'POST' })).status).toBe(403);
      expect((await ask(button)).status).toBe(404);
      expect((await ask(button, { method: 'POST', headers: { origin: demo.origin } })).status).toBe(303);
    },
  );

  test('every page forbids scripts, frames and foreign form targets', async () => {
    for (const address of ['/', '/signed-out', '/nowhere', '/callback']) {
      const policy = (await ask(address)).headers.get('content-security-policy');
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain(`form-action 'self' ${issuer}`);
    }
  });

  test('a request under another host name sees nothing and is sent to the right one', async () => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(demo.origin, { headers: { host: 'rebound.example' } }, resolve).on('error', reject);
    });
    response.resume();
    expect(response.statusCode).toBe(303);
    expect(response.headers.location).toBe(demo.origin);
  });

  test('what is shown is escaped', () => {
    const name = `"><script>alert('1')</script>&`;
    expect(html`<p title="${name}">${[html`<b>${name}</b>`, 1, false, null]}</p>`.markup).toBe(
      '<p title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;"><b>&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;</b>1</p>',
    );
  });

  test('a server that does not answer gets a page with a way on, and starts to work when it is there', async () => {
    const lonely = await startDemo(readSettings({ ISSUER_URL: 'http://127.0.0.1:1', DEMO_PORT: '0' }), () => {});
    try {
      const home = await fetch(lonely.origin);
      expect(home.status).toBe(200);
      expect(await home.text()).toContain('does not answer yet');
      const login = await fetch(`${lonely.origin}/login`);
      expect(login.status).toBe(503);
      expect(await login.text()).toContain('href="/login">Try again');
    } finally {
      await lonely.close();
    }
  });

  test('the log gets kinds and codes, never what was sent', () => {
    expect(describeForLog(new DemoError('sign_in_expired'))).toBe('DemoError sign_in_expired');
    expect(describeForLog(new Error('token eyJhbGciOi'))).toBe('Error');
    expect(explain(new Error('token eyJhbGciOi'))).not.toHaveProperty('technical');
    expect(logged.every((line) => !line.includes('eyJ'))).toBe(true);
  });
});
