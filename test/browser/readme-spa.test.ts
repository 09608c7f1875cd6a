import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signInByHand } from '../support/browser-server.js';
import { openChromium, openWindow } from '../support/chromium.js';
import { createPerson } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { readSnippet } from '../support/snippets.js';

let app: Server;
let origin: string;
let clientId: string;
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  const bundle = await build({
    stdin: { contents: readSnippet('spa'), resolveDir: path.resolve(import.meta.dirname, '../..'), loader: 'js' },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const script = bundle.outputFiles[0]?.text ?? '';
  app = createServer((request, response) => {
    if (request.url === '/app.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    if (request.url === '/favicon.ico') return response.writeHead(204).end();
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>SPA</title><body>
<script>window.settings = ${JSON.stringify({ issuer: server.url, clientId })}</script>
<script type="module" src="/app.js"></script>`);
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  [server, browser] = await Promise.all([startTestServer(), openChromium()]);
  // What the command above the snippet asks for, and nothing else.
  const created = await server.services.clients.create(
    { profile: 'spa', client_name: 'My app', redirect_uris: [`${origin}/`] },
    { source: 'operator' },
  );
  clientId = created.client.id;
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  app?.closeAllConnections();
  await new Promise((resolve) => app?.close(resolve));
});

/** Every authorization request that a window makes. */
function countSignIns(page: Page): () => number {
  let count = 0;
  page.on('request', (request) => {
    if (request.isNavigationRequest() && new URL(request.url()).pathname === '/authorize') count += 1;
  });
  return () => count;
}

describe('the single-page application of the README, as it stands there', () => {
  test('signs somebody in, and greets them again after a reload and without another sign-in', async () => {
    const person = await createPerson(server);
    const { page, complaints } = await openWindow(browser);
    const signIns = countSignIns(page);
    await page.goto(origin);
    await signInByHand(page, person);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByText(`Hello ${person.email}`).waitFor();
    expect(page.url()).toBe(`${origin}/`);
    await page.reload();
    await page.getByText(`Hello ${person.email}`).waitFor();
    expect(page.url()).toBe(`${origin}/`);
    expect(signIns()).toBe(1);
    expect(complaints.list).toEqual([]);
  });

  test('tells who cancels so, once, and asks again only when they reload', async () => {
    const { page, complaints } = await openWindow(browser);
    const signIns = countSignIns(page);
    await page.goto(origin);
    await page.getByRole('button', { name: /^Cancel and go back to/ }).click();
    const told = page.getByText(/^Not signed in: \S/);
    await told.waitFor();
    await page.waitForLoadState('networkidle');
    expect(await told.textContent()).toMatch(/^Not signed in: .*(cancel|denied)/i);
    expect(page.url()).toBe(`${origin}/`);
    expect(signIns()).toBe(1);
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(complaints.list).toEqual([]);
  });
});
