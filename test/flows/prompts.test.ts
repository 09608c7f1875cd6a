import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless, formsOf, type Page } from '../support/browserless.js';
import { API } from '../support/declarations.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { createRelyingParty, locationOf, obtainTokens, type RelyingParty, startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
let shop: RelyingParty;
let till: RelyingParty;
let ours: RelyingParty;

beforeAll(async () => {
  server = await startDeclaredServer();
  [shop, till, ours] = await Promise.all([
    createRelyingParty(server, 'shop'),
    createRelyingParty(server, 'till'),
    createRelyingParty(server, 'ours'),
  ]);
});
afterAll(() => server?.close());

/** What the browser gets for an authorization request: a page, or the redirect to the application. */
const ask = async (browser: Browserless, party: RelyingParty, parameters: Record<string, string> = {}) => {
  const { url, checks } = await party.begin(parameters);
  const page = await browser.open(url.href);
  return { page, checks, answer: () => Object.fromEntries(locationOf(page).searchParams) };
};

/** Where the first person's session has to end before another's begins, a page sends the browser on; without scripts by its button. */
const goOn = (browser: Browserless, page: Page) => {
  expect(titleOf(page)).toContain('One moment');
  return browser.submit(page, '/logout/confirm');
};

describe('prompt=none', () => {
  test('answers login_required, then consent_required, then success, and never shows a page', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const nobody = await ask(browser, shop, { prompt: 'none' });
    expect(nobody.answer()).toMatchObject({ error: 'login_required', state: nobody.checks.expectedState, iss: server.url });
    const login = await ask(browser, shop);
    await signIn(browser, login.page, person);
    const unasked = await ask(browser, shop, { prompt: 'none' });
    expect(unasked.answer()).toMatchObject({ error: 'consent_required', state: unasked.checks.expectedState });
    await consent(browser, (await ask(browser, shop)).page);
    const silent = await ask(browser, shop, { prompt: 'none' });
    const tokens = await shop.finish(locationOf(silent.page), silent.checks);
    expect(tokens.claims()?.sub).toBe(person.account.id);
  });

  test('more scopes than were allowed are consent_required again', async () => {
    const { browser } = await obtainTokens(server, shop, { parameters: { scope: 'openid' } });
    expect((await ask(browser, shop, { prompt: 'none', scope: 'openid email' })).answer()).toMatchObject({ error: 'consent_required' });
    expect((await ask(browser, shop, { prompt: 'none', scope: 'openid' })).answer()).toHaveProperty('code');
  });

  test('an id_token_hint of somebody else is login_required', async () => {
    const other = await obtainTokens(server, shop);
    const { browser, tokens } = await obtainTokens(server, shop);
    const hint = (token: string | undefined) => ({ prompt: 'none', id_token_hint: token ?? '' });
    expect((await ask(browser, shop, hint(other.tokens.id_token))).answer()).toMatchObject({ error: 'login_required' });
    expect((await ask(browser, shop, hint(tokens.id_token))).answer()).toHaveProperty('code');
  });
});

describe('signing in again', () => {
  test('prompt=login asks for the password although somebody is signed in, and auth_time moves', async () => {
    const { browser, tokens, email } = await obtainTokens(server, shop);
    const again = await ask(browser, shop, { prompt: 'login' });
    expect(titleOf(again.page)).toContain('Please sign in again');
    const back = locationOf(await signIn(browser, again.page, { email }));
    const fresh = await shop.finish(back, again.checks);
    expect(fresh.claims()?.sub).toBe(tokens.claims()?.sub);
  });

  test('max_age asks again once the sign-in is older, and the ID token carries auth_time', async () => {
    const { browser, email } = await obtainTokens(server, shop);
    const young = await ask(browser, shop, { max_age: '3600' });
    const tokens = await oidc.authorizationCodeGrant(shop.config, locationOf(young.page), { ...young.checks, maxAge: 3600 });
    expect(tokens.claims()?.auth_time).toEqual(expect.any(Number));
    const again = await ask(browser, shop, { max_age: '0' });
    expect(titleOf(again.page)).toContain('Please sign in again');
    const back = locationOf(await signIn(browser, again.page, { email }));
    expect(back.searchParams.has('code')).toBe(true);
  });

  test('another person who signs in on prompt=login gets a session and consent of their own', async () => {
    const { browser, accountId } = await obtainTokens(server, shop);
    const other = await createPerson(server);
    const again = await ask(browser, shop, { prompt: 'login' });
    const asked = await goOn(browser, await signIn(browser, again.page, other));
    expect(titleOf(asked)).toContain('asks for access');
    const tokens = await shop.finish(locationOf(await consent(browser, asked)), again.checks);
    expect(tokens.claims()?.sub).toBe(other.account.id);
    expect(tokens.claims()?.sub).not.toBe(accountId);
    const now = await ask(browser, shop, { prompt: 'none' });
    expect((await shop.finish(locationOf(now.page), now.checks)).claims()?.sub).toBe(other.account.id);
  });

  test('login_hint stands in the field, and is not believed', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const { page } = await ask(browser, shop, { login_hint: 'somebody@example.com' });
    expect(formsOf(page).find(({ fields }) => 'identifier' in fields)?.fields.identifier).toBe('somebody@example.com');
    expect(titleOf(await signIn(browser, page, person))).toContain('asks for access');
  });
});

