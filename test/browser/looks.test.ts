import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askForCode, type BrowserServer, signInByHand, startBrowserServer } from '../support/browser-server.js';
import { expectAccessible, openChromium, openWindow, overflowOf } from '../support/chromium.js';
import { createPerson } from '../support/people.js';

let running: BrowserServer;
let browser: Browser;
beforeAll(async () => {
  [running, browser] = await Promise.all([startBrowserServer(), openChromium()]);
});
afterAll(async () => {
  await browser?.close();
  await running?.close();
});

/** 640 px is what a window of 1280 px is at a zoom of 200 %. */
const WIDTHS = [360, 640, 768, 1280];

type Clipboard = { navigator: { clipboard: { readText(): Promise<string> } } };
type Root = { document: { documentElement: { style: { fontSize: string } } } };
const setTextSize = (page: Page, size: string) =>
  page.evaluate((value) => {
    (globalThis as unknown as Root).document.documentElement.style.fontSize = value;
  }, size);

/** Looks at the page at every width, light and dark, and with text twice as large. */
async function inspect(page: Page): Promise<void> {
  const label = `${new URL(page.url()).pathname} ${await page.title()}`;
  expect(await page.getByRole('heading', { level: 1 }).count(), label).toBe(1);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    expect(await overflowOf(page), `${label} at ${width} px`).toBe(0);
  }
  await setTextSize(page, '200%');
  expect(await overflowOf(page), `${label} with large text`).toBe(0);
  await setTextSize(page, '');
  for (const [colorScheme, width] of [
    ['light', 360],
    ['dark', 1280],
  ] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 800 });
    await expectAccessible(page, `${label} ${colorScheme} ${width} px`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

const LONG_NAME = `Wolfeschlegelsteinhausenbergerdorff ${'Maximiliane '.repeat(4)}`.trim();

describe('every page is accessible, light and dark, at 360 to 1280 px, at 200 % zoom and with large text', () => {
  test('from the first visit to a new account', async () => {
    const { page, complaints } = await openWindow(browser);
    const { url } = running.server;
    await page.goto(url);
    await inspect(page);
    await page.goto(running.authorizeUrl({ login_hint: `${'very-long-address-'.repeat(8)}@example.com` }));
    await inspect(page);
    await signInByHand(page, { email: 'nobody@example.com', password: 'wrong password 123' });
    await page.locator('#problems').waitFor();
    await inspect(page);
    await page.getByRole('link', { name: 'Create an account' }).click();
    await inspect(page);
    await page.getByLabel('Email address').fill('looks@example.com');
    await page.getByLabel('Password', { exact: true }).fill('12345678');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.locator('#problems').waitFor();
    await inspect(page);
    await page.getByLabel('Email address').fill(`${'x'.repeat(60)}@example.com`);
    await page.getByLabel('Password', { exact: true }).fill('correct horse battery staple 42');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
    await inspect(page);
    const [link = ''] = await running.server.linksTo(`${'x'.repeat(60)}@example.com`);
    await page.goto(`${url}/dev/mailbox`);
    await inspect(page);
    await page
      .getByRole('link', { name: /confirm|address/i })
      .first()
      .click();
    await inspect(page);
    // In another browser the link asks for the password.
    const { page: elsewhere } = await openWindow(browser);
    await elsewhere.goto(link);
    await inspect(elsewhere);
    await page.goto(link);
    await inspect(page);
    await page.getByRole('button', { name: 'Confirm my address' }).click();
    await page.getByRole('heading', { name: 'Your address is confirmed' }).waitFor();
    await inspect(page);
    complaints.forget(/status of 4\d\d/);
    expect(complaints.list).toEqual([]);
  });

  test.each([
    ['a long name', LONG_NAME],
    ['a name from right to left', 'محمد بن عبد الله بن عبد العزيز آل سعود'],
    ['a name that looks like markup', '<b>Bobby</b> &amp; "Tables"'],
  ])('consent, the account and signing out, with %s', async (_what, fullName) => {
    const { account, ...person } = await createPerson(running.server);
    await running.server.services.identity.accounts.updateProfile(account.id, { fullName });
    const { page, complaints } = await openWindow(browser);
    await page.goto(running.authorizeUrl());
    await signInByHand(page, person);
    await page.getByRole('heading', { name: 'Example App asks for access' }).waitFor();
    expect(await page.textContent('.person')).toContain(fullName);
    await inspect(page);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'Back at the application' }).waitFor();
    for (const path of ['', '/profile', '/email', '/password', '/sessions', '/applications', '/api-keys'].map(
      (path) => `/account${path}`,
    )) {
      await page.goto(running.server.url + path);
      expect(await page.textContent('body')).toContain(fullName);
      await inspect(page);
    }
    await page.goto(running.server.url);
    await inspect(page);
    await page.goto(`${running.server.url}/logout`);
    await inspect(page);
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    await inspect(page);
    expect(complaints.list).toEqual([]);
  });

  test('an API key', async () => {
    const { account, ...person } = await createPerson(running.server);
    await running.server.services.identity.roles.grant(account.id, 'admin');
    const { page, context, complaints } = await openWindow(browser);
    const { url } = running.server;
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
    await page.goto(`${url}/account/api-keys`);
    await signInByHand(page, person);
    await page.getByRole('heading', { name: 'API keys' }).waitFor();
    await inspect(page);
    await page.getByLabel('Name').fill(LONG_NAME.slice(0, 100));
    await page.getByRole('button', { name: 'Create key' }).click();
    await page.locator('#problems').waitFor();
    await inspect(page);
    for (const box of await page.getByRole('checkbox').all()) await box.check();
    await page.getByRole('button', { name: 'Create key' }).click();
    await page.getByRole('heading', { name: 'Your new API key' }).waitFor();
    await inspect(page);
    const key = await page.getByLabel('API key', { exact: true }).inputValue();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate(() => (globalThis as unknown as Clipboard).navigator.clipboard.readText())).toBe(key);
    await page.getByRole('link', { name: 'Back to your keys' }).click();
    await inspect(page);
    await page.getByRole('link', { name: /^Revoke/ }).click();
    await inspect(page);
    await page.getByRole('button', { name: 'Revoke the key' }).click();
    await page.getByText('The key has been revoked.').waitFor();
    await inspect(page);
    complaints.forget(/status of 4\d\d/);
    expect(complaints.list).toEqual([]);
  });

  test('another address', async () => {
    const person = await createPerson(running.server);
    const { page, complaints } = await openWindow(browser);
    const { url } = running.server;
    const address = `${'x'.repeat(60)}-moved@example.com`;
    await page.goto(`${url}/account/email`);
    await signInByHand(page, person);
    await page.getByLabel('New email address').fill(address);
    await page.getByLabel('Current password').fill('not the password');
    await page.getByRole('button', { name: 'Send a link' }).click();
    await page.locator('#problems').waitFor();
    await inspect(page);
    await page.getByLabel('Current password').fill(person.password);
    await page.getByRole('button', { name: 'Send a link' }).click();
    await page.getByText('Waiting to be confirmed').waitFor();
    await inspect(page);
    await page.goto(`${url}/account/profile`);
    await inspect(page);
    const [link = ''] = await running.server.linksTo(address);
    await page.goto(link);
    await inspect(page);
    await page.getByRole('button', { name: 'Confirm my new address' }).click();
    await page.getByRole('heading', { name: 'Your email address has been changed' }).waitFor();
    await inspect(page);
    await page.goto(link);
    await inspect(page);
    complaints.forget(/status of 4\d\d/);
    expect(complaints.list).toEqual([]);
  });

  test('a forgotten password', async () => {
    const { email } = await createPerson(running.server);
    const { page, complaints } = await openWindow(browser);
    await page.goto(running.authorizeUrl());
    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await inspect(page);
    await page.getByLabel('Email address').fill(email);
    await page.getByRole('button', { name: 'Send the link' }).click();
    await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
    await inspect(page);
    const [link = ''] = await running.server.linksTo(email);
    await page.goto(link);
    await inspect(page);
    await page.getByLabel('New password', { exact: true }).fill('password');
    await page.getByRole('button', { name: 'Save new password' }).click();
    await page.locator('#problems').waitFor();
    await inspect(page);
    await page.getByLabel('New password', { exact: true }).fill('another correct horse 77 staple');
    await page.getByRole('button', { name: 'Save new password' }).click();
    await page.getByRole('heading', { name: 'Your password has been changed' }).waitFor();
    await inspect(page);
    await page.goto(link);
    await inspect(page);
    complaints.forget(/status of 4\d\d/);
    expect(complaints.list).toEqual([]);
  });

  test('letting a device in', async () => {
    const { account, ...person } = await createPerson(running.server);
    await running.server.services.identity.accounts.updateProfile(account.id, { fullName: LONG_NAME });
    const { page, complaints } = await openWindow(browser);
    const { url } = running.server;
    const enter = async (code: string) => {
      await page.goto(`${url}/device`);
      await page.getByLabel('Code').fill(code);
      await page.getByRole('button', { name: 'Continue' }).click();
    };
    await enter('BCDF-GHJK');
    await page.locator('#problems').waitFor();
    await inspect(page);
    const { user_code: refused } = await askForCode(url);
    await enter(refused);
    await inspect(page);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('heading', { name: 'Nothing was signed in' }).waitFor();
    await inspect(page);
    await enter(refused);
    await page.getByRole('heading', { name: 'This code has been used already' }).waitFor();
    await inspect(page);
    const { user_code: userCode } = await askForCode(url);
    await enter(userCode);
    await page.getByRole('button', { name: 'My device shows this code' }).click();
    await signInByHand(page, person);
    await page.getByRole('heading', { name: 'Example Television asks for access' }).waitFor();
    await inspect(page);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'Your device is signed in' }).waitFor();
    await inspect(page);
    const { user_code: next } = await askForCode(url);
    await enter(next);
    expect(await page.textContent('main')).toContain(LONG_NAME);
    await inspect(page);
    complaints.forget(/status of 4\d\d/);
    expect(complaints.list).toEqual([]);
  });

  test('error pages', async () => {
    const { page, complaints } = await openWindow(browser);
    const { url } = running.server;
    const addresses = [
      `${url}/nowhere`,
      running.authorizeUrl({ client_id: 'nobody' }),
      running.authorizeUrl({ redirect_uri: 'https://evil.example.com/' }),
      `${url}/interaction/unknown-unknown-unknown-unknown`,
      `${url}/register/verify?token=unknown`,
      `${url}/reset?token=unknown`,
      `${url}/email/confirm?token=unknown`,
      `${url}/logout?id_token_hint=x`,
    ];
    for (const address of addresses) {
      const response = await page.goto(address);
      expect(response?.status(), address).toBeGreaterThanOrEqual(400);
      expect(await page.title(), address).toMatch(/^Error: /);
      expect(await page.locator('main a.button').count(), address).toBeGreaterThanOrEqual(1);
      await inspect(page);
    }
    complaints.forget(/status of 4\d\d/);
    expect(complaints.list).toEqual([]);
  });
});
