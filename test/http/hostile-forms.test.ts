import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless, formsOf, type Page } from '../support/browserless.js';
import { consent, createPerson, PASSWORD, signIn } from '../support/people.js';
import { type Answer, expectNoInternals, expectRefused, formType, html, send } from '../support/raw-http.js';
import { createRelyingParty, locationOf, type RelyingParty, startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
let shop: RelyingParty;
beforeAll(async () => {
  server = await startDeclaredServer();
  shop = await createRelyingParty(server, 'shop');
});
afterAll(() => server?.close());

const answerOf = (page: Page): Answer => ({ status: page.status, headers: Object.fromEntries(page.headers), body: page.body });
const refused = (page: Page, label = '') => {
  expectRefused(answerOf(page), label);
  return page;
};
const begin = async (browser: Browserless) => browser.open((await shop.begin()).url.href);
/** The first form of a page that has the field. */
const formWith = (page: Page, field: string) => {
  const form = formsOf(page).find(({ fields }) => field in fields);
  if (!form) throw new Error(`no form with ${field} on ${page.url}`);
  return form;
};
const post = (browser: Browserless, action: string, fields: Record<string, string> | string, headers: Record<string, string> = {}) =>
  browser.request(action, {
    method: 'POST',
    body: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString(),
    headers: { ...formType, origin: server.url, 'sec-fetch-site': 'same-origin', ...headers },
  });

describe('a form that is not ours changes nothing', () => {
  let browser: Browserless;
  let login: { action: string; fields: Record<string, string> };
  let person: { email: string };
  beforeAll(async () => {
    browser = new Browserless();
    login = formWith(await begin(browser), 'identifier');
    person = await createPerson(server);
  });
  const filled = (change: Record<string, string | undefined> = {}) =>
    Object.fromEntries(
      Object.entries({ ...login.fields, identifier: person.email, password: PASSWORD, ...change }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    );

  test.each<[string, Record<string, string | undefined>, Record<string, string>]>([
    ['without its token', { csrf: undefined }, {}],
    ['with an empty token', { csrf: '' }, {}],
    ['with a guessed token', { csrf: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }, {}],
    ['from another origin', {}, { origin: 'https://evil.example.com', 'sec-fetch-site': 'cross-site' }],
    ['from another origin, in an old browser', {}, { origin: 'https://evil.example.com', 'sec-fetch-site': '' }],
    ['from a sandboxed frame', {}, { origin: 'null', 'sec-fetch-site': '' }],
    ['from another port of this host', {}, { origin: 'http://localhost:1', 'sec-fetch-site': 'same-site' }],
    ['from an origin that only begins alike', {}, { origin: 'http://localhost.evil.example.com', 'sec-fetch-site': '' }],
  ])('%s', async (_what, change, headers) => {
    expect(refused(await post(browser, login.action, filled(change), headers)).status).toBe(403);
  });

  test('with the token of another browser', async () => {
    const other = formWith(await begin(new Browserless()), 'identifier');
    expect(refused(await post(browser, login.action, filled({ csrf: other.fields.csrf ?? '' }))).status).toBe(403);
  });

  test('in another type, twice the field, or too large', async () => {
    const body = new URLSearchParams(filled()).toString();
    expect(refused(await post(browser, login.action, JSON.stringify(filled()), { 'content-type': 'application/json' })).status).toBe(415);
    expect(refused(await post(browser, login.action, body, { 'content-type': 'text/plain' })).status).toBe(415);
    expect(refused(await post(browser, login.action, body, { 'content-type': '' })).status).toBe(415);
    expect(refused(await post(browser, login.action, `${body}&identifier=other`)).status).toBe(400);
    expect(refused(await post(browser, login.action, `${body}&x=${'x'.repeat(70_000)}`)).status).toBe(413);
    expect(refused(await post(browser, login.action, Array.from({ length: 1000 }, (_, i) => `f${i}=1`).join('&'))).status).toBe(400);
  });

  test('and after all of that the right one still signs in', async () => {
    expect((await post(browser, login.action, filled())).status).toBe(303);
  });

  test.each([
    '/register',
    '/register/resend',
    '/register/verify',
    '/forgot',
    '/reset',
    '/email/confirm',
    '/account/profile',
    '/account/password',
  ])('%s without a cookie or from another site is refused', async (path) => {
    const nobody = new Browserless();
    const bare = await post(nobody, server.url + path, { email: 'x@example.com', csrf: 'x', token: 'x' });
    if (bare.status === 303) expect(bare.headers.get('location')).toMatch(/^\/(account|authorize)/);
    else refused(bare, path);
    const form = formWith(await nobody.open(`${server.url}/register`), 'csrf');
    const cross = await post(
      nobody,
      server.url + path,
      { ...form.fields, email: 'x@example.com' },
      { origin: 'https://evil.example.com', 'sec-fetch-site': 'cross-site' },
    );
    if (cross.status === 303) expect(cross.headers.get('location')).toMatch(/^\/(account|authorize)/);
    else refused(cross, path);
  });
});

describe('an interaction', () => {
  test('that nobody began, or of another shape, is a page that says so', async () => {
    for (const uid of [
      'unknown-unknown-unknown-unknown',
      'x',
      '%00',
      '..%2f..%2fetc%2fpasswd',
      '<script>alert(1)</script>',
      'x'.repeat(3000),
    ]) {
      const answer = await send(server, { path: `/interaction/${encodeURI(uid)}`, headers: html });
      expectRefused(answer, uid.slice(0, 40));
      expect(answer.body).not.toContain('<script>alert');
    }
  });

  test('of another browser shows nothing and does nothing, with or without a cookie', async () => {
    const victim = new Browserless();
    const login = await begin(victim);
    const attacker = new Browserless();
    expect(titleOf(refused(await attacker.open(login.url)))).toMatch(/cookies|another browser|too long/);
    const own = await begin(attacker);
    refused(await attacker.open(login.url));
    const { email } = await createPerson(server);
    const { fields } = formWith(own, 'identifier');
    refused(await post(attacker, `${new URL(login.url).href}/login`, { ...fields, identifier: email, password: PASSWORD }));
    // The victim's own sign-in is untouched.
    expect(titleOf(await signIn(victim, login, { email }))).toContain('asks for access');
  });

  test('whose cookie was taken over to another one is refused', async () => {
    const browser = new Browserless();
    const [first, second] = [await begin(browser), await begin(browser)];
    const swapped = await send(server, {
      path: new URL(first.url).pathname,
      headers: { ...html, cookie: browser.cookieHeader(new URL(second.url)) },
    });
    expectRefused(swapped);
  });

  test('that ended an hour ago is told so, and nobody is signed in', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const { email } = await createPerson(server);
      const browser = new Browserless();
      const login = await begin(browser);
      vi.setSystemTime(Date.now() + 3_700_000);
      const late = await post(browser, formWith(login, 'identifier').action, {
        ...formWith(login, 'identifier').fields,
        identifier: email,
        password: PASSWORD,
      });
      expect(titleOf(refused(late))).toContain('This sign-in took too long');
      refused(await browser.open(login.url));
      const { url } = await shop.begin({ prompt: 'none' });
      expect(locationOf(await browser.open(url.href)).searchParams.get('error')).toBe('login_required');
    } finally {
      vi.useRealTimers();
    }
  });

  test('is answered once: replayed forms and resumed addresses lead to a page, not to a second code', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const { url, checks } = await shop.begin();
    const login = await browser.open(url.href);
    const asked = await signIn(browser, login, person);
    refused(await signIn(browser, login, person));
    const back = locationOf(await consent(browser, asked));
    refused(await consent(browser, asked));
    refused(await browser.open(asked.url));
    refused(await browser.open(login.url));
    const uid = new URL(asked.url).pathname.split('/')[2];
    refused(await browser.request(`${server.url}/authorize/${uid}`));
    expect((await shop.finish(back, checks)).claims()?.sub).toBe(person.account.id);
  });

  test('takes only the answers there are', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const asked = await signIn(browser, await begin(browser), person);
    const { action, fields } = formsOf(asked).find((form) => form.action.endsWith('/consent')) ?? { action: '', fields: {} };
    for (const decision of ['', 'yes', '__proto__', 'allow,cancel'])
      refused(await post(browser, action, { ...fields, decision }), decision);
    expect((await post(browser, action, { ...fields, decision: 'allow' })).status).toBe(303);
  });
});