describe('consent', () => {
  test('is remembered: not asked again, in this browser or another', async () => {
    const person = await createPerson(server);
    const { browser } = await obtainTokens(server, shop, { person });
    expect((await ask(browser, shop)).answer()).toHaveProperty('code');
    const elsewhere = new Browserless();
    const login = await ask(elsewhere, shop);
    expect(locationOf(await signIn(elsewhere, login.page, person)).searchParams.has('code')).toBe(true);
  });

  test('is asked for what is new only, and prompt=consent asks for everything anew', async () => {
    const { browser } = await obtainTokens(server, shop, { parameters: { scope: 'openid profile' } });
    const more = await ask(browser, shop, { scope: 'openid profile email' });
    expect(more.page.body).toContain('asks for more than you allowed before');
    expect(more.page.body).toContain('See your email address');
    expect(more.page.body).not.toContain('See your name and username');
    const anew = await ask(browser, shop, { scope: 'openid profile', prompt: 'consent' });
    expect(anew.page.body).toContain('See your name and username');
  });

  test('names what an application can do at an API in the words it was declared with', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const login = await ask(browser, shop, { scope: 'openid orders:read offline_access', resource: API });
    const asked = await signIn(browser, login.page, person);
    expect(asked.body).toContain('See your orders');
    expect(asked.body).not.toContain('Change your orders');
    expect(asked.body).toContain('Keep this access while you are not using it');
    expect(asked.body).toContain('shop.example.com');
  });

  test('is skipped for a first-party client, API scopes included', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const login = await ask(browser, ours, { scope: 'openid email orders:read', resource: API });
    const back = locationOf(await signIn(browser, login.page, person));
    const tokens = await ours.finish(back, login.checks, { resource: API });
    expect(tokens.scope).toBe('orders:read');
  });

  test('of one person is not that of another in the same browser', async () => {
    const { browser } = await obtainTokens(server, shop);
    const other = await createPerson(server);
    const again = await ask(browser, shop, { prompt: 'login' });
    const asked = await goOn(browser, await signIn(browser, again.page, other));
    expect(titleOf(asked)).toContain('asks for access');
  });

  test('"Not you?" leads to the sign-in page', async () => {
    const person = await createPerson(server);
    const other = await createPerson(server);
    const browser = new Browserless();
    const begun = await ask(browser, shop);
    const asked = await signIn(browser, begun.page, person);
    const switched = await browser.submit(asked, '/switch');
    expect(switched.status).toBe(200);
    const askedAgain = await goOn(browser, await signIn(browser, switched, other));
    expect(askedAgain.body).toContain(other.email);
    const tokens = await shop.finish(locationOf(await consent(browser, askedAgain)), begun.checks);
    expect(tokens.claims()?.sub).toBe(other.account.id);
  });
});

describe('one session for all applications', () => {
  test('a second application signs the person in without a password, and asks its own consent', async () => {
    const { browser, accountId } = await obtainTokens(server, shop);
    const second = await ask(browser, till);
    expect(titleOf(second.page)).toContain('Example Till asks for access');
    const tokens = await till.finish(locationOf(await consent(browser, second.page)), second.checks);
    expect(tokens.claims()?.sub).toBe(accountId);
    const third = await ask(browser, ours);
    expect((await ours.finish(locationOf(third.page), third.checks)).claims()?.sub).toBe(accountId);
  });

  test('two tabs opened at once by nobody yet can both be signed in from', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const [one, two] = await Promise.all([shop.begin(), shop.begin()]);
    const [first, second] = await Promise.all([browser.open(one.url.href), browser.open(two.url.href)]);
    const asked = await signIn(browser, first, person);
    const askedToo = await signIn(browser, second, person);
    for (const [page, { checks }] of [
      [asked, one],
      [askedToo, two],
    ] as const) {
      const tokens = await shop.finish(locationOf(await consent(browser, page)), checks);
      expect(tokens.claims()?.sub).toBe(person.account.id);
    }
  });

  test('two authorizations of two tabs at once both end where they began', async () => {
    const { browser } = await obtainTokens(server, shop);
    const [one, two] = await Promise.all([shop.begin(), shop.begin()]);
    const pages = await Promise.all([browser.open(one.url.href), browser.open(two.url.href)]);
    const states = pages.map((page) => locationOf(page).searchParams.get('state')).sort();
    expect(states).toEqual([one.checks.expectedState, two.checks.expectedState].sort());
  });
});
