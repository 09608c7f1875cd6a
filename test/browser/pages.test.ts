import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BrowserServer, signInByHand, startBrowserServer } from '../support/browser-server.js';
import { expectAccessible, openChromium, openWindow } from '../support/chromium.js';
import { createPerson, PASSWORD } from '../support/people.js';

let running: BrowserServer;
let browser: Browser;
beforeAll(async () => {
  [running, browser] = await Promise.all([startBrowserServer(), openChromium()]);
});
afterAll(async () => {
  await browser?.close();
  await running?.close();
});

const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 1, name });
const back = (page: Page) => heading(page, 'Back at the application');

/** What has the focus: its role and name as a screen reader says them, and whether the focus can be seen. */
const focused = (page: Page) =>
  page.evaluate(() => {
    type Element = { tagName: string; id: string; textContent: string | null; name?: string };
    const { document, getComputedStyle } = globalThis as unknown as {
      document: { activeElement: Element };
      getComputedStyle(element: Element): { outlineStyle: string; outlineWidth: string; boxShadow: string };
    };
    const element = document.activeElement;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    return {
      what: element.id || element.textContent?.trim() || element.tagName,
      visible: (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none',
    };
  });

describe('with the keyboard alone', () => {
  test('a person signs in, keeps the sign-in, allows, and sees where the focus is at each step', async () => {
    const { email } = await createPerson(running.server);
    const { page } = await openWindow(browser);
    await page.goto(running.authorizeUrl());
    expect(await focused(page)).toEqual({ what: 'identifier', visible: true });
    await page.keyboard.type(email);
    const order: string[] = [];
    while (order.at(-1) !== 'Sign in' && order.length < 12) {
      await page.keyboard.press('Tab');
      const { what, visible } = await focused(page);
      expect(visible, what).toBe(true);
      order.push(what);
      if (what === 'password') await page.keyboard.type(PASSWORD);
      if (what === 'remember') await page.keyboard.press('Space');
    }
    expect(order.filter((what) => ['password', 'remember', 'Sign in'].includes(what))).toEqual(['password', 'remember', 'Sign in']);
    await page.keyboard.press('Enter');
    await heading(page, 'Example App asks for access').waitFor();
    for (let steps = 0; (await focused(page)).what !== 'Allow' && steps < 12; steps += 1) await page.keyboard.press('Tab');
    expect(await focused(page)).toEqual({ what: 'Allow', visible: true });
    await page.keyboard.press('Enter');
    await back(page).waitFor();
    const session = (await page.context().cookies(running.server.url)).find(({ name }) => name === 'session');
    expect(session?.expires).toBeGreaterThan(Date.now() / 1000 + 29 * 86_400);
    expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax' });
  });

  test('an error takes the focus and its link leads to the field', async () => {
    const { page } = await openWindow(browser);
    await page.goto(`${running.server.url}/register`);
    await page.getByLabel('Email address').fill('keyboard@example.com');
    await page.getByLabel('Password', { exact: true }).fill('12345678');
    await page.keyboard.press('Enter');
    await page.locator('#problems').waitFor();
    expect((await focused(page)).what).toBe('problems');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect((await focused(page)).what).toBe('password');
    expect(await page.getByLabel('Email address').inputValue()).toBe('keyboard@example.com');
    expect(await page.locator('#password').inputValue()).toBe('');
    expect(await page.locator('#password').getAttribute('aria-invalid')).toBe('true');
  });

  test('a password can be shown, and is hidden again before it is sent', async () => {
    const { page } = await openWindow(browser);
    await page.goto(running.authorizeUrl());
    await page.locator('#password').fill('secret words');
    await page.getByRole('button', { name: 'Show password' }).press('Enter');
    expect(await page.locator('#password').getAttribute('type')).toBe('text');
    expect(await focused(page)).toMatchObject({ what: 'password' });
    await page.getByRole('button', { name: 'Hide password' }).press('Enter');
    expect(await page.locator('#password').getAttribute('type')).toBe('password');
  });
});

describe('without scripts', () => {
  test('a person registers, confirms, signs in, allows, and signs out', async () => {
    const email = 'no-scripts@example.com';
    const { page } = await openWindow(browser, { javaScriptEnabled: false });
    await page.goto(running.authorizeUrl());
    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByLabel('Email address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Create account' }).click();
    await heading(page, 'Check your mail').waitFor();
    await page.goto((await running.server.linksTo(email))[0] ?? '');
    await page.getByRole('button', { name: 'Confirm my address' }).click();
    await page.getByRole('link', { name: /^Continue/ }).click();
    await page.getByRole('button', { name: 'Allow' }).click();
    await back(page).waitFor();
    await page.goto(`${running.server.url}/logout`);
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await heading(page, 'You are signed out').waitFor();
    await page.goto(running.authorizeUrl());
    await signInByHand(page, { email, password: PASSWORD });
    await back(page).waitFor();
  });

  test('another person signs in in the same browser by one more button', async () => {
    const [one, other] = [await createPerson(running.server), await createPerson(running.server)];
    const { page } = await openWindow(browser, { javaScriptEnabled: false });
    await page.goto(running.authorizeUrl());
    await signInByHand(page, one);
    await page.getByRole('button', { name: 'Not you?' }).click();
    await signInByHand(page, other);
    await heading(page, /One moment/).waitFor();
    await page.getByRole('button', { name: 'Continue' }).click();
    await heading(page, 'Example App asks for access').waitFor();
    expect(await page.textContent('.person')).toContain(other.email);
    await page.getByRole('button', { name: 'Allow' }).click();
    await back(page).waitFor();
  });
});

