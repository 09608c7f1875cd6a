import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signInByHand } from '../support/browser-server.js';
import { expectAccessible, openChromium, openWindow, overflowOf } from '../support/chromium.js';
import { registerClient } from '../support/client-registration.js';
import { declare } from '../support/declarations.js';
import { createPerson } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { createWeb } from '../support/web.js';

const web = createWeb();
let server: TestServer;
let declared: ReturnType<typeof declare>;
let browser: Browser;
beforeAll(async () => {
  declared = declare({ clients: [] });
  [server, browser] = await Promise.all([startTestServer({ env: declared.env, outbound: web.outbound }), openChromium()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  declared?.remove();
});

const metadata = { token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] };
const links = {
  logo_uri: 'https://client.example.net/logo.png',
  policy_uri: 'https://client.example.net/policy',
  client_uri: 'https://client.example.net',
};

async function expectGoodLooks(page: Page) {
  for (const [width, colorScheme] of [
    [360, 'light'],
    [360, 'dark'],
    [1280, 'light'],
    [1280, 'dark'],
  ] as const) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect(await overflowOf(page), `${width} px`).toBe(0);
    await expectAccessible(page, `${width} px ${colorScheme}`);
  }
}

const DOCUMENT = `https://client.example.net/${'a-very-long-path/'.repeat(9)}client.json`;

test.each([
  [
    'a long name without a space',
    `Editor${'W'.repeat(94)}`,
    'http://127.0.0.1:33418/callback',
    'A program on this device, at 127.0.0.1:33418',
  ],
  ['a name from right to left', 'محرر النصوص العربي الكبير لجميع المستخدمين', 'https://client.example.net/callback', 'client.example.net'],
  [
    'a name that looks like markup',
    '<b>Bank</b> &amp; "Co"',
    'cursor://anysphere.cursor/callback',
    'The program on this device that opens cursor: addresses',
  ],
  ['a document at a long address', 'Editor', 'https://client.example.net/callback', DOCUMENT],
])('a client that nobody here made, with %s, is shown for what it is', async (_what, client_name, redirect, told) => {
  const own = { ...metadata, ...links, client_name, redirect_uris: [redirect] };
  web.put(DOCUMENT, { body: { ...own, client_id: DOCUMENT } });
  const clientId = told === DOCUMENT ? DOCUMENT : (await registerClient(server, own)).client_id;
  const query = new URLSearchParams({
    ...{
      client_id: clientId,
      response_type: 'code',
      redirect_uri: redirect,
      scope: 'openid email orders:read',
      resource: 'https://api.example.com',
    },
    ...{ code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
  });
  const person = await createPerson(server);
  const { page, complaints } = await openWindow(browser);
  await page.goto(`${server.url}/authorize?${query}`);
  await signInByHand(page, person);
  await page.getByRole('heading', { level: 1, name: `${client_name} asks for access` }).waitFor();
  await page.getByRole('heading', { name: 'Nobody here has checked this application' }).waitFor();
  const facts = await page.locator('.note .facts').innerText();
  expect(facts.replace(/\s+/g, ' ')).toContain(told);
  expect(facts).toContain(clientId);
  expect(await page.getByRole('heading', { name: 'While you are away' }).count()).toBe(1);
  // No picture and no link of a stranger.
  const addresses = await page
    .locator('main a, img')
    .evaluateAll((found) =>
      found.map((each) => (each as unknown as { href?: string; src?: string }).href ?? (each as unknown as { src: string }).src),
    );
  for (const address of addresses) expect(new URL(address).origin).toBe(server.url);
  await expectGoodLooks(page);
  expect(complaints.list).toEqual([]);
});

test.each([
  ['query', 'a[href^="https://client.example.net/callback?error=login_required"]'],
  ['form_post', 'form[action="https://client.example.net/callback"] button'],
])('nobody is sent to it unasked, by a script neither (%s)', async (response_mode, wayOn) => {
  const redirect = 'https://client.example.net/callback';
  const own = { ...metadata, client_name: `Bank${'W'.repeat(96)}`, redirect_uris: [redirect] };
  const { client_id } = await registerClient(server, own);
  const { page, complaints } = await openWindow(browser);
  const query = new URLSearchParams({ client_id, redirect_uri: redirect, response_type: 'code', prompt: 'none', response_mode });
  query.set('code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM');
  query.set('code_challenge_method', 'S256');
  await page.goto(`${server.url}/authorize?${query}`, { waitUntil: 'networkidle' });
  await page.getByRole('heading', { level: 1, name: 'Go on to client.example.net?' }).waitFor();
  expect(new URL(page.url()).origin).toBe(server.url);
  expect(await page.locator(wayOn).count()).toBe(1);
  await expectGoodLooks(page);
  await page.getByRole('link', { name: 'Stay here' }).click();
  expect(new URL(page.url()).origin).toBe(server.url);
  // The browser itself tells of the page's status, which is that of the refusal.
  expect(complaints.list.filter((each) => !/status of 400/.test(each))).toEqual([]);
});
