/**
 * The truth about sessions as a person in a real browser meets it; test/flows/session-truth.test.ts tells the same stories request by
 * request. Told in pages.test.ts and not here again: two tabs of one application, a browser without any of our cookies, a button pressed twice.
 */
import type { Browser, BrowserContext, Cookie, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BrowserServer, signInByHand, startBrowserServer } from '../support/browser-server.js';
import { type Complaints, openChromium, openWindow } from '../support/chromium.js';
import { createPerson } from '../support/people.js';

type Person = Awaited<ReturnType<typeof createPerson>>;

let running: BrowserServer;
let browser: Browser;
beforeAll(async () => {
  [running, browser] = await Promise.all([startBrowserServer(), openChromium()]);
});
afterAll(async () => {
  await browser?.close();
  await running?.close();
});
afterEach(() => void vi.useRealTimers());

const BACK = 'Back at the application';
const EXPIRED = 'This sign-in took too long';
const FINISHED = 'This sign-in is already finished';

const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 1, name });
const allowButton = (page: Page) => page.getByRole('button', { name: 'Allow' });
const answerOf = (page: Page) => new URL(page.url()).searchParams;
const otherUrl = () =>
  running.authorizeUrl({
    client_id: 'other',
    redirect_uri: `${running.app}/other/callback`,
    scope: 'openid profile email',
    resource: '',
    state: 'other',
  });

/** Opens an application's request, which must lead to the sign-in page. */
async function openSignIn(page: Page, url = running.authorizeUrl()): Promise<void> {
  await page.goto(url);
  await heading(page, /^Sign in/).waitFor();
}

/** From where a page is after signing in to the application, with a code. */
async function allow(page: Page): Promise<void> {
  await heading(page, / asks for access$/).waitFor();
  await allowButton(page).click();
  await arrived(page);
}

async function arrived(page: Page): Promise<void> {
  await heading(page, BACK).waitFor();
  expect(answerOf(page).get('code')).toEqual(expect.any(String));
}

/** The page says in words what happened, and its button leads on: to the start page, and from there into the account. */
async function expectWayOn(page: Page, title: string, person: Person): Promise<void> {
  await heading(page, title).waitFor();
  expect(new URL(page.url()).origin).toBe(running.server.url);
  expect(await page.title()).toContain(title);
  for (const line of await page.locator('main .lines p').allInnerTexts()) expect(line).toMatch(/^[A-Z].{15,}\.$/s);
  await page.getByRole('link', { name: 'Go to the start page' }).click();
  await heading(page, /^Welcome to/).waitFor();
  await page.getByRole('link', { name: /^(Sign in|Go to your account)$/ }).click();
  await heading(page, /./).waitFor();
  if (new URL(page.url()).pathname !== '/account') await signInByHand(page, person);
  await page.waitForURL(`${running.server.url}/account`);
  expect(await page.textContent('body')).toContain(person.email);
}

/** Signing in to the application from the beginning works. */
async function expectSignInWorks(page: Page, person: Person): Promise<void> {
  await page.goto(running.authorizeUrl({ prompt: 'login' }));
  await signInByHand(page, person);
  await heading(page, /asks for access$|^Back at the application$/).waitFor();
  if (await allowButton(page).isVisible()) await allow(page);
  await arrived(page);
}

/** Nothing but what Chromium writes of every page with status 400. */
function expectQuiet(complaints: Complaints): void {
  complaints.forget(/Failed to load resource: the server responded with a status of 400/);
  expect(complaints.list).toEqual([]);
}

const SESSION_NAMES = ['session', 'session.sig'];

const sessionCookies = async (context: BrowserContext): Promise<Cookie[]> =>
  (await context.cookies(running.server.url)).filter(({ name }) => SESSION_NAMES.includes(name));

/** Old cookies, put into a browser of its own, are nobody: the application hears so, and a person is asked to sign in. */
async function expectSignedInNowhere(cookies: Cookie[], person: Person): Promise<void> {
  const { context, page, complaints } = await openWindow(browser);
  await context.addCookies(cookies);
  await page.goto(running.authorizeUrl({ prompt: 'none' }));
  await heading(page, BACK).waitFor();
  expect([answerOf(page).get('error'), answerOf(page).has('code')]).toEqual(['login_required', false]);
  await context.addCookies(cookies);
  await openSignIn(page);
  expect(await page.textContent('body')).not.toContain(person.email);
  expectQuiet(complaints);
  await context.close();
}