describe('what people do', () => {
  test('another person signs in in the same browser, with scripts: no button, and ends at the application', async () => {
    const [one, other] = [await createPerson(running.server), await createPerson(running.server)];
    const { page, complaints } = await openWindow(browser);
    await page.goto(running.authorizeUrl());
    await signInByHand(page, other);
    await page.getByRole('button', { name: 'Allow' }).click();
    await back(page).waitFor();
    await page.goto(running.authorizeUrl({ prompt: 'login' }));
    await signInByHand(page, one);
    await heading(page, 'Example App asks for access').waitFor();
    await page.getByRole('button', { name: 'Allow' }).click();
    await back(page).waitFor();
    // Now for the second time: remembered, so the redirects after the page in between end at the application.
    await page.goto(running.authorizeUrl({ prompt: 'login' }));
    await signInByHand(page, other);
    await back(page).waitFor();
    expect(complaints.list).toEqual([]);
  });

  test('they sign out where nobody is signed in, and come back to the application', async () => {
    const { page, complaints } = await openWindow(browser);
    const query = new URLSearchParams({ client_id: 'app', post_logout_redirect_uri: `${running.app}/signed-out`, state: 'x' });
    await page.goto(`${running.server.url}/logout?${query}`);
    await back(page).waitFor();
    expect(page.url()).toBe(`${running.app}/signed-out?state=x`);
    expect(complaints.list).toEqual([]);
  });

  test('their application takes the answer by POST (response_mode=form_post), with scripts and without', async () => {
    const person = await createPerson(running.server);
    for (const javaScriptEnabled of [true, false]) {
      const { page, complaints } = await openWindow(browser, { javaScriptEnabled });
      await page.goto(running.authorizeUrl({ response_mode: 'form_post' }));
      await signInByHand(page, person);
      if (javaScriptEnabled) await page.getByRole('button', { name: 'Allow' }).click();
      else await page.getByRole('button', { name: 'Continue' }).click();
      await back(page).waitFor();
      expect(page.url()).toBe(`${running.app}/callback`);
      expect(complaints.list).toEqual([]);
    }
  });

  test('they go back after signing in, and get a page that says where they are', async () => {
    const person = await createPerson(running.server);
    const { page } = await openWindow(browser);
    await page.goto(`${running.app}/`);
    await page.goto(running.authorizeUrl());
    await signInByHand(page, person);
    await page.getByRole('button', { name: 'Allow' }).click();
    await back(page).waitFor();
    for (let step = 0; step < 2; step += 1) {
      await page.goBack();
      await page.getByRole('heading', { level: 1 }).waitFor();
      // Either the page as it was, or one that says it is over; its form leads to the latter.
      const password = page.getByLabel('Password', { exact: true });
      const allow = page.getByRole('button', { name: 'Allow' });
      if (await password.isVisible()) await signInByHand(page, person);
      else if (await allow.isVisible()) await allow.click();
      await heading(page, /finished|took too long|another browser|Back at the application/).waitFor();
      if (!(await back(page).isVisible())) {
        expect(await page.locator('main a.button').count()).toBeGreaterThan(0);
        await expectAccessible(page);
      }
    }
  });

  test('they begin in two tabs at once, and both end where they began', async () => {
    const person = await createPerson(running.server);
    const { context, page: one } = await openWindow(browser);
    const two = await context.newPage();
    await Promise.all([one.goto(running.authorizeUrl({ state: 'one' })), two.goto(running.authorizeUrl({ state: 'two' }))]);
    await signInByHand(one, person);
    await one.getByRole('button', { name: 'Allow' }).waitFor();
    await signInByHand(two, person);
    await one.getByRole('button', { name: 'Allow' }).click();
    await back(one).waitFor();
    await two.getByRole('heading', { level: 1 }).waitFor();
    const allow = two.getByRole('button', { name: 'Allow' });
    if (await allow.isVisible()) await allow.click();
    await back(two).waitFor();
    expect([one, two].map((page) => new URL(page.url()).searchParams.get('state'))).toEqual(['one', 'two']);
    expect([one, two].map((page) => new URL(page.url()).searchParams.has('code'))).toEqual([true, true]);
  });

  test('they press twice, and it counts once', async () => {
    const person = await createPerson(running.server);
    const { page, complaints } = await openWindow(browser);
    await page.goto(running.authorizeUrl());
    await page.getByLabel('Email or username').fill(person.email);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).dblclick();
    await heading(page, 'Example App asks for access').waitFor();
    await page.getByRole('button', { name: 'Allow' }).dblclick();
    await back(page).waitFor();
    expect(complaints.list).toEqual([]);
  });

  test('they block cookies: the form says so and how to go on, and the account page does not go round', async () => {
    const person = await createPerson(running.server);
    const { context, page } = await openWindow(browser);
    await page.goto(running.authorizeUrl());
    await context.clearCookies();
    await signInByHand(page, person);
    await heading(page, /cookies/).waitFor();
    expect(await page.locator('main a.button').count()).toBeGreaterThan(0);
    await expectAccessible(page);
    await page.goto(`${running.server.url}/register`);
    await context.clearCookies();
    await page.getByLabel('Email address').fill('blocked@example.com');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Create account' }).click();
    await heading(page, 'Your browser blocks our cookies').waitFor();
    expect(await page.locator('main a.button').count()).toBeGreaterThan(0);
    await page.goto(`${running.server.url}/account/signed-in?code=x`);
    await heading(page, /cookies/).waitFor();
    await expectAccessible(page);
  });

  test('they change their password and see the other device signed out', async () => {
    const person = await createPerson(running.server);
    const { page: phone } = await openWindow(browser);
    const { page: desk, complaints } = await openWindow(browser);
    for (const page of [phone, desk]) {
      await page.goto(`${running.server.url}/account`);
      await signInByHand(page, person);
      await heading(page, /./).waitFor();
      expect(new URL(page.url()).pathname).toBe('/account');
    }
    await desk.goto(`${running.server.url}/account/password`);
    await desk.getByLabel('Current password').fill(PASSWORD);
    await desk.getByLabel('New password', { exact: true }).fill('a whole new horse staple 99');
    await desk
      .getByRole('button', { name: /password/i })
      .last()
      .click();
    await desk.getByText('Every other device has been signed out').waitFor();
    await phone.goto(`${running.server.url}/account`);
    await heading(phone, 'Sign in').waitFor();
    await desk.goto(`${running.server.url}/account`);
    expect(new URL(desk.url()).pathname).toBe('/account');
    expect(complaints.list).toEqual([]);
  });
});