describe('what a person types stays text', () => {
  const script = '"><script>alert(1)</script><img src=x onerror=alert(1)>';

  test('on the page that shows it again, and in the name that others see', async () => {
    const browser = new Browserless();
    const login = await begin(browser);
    const again = await signIn(browser, login, { email: script, password: script });
    expect([400, 401]).toContain(again.status);
    expect(again.body).not.toMatch(/<script>alert|<img src=x/);
    expectNoInternals(answerOf(again));
    const { account, email } = await createPerson(server);
    await server.services.identity.accounts
      .updateProfile(account.id, { fullName: `O'Brien & <b>Söhne</b> ${'ﷺ'.repeat(3)}` })
      .catch(() => undefined);
    const asked = await signIn(browser, again, { email });
    expect(asked.body).not.toContain('<b>Söhne');
  });

  test.each(['\0', 'x'.repeat(20_000), '\r\nBcc: victim@example.com', '\u202e\u0000\uffff', '%00', '{{7*7}}<%= 7*7 %>'])(
    'a sign-in with %j is refused like any other',
    async (identifier) => {
      const browser = new Browserless();
      const answer = await signIn(browser, await begin(browser), { email: identifier, password: identifier });
      expect([400, 401, 422]).toContain(answer.status);
      expect(answer.body).not.toContain('49<');
      expectNoInternals(answerOf(answer));
    },
  );

  test.each([
    'x@example.com\r\nBcc: victim@example.com',
    'x@example.com, victim@example.com',
    '"x" <x@example.com>',
    'x@example.com\0',
    '<script>@example.com',
    'not an address',
    '@example.com',
    `${'x'.repeat(300)}@example.com`,
    '',
  ])('no mail is sent for the address %j', async (email) => {
    const before = (await server.services.mailer.mailbox?.list())?.length;
    const browser = new Browserless();
    for (const path of ['/register', '/forgot']) {
      const page = await browser.open(server.url + path);
      const answer = await browser.submit(page, path, { email, password: 'a long and good enough password 42', first_name: 'X' });
      expect(answer.status, path).toBeLessThan(500);
      expectNoInternals(answerOf(answer), path);
    }
    await server.services.mailer.flush();
    expect((await server.services.mailer.mailbox?.list())?.length).toBe(before);
  });
});