/** What becomes of a code of the first application; the verifier is that of RFC 7636, appendix B, as is the challenge of its requests. */
async function redeem(code: string): Promise<{ status: number; error: string | undefined }> {
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: 'app',
    redirect_uri: `${running.app}/callback`,
    code,
    code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  });
  const response = await fetch(`${running.server.url}/token`, { method: 'POST', body });
  return { status: response.status, error: ((await response.json()) as { error?: string }).error };
}

describe('two tabs of two applications', () => {
  test('that authorize and sign in at once both end at their application with a code', async () => {
    const person = await createPerson(running.server);
    const { context, page: one, complaints } = await openWindow(browser);
    const two = await context.newPage();
    await Promise.all([openSignIn(one, running.authorizeUrl({ state: 'app' })), openSignIn(two, otherUrl())]);
    await Promise.all([signInByHand(one, person), signInByHand(two, person)]);
    await Promise.all([allow(one), allow(two)]);
    expect([one, two].map((page) => [new URL(page.url()).pathname, answerOf(page).get('state')])).toEqual([
      ['/callback', 'app'],
      ['/other/callback', 'other'],
    ]);
    expect(answerOf(one).get('code')).not.toBe(answerOf(two).get('code'));
    expectQuiet(complaints);
  });

  test('of somebody who is signed in already end there without a question', async () => {
    const person = await createPerson(running.server);
    const { context, page: one, complaints } = await openWindow(browser);
    const two = await context.newPage();
    await openSignIn(one);
    await signInByHand(one, person);
    await allow(one);
    await two.goto(otherUrl());
    await allow(two);
    await Promise.all([one.goto(running.authorizeUrl({ state: 'again' })), two.goto(otherUrl())]);
    await Promise.all([arrived(one), arrived(two)]);
    expect([one, two].map((page) => answerOf(page).get('state'))).toEqual(['again', 'other']);
    expectQuiet(complaints);
  });
});

describe('an interaction', () => {
  test('whose cookie is lost between the page and the form says so, and has a way on', async () => {
    const person = await createPerson(running.server);
    const { context, page, complaints } = await openWindow(browser);
    await openSignIn(page);
    const where = page.url();
    expect((await context.cookies(where)).map(({ name }) => name)).toContain('interaction');
    await context.clearCookies({ name: /^interaction(\.sig)?$/ });
    await signInByHand(page, person);
    await expectWayOn(page, 'This sign-in began in another browser', person);
    await expectSignInWorks(page, person);
    expectQuiet(complaints);
  });

  test('that was finished says so after the Back button, and has a way on', async () => {
    const person = await createPerson(running.server);
    const { page, complaints } = await openWindow(browser);
    await page.goto(`${running.app}/`);
    await openSignIn(page);
    await signInByHand(page, person);
    await allow(page);
    // Pages of a sign-in are kept by no browser: going back asks for them anew.
    for (const step of ['consent', 'sign-in']) {
      await page.goBack();
      await heading(page, FINISHED).waitFor();
      expect(await page.getByRole('button').count(), step).toBe(0);
    }
    await expectWayOn(page, FINISHED, person);
    await expectSignInWorks(page, person);
    expectQuiet(complaints);
  });

  test('that was finished says so to the form of a page that was kept, by a browser for its Back button or in a copied tab', async () => {
    const person = await createPerson(running.server);
    const { context, page, complaints } = await openWindow(browser);
    await openSignIn(page);
    const kept = await context.newPage();
    await openSignIn(kept, page.url());
    await signInByHand(page, person);
    await allow(page);
    await signInByHand(kept, person);
    await expectWayOn(kept, FINISHED, person);
    await expectSignInWorks(kept, person);
    expectQuiet(complaints);
  });

  test('that expired while its page was open says so, and has a way on', async () => {
    const person = await createPerson(running.server);
    const { page, complaints } = await openWindow(browser);
    await openSignIn(page);
    // More than the tolerance of the library's clock; the browser keeps its own time, and so its cookies.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + (running.server.config.interactionTtlSeconds + 60) * 1000 });
    await signInByHand(page, person);
    await expectWayOn(page, EXPIRED, person);
    await expectSignInWorks(page, person);
    expectQuiet(complaints);
  });
});

