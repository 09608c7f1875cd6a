import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { expectAccessible, openChromium, openWindow } from '../support/chromium.js';
import { freePort } from '../support/ports.js';

const root = path.resolve(import.meta.dirname, '../..');

let folder: string;
let issuer: string;
let demo: string;
let child: ChildProcess;
let output = '';
let browser: Browser;

/** The README's command, with ports and a data folder of its own so that nothing else is in its way. */
async function start(ports: { server: number; demo: number }): Promise<number> {
  const began = performance.now();
  child = spawn(process.execPath, [path.join(root, 'scripts', 'start.mjs')], {
    cwd: root,
    env: {
      PATH: process.env.PATH ?? '',
      PORT: String(ports.server),
      DEMO_PORT: String(ports.demo),
      DATA_DIR: folder,
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await vi.waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${output}`);
      expect((await fetch(`http://localhost:${ports.server}/readyz`)).status).toBe(200);
    },
    { timeout: 60_000, interval: 20 },
  );
  return Math.round(performance.now() - began);
}

async function stop(): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return ended;
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-newcomer-'));
  const ports = { server: await freePort(), demo: await freePort() };
  issuer = `http://localhost:${ports.server}`;
  demo = `http://127.0.0.1:${ports.demo}`;
  const first = await start(ports);
  expect(output).toContain('First administrator, shown this once');
  await stop();
  const ownTime = () => /is ready in (\d+) ms/.exec(output)?.[1];
  const firstOwn = ownTime();
  output = '';
  const second = await start(ports);
  expect(output).not.toContain('First administrator');
  // The whole command, and of it the server process by its own count.
  console.log(
    `start to ready: ${first} ms (server ${firstOwn}) on an empty folder, ${second} ms (server ${ownTime()}) on an existing database`,
  );
  browser = await openChromium();
});
afterAll(async () => {
  await browser?.close();
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a newcomer gets from the start page to a verified sign-in, and out again', async () => {
  const { page, complaints } = await openWindow(browser);
  const look = () => expectAccessible(page);
  const email = 'newcomer@example.com';
  const password = 'correct horse battery staple 42';

  // The start page says what is there.
  await page.goto(issuer);
  expect(await page.title()).toContain('Welcome to Latchkey');
  await look();
  await page.getByRole('link', { name: 'Demo application' }).click();
  expect(new URL(page.url()).origin).toBe(demo);
  await look();

  // The demo sends the person to sign in; there is no account yet.
  await page.getByRole('link', { name: /^Sign in with localhost/ }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await page.textContent('main')).toContain('to continue to Demo Shop');
  await look();
  await page.getByRole('link', { name: 'Create an account' }).click();
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('First name').fill('Nora');
  await page.getByLabel('Last name').fill('Newcomer');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page
    .getByText(/strong/i)
    .first()
    .waitFor();
  await look();
  await page.getByRole('button', { name: 'Create account' }).click();

  // The mail is in the development mailbox.
  await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
  await look();
  await page.getByRole('link', { name: 'Open the development mailbox' }).click();
  await look();
  // Back shows the page again; the browser does not ask whether to send the form once more.
  await page.goBack();
  await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
  await page.goForward();
  await page
    .getByRole('link', { name: /confirm|address/i })
    .first()
    .click();
  await look();
  await page
    .getByRole('link', { name: /\/register\/verify\?token=/ })
    .first()
    .click();
  await page.getByRole('heading', { name: 'Confirm your email address' }).waitFor();
  await look();
  await page.getByRole('button', { name: 'Confirm my address' }).click();
  await page.getByRole('heading', { name: 'Your address is confirmed' }).waitFor();
  await look();

  // The same browser goes on where it left off: consent.
  await page.getByRole('link', { name: 'Continue to Demo Shop' }).click();
  await page.getByRole('heading', { name: 'Demo Shop asks for access' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Your address is confirmed' }).waitFor();
  await page.goForward();
  const asked = (await page.textContent('main')) ?? '';
  for (const words of ['Nora Newcomer', email, 'See your email address', 'See your orders', 'Keep this access', '127.0.0.1'])
    expect(asked).toContain(words);
  await look();
  await page.getByRole('button', { name: 'Allow' }).click();

  // Back in the demo: a decoded and verified ID token, and userinfo.
  await page.getByRole('heading', { name: 'Hello, Nora' }).waitFor();
  expect(new URL(page.url()).origin).toBe(demo);
  const passed = (section: string) => page.locator(`#${section} .checks .passed`).count();
  const failed = () => page.locator('.checks .failed').count();
  expect(await passed('identity')).toBeGreaterThanOrEqual(5);
  expect(await page.textContent('#identity')).toContain(`"iss": "${issuer}"`);
  expect(await page.textContent('#userinfo')).toContain(`"email": "${email}"`);
  expect(await page.textContent('#userinfo')).toContain('"email_verified": true');
  await look();
  await page.getByRole('button', { name: 'Call userinfo again' }).click();
  expect(await page.textContent('#userinfo')).toContain(email);

  // A JWT for the demo's own API, verified by that API from the published keys alone.
  await page.getByRole('button', { name: 'Get a token for the demo API' }).click();
  await page.locator('#orders .checks').waitFor();
  expect(await passed('orders')).toBeGreaterThanOrEqual(5);
  const orders = (await page.textContent('#orders')) ?? '';
  for (const words of ['"typ": "at+jwt"', `"aud": "${demo}/api"`, '"scope": "orders:read"', 'answered with status 200'])
    expect(orders).toContain(words);

  // Refresh rotates.
  await page.getByRole('button', { name: 'Refresh', exact: true }).click();
  await page.getByText('Successor', { exact: true }).waitFor();
  expect(await page.textContent('#refresh')).toMatch(/Rotated\s*yes/);
  expect(await failed()).toBe(0);
  await look();

  // Out everywhere: the issuer asks, then sends back, and does not know the person any more.
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.getByRole('heading', { name: 'Sign out?' }).waitFor();
  await look();
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  expect(new URL(page.url()).origin).toBe(demo);
  await look();
  await page.getByRole('link', { name: 'Sign in again' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();

  // The second time there is nothing to agree to, and the answer is kept.
  await page.getByLabel('Email or username').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Hello, Nora' }).waitFor();
  expect(complaints.list).toEqual([]);
});

test('the server stops when it is told to, the demo with it', async () => {
  expect(await stop()).toBe(0);
  await expect(fetch(issuer)).rejects.toThrow();
  await expect(fetch(demo)).rejects.toThrow();
  expect(output).not.toMatch(/error|stack/i);
});