describe('mail links', () => {
  test.each(['/register/verify', '/reset'])('%s with a token that is none is a page with a way on', async (path) => {
    for (const token of ['', 'x', 'x'.repeat(5000), '%00', '<script>alert(1)</script>', '__proto__', "' OR 1=1"]) {
      const answer = await send(server, { path: `${path}?token=${encodeURIComponent(token)}`, headers: html });
      expectRefused(answer, token.slice(0, 30));
      expect(answer.body).not.toContain('<script>alert');
    }
    expectRefused(await send(server, { path, headers: html }));
    expectRefused(await send(server, { path: `${path}?token=a&token=b`, headers: html }));
  });

  test('a verification link and a reset link work once; the second time says so', async () => {
    const email = `links-${Date.now()}@example.com`;
    const browser = new Browserless();
    await browser.submit(await browser.open(`${server.url}/register`), '/register', { email, password: PASSWORD });
    const [verifyLink = ''] = await server.linksTo(email);
    const verify = await browser.open(verifyLink);
    // Opening alone, as mail scanners do, uses nothing up.
    await new Browserless().open(verifyLink);
    expect(titleOf(await browser.submit(verify, '/register/verify'))).toContain('Your address is confirmed');
    expect(titleOf(refused(await browser.submit(verify, '/register/verify')))).toContain('used already');
    expect(titleOf(refused(await browser.open(verifyLink)))).toContain('used already');
    await browser.submit(await browser.open(`${server.url}/forgot`), '/forgot', { email });
    const resetLink = (await server.linksTo(email)).find((link) => link.includes('/reset')) ?? '';
    const reset = await browser.open(resetLink);
    const password = 'another long enough password 77';
    expect(titleOf(await browser.submit(reset, '/reset', { password }))).toContain('Your password has been changed');
    expect(titleOf(refused(await browser.submit(reset, '/reset', { password })))).toContain('used already');
    // A token of one purpose is of no use for the other.
    expect(titleOf(refused(await browser.open(resetLink.replace('/reset', '/register/verify'))))).toMatch(/does not work|used already/);
  });
});