describe('a session', () => {
  test('has another cookie after each sign-in, and the one of before is signed in nowhere', async () => {
    const person = await createPerson(running.server);
    const { context, page, complaints } = await openWindow(browser);
    await openSignIn(page);
    // Nothing that could be planted: there is no session before somebody signs in.
    expect(await sessionCookies(context)).toEqual([]);
    await signInByHand(page, person);
    await allow(page);
    // The verifier fits: a code of a living session is worth tokens.
    expect(await redeem(answerOf(page).get('code') ?? '')).toEqual({ status: 200, error: undefined });
    const before = await sessionCookies(context);
    await expectSignInWorks(page, person);
    const after = await sessionCookies(context);
    expect([before, after].map((cookies) => cookies.map(({ name }) => name).sort())).toEqual([SESSION_NAMES, SESSION_NAMES]);
    for (const [index, { value }] of after.entries()) expect(value).not.toBe(before[index]?.value);
    await expectSignedInNowhere(before, person);
    expectQuiet(complaints);
  });

  test('that somebody else planted does not become that of the person who signs in over it', async () => {
    const [attacker, victim] = [await createPerson(running.server), await createPerson(running.server)];
    const theirs = await openWindow(browser);
    await openSignIn(theirs.page);
    await signInByHand(theirs.page, attacker);
    await allow(theirs.page);
    const planted = await sessionCookies(theirs.context);
    const { context, page, complaints } = await openWindow(browser);
    await context.addCookies(planted);
    await page.goto(running.authorizeUrl({ prompt: 'login' }));
    await signInByHand(page, victim);
    await allow(page);
    const values = new Set(planted.map(({ value }) => value));
    const own = await sessionCookies(context);
    expect(own).toHaveLength(2);
    expect(own.filter(({ value }) => values.has(value))).toEqual([]);
    await expectSignedInNowhere(planted, victim);
    expectQuiet(complaints);
  });

  test('that is ended while the consent page is open gives the application nothing, and signing in again works', async () => {
    const person = await createPerson(running.server);
    const { page, complaints } = await openWindow(browser);
    await openSignIn(page);
    await signInByHand(page, person);
    await heading(page, 'Example App asks for access').waitFor();
    const visited: string[] = [];
    page.on('request', (request) => visited.push(request.url()));
    await running.server.services.sessions.endAll(person.account.id);
    await allowButton(page).click();
    await expectWayOn(page, EXPIRED, person);
    expect(visited.filter((url) => url.startsWith(running.app))).toEqual([]);
    await expectSignInWorks(page, person);
    expectQuiet(complaints);
  });

  test('that is ended while a request of it is under way stays ended, whatever that request saves', async () => {
    const { page, complaints } = await openWindow(browser);
    // Ended as the answer is sent, and as the library goes on with it; each twice, for which is first is left to chance.
    for (const underWay of [/\/consent$/, /\/authorize\//, /\/consent$/, /\/authorize\//]) {
      const person = await createPerson(running.server);
      await openSignIn(page);
      await signInByHand(page, person);
      await heading(page, 'Example App asks for access').waitFor();
      const sent = page.waitForRequest(underWay);
      const ended = sent.then(() => running.server.services.sessions.endAll(person.account.id));
      await allowButton(page).click();
      await ended;
      // Whichever was first: a page that says so, or the application with a code of a sign-in that has ended.
      await heading(page, /^This sign-in|^Sign in|^Back at the application$/).waitFor();
      const code = answerOf(page).get('code');
      if (code) expect(await redeem(code)).toEqual({ status: 400, error: 'invalid_grant' });
      expect(await running.server.services.sessions.list(person.account.id)).toEqual([]);
      await page.goto(running.authorizeUrl({ prompt: 'none' }));
      await heading(page, BACK).waitFor();
      expect([answerOf(page).get('error'), answerOf(page).has('code')]).toEqual(['login_required', false]);
      await expectSignInWorks(page, person);
      await page.context().clearCookies();
    }
    expectQuiet(complaints);
  });
});
