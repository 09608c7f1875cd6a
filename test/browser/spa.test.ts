import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openChromium, openWindow } from '../support/chromium.js';
import { declare } from '../support/declarations.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

/** The application: what the library says, written where the test can read it. */
const APP = `
import { Log, UserManager, WebStorageStateStore } from 'oidc-client-ts';
const { issuer, clientId } = window.settings;
const manager = new UserManager({
  authority: issuer,
  client_id: clientId,
  redirect_uri: location.origin + '/',
  post_logout_redirect_uri: location.origin + '/bye',
  scope: 'openid profile email',
  loadUserInfo: true,
  userStore: new WebStorageStateStore({ store: sessionStorage }),
  automaticSilentRenew: false,
});
const show = (state, more = {}) => { document.querySelector('pre').textContent = JSON.stringify({ state, ...more }); };
const told = (user) => show('signed in', { profile: user.profile, accessToken: user.access_token, refreshToken: user.refresh_token, expiresIn: user.expires_in });
const attempt = (work) => async () => { try { await work(); } catch (error) { show('failed', { error: String(error.message ?? error) }); } };
document.querySelector('#in').onclick = attempt(() => manager.signinRedirect({ state: 'kept' }));
document.querySelector('#refresh').onclick = attempt(async () => told(await manager.signinSilent()));
document.querySelector('#out').onclick = attempt(() => manager.signoutRedirect());
document.querySelector('#userinfo').onclick = attempt(async () => {
  const { access_token } = await manager.getUser();
  const response = await fetch(issuer + '/userinfo', { headers: { authorization: 'Bearer ' + access_token } });
  show('userinfo', { status: response.status, body: await response.json() });
});
attempt(async () => {
  if (location.pathname === '/bye') return show('signed out', { left: await manager.getUser() });
  if (new URLSearchParams(location.search).has('state')) {
    const user = await manager.signinCallback();
    history.replaceState(null, '', '/');
    return told(user);
  }
  show('ready');
})();
`;

let app: Server;
let origin: string;
let server: TestServer;
let browser: Browser;
let removeDeclared: () => void;

beforeAll(async () => {
  const bundle = await build({
    stdin: { contents: APP, resolveDir: path.resolve(import.meta.dirname, '../..'), loader: 'js' },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const script = bundle.outputFiles[0]?.text ?? '';
  app = createServer((request, response) => {
    if (request.url === '/app.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    if (request.url === '/favicon.ico') return response.writeHead(204).end();
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>SPA</title>
<button id="in">in</button><button id="userinfo">userinfo</button><button id="refresh">refresh</button><button id="out">out</button><pre></pre>
<script>window.settings = ${JSON.stringify({ issuer: server.url, clientId: 'browser-app' })}</script>
<script type="module" src="/app.js"></script>`);
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  const declared = declare({
    clients: [
      {
        client_id: 'browser-app',
        client_name: 'Browser App',
        profile: 'spa',
        token_endpoint_auth_method: 'none',
        redirect_uris: [`${origin}/`],
        post_logout_redirect_uris: [`${origin}/bye`],
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid profile email',
      },
    ],
    resources: [],
  });
  removeDeclared = declared.remove;
  [server, browser] = await Promise.all([startTestServer({ env: declared.env }), openChromium()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  app?.closeAllConnections();
  await new Promise((resolve) => app?.close(resolve));
  removeDeclared?.();
});

type Shown = { state: string; [member: string]: unknown };
/** What the application says once it says something that passes. */
async function shown(page: Page, state: string): Promise<Shown> {
  const line = page.locator('pre', { hasText: `"state":"${state}"` });
  await Promise.race([line.waitFor(), page.locator('pre', { hasText: '"state":"failed"' }).waitFor()]);
  const text = JSON.parse((await page.textContent('pre')) ?? '{}') as Shown;
  expect(text, JSON.stringify(text)).toMatchObject({ state });
  return text;
}

describe('a single-page application on another origin', () => {
  test('signs in by redirect, calls userinfo, refreshes and signs out', async () => {
    const { account, email } = await createPerson(server);
    const { page, complaints } = await openWindow(browser);
    await page.goto(origin);
    await shown(page, 'ready');
    await page.click('#in');
    await page.getByLabel('Email or username').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Browser App asks for access' }).waitFor();
    await page.getByRole('button', { name: 'Allow' }).click();
    const signedIn = await shown(page, 'signed in');
    // Merged from the ID token and userinfo, which this library reads over CORS.
    expect(signedIn.profile).toMatchObject({ sub: account.id, email, email_verified: true, iss: server.url, aud: 'browser-app' });
    expect(page.url()).toBe(`${origin}/`);

    await page.click('#userinfo');
    expect(await shown(page, 'userinfo')).toMatchObject({ status: 200, body: { sub: account.id, email } });

    await page.click('#refresh');
    const refreshed = await shown(page, 'signed in');
    expect(refreshed.accessToken).not.toBe(signedIn.accessToken);
    expect(refreshed.refreshToken).not.toBe(signedIn.refreshToken);

    await page.click('#out');
    await page.getByRole('heading', { name: 'Sign out?' }).waitFor();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    expect(await shown(page, 'signed out')).toMatchObject({ left: null });
    await page.goto(origin);
    await page.click('#in');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(complaints.list).toEqual([]);
  });

  test('is the only origin that may use its tokens: a page of another cannot redeem, refresh or call userinfo', async () => {
    const { email } = await createPerson(server);
    const { page } = await openWindow(browser);
    await page.goto(origin);
    await page.click('#in');
    await page.getByLabel('Email or username').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Allow' }).click();
    const { accessToken, refreshToken } = await shown(page, 'signed in');
    const { page: other } = await openWindow(browser);
    const attempt = (from: Page) =>
      from.evaluate(
        async ([issuer, access, refresh]) => {
          const calls = [
            fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${access}` } }),
            fetch(`${issuer}/token`, {
              method: 'POST',
              body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'browser-app', refresh_token: String(refresh) }),
            }),
          ];
          const answers = await Promise.allSettled(calls);
          return answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 'blocked'));
        },
        [server.url, accessToken, refreshToken] as unknown[],
      );
    const stranger = createServer((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<title>stranger</title>'),
    );
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    try {
      await other.goto(`http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`);
      expect(await attempt(other)).toEqual(['blocked', 'blocked']);
    } finally {
      stranger.closeAllConnections();
      await new Promise((resolve) => stranger.close(resolve));
    }
  });

  test('tells a refusal: cancelling comes back as access_denied', async () => {
    const { page } = await openWindow(browser);
    await page.goto(origin);
    await page.click('#in');
    await page.getByRole('button', { name: /^Cancel and go back to/ }).click();
    await page.locator('pre', { hasText: '"state":"failed"' }).waitFor();
    expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied');
  });
});
