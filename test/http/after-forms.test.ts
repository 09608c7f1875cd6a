import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless, type Page } from '../support/browserless.js';
import { createPerson, PASSWORD, signIn } from '../support/people.js';
import { createRelyingParty, locationOf, type RelyingParty, startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { begin } from '../support/sign-in-forms.js';

let server: TestServer;
let party: RelyingParty;
beforeAll(async () => {
  server = await startDeclaredServer({ env: { LIMIT_REGISTRATIONS_PER_HOUR: '100', LIMIT_RESETS_PER_HOUR: '100' } });
  party = await createRelyingParty(server, 'shop');
});
afterAll(() => server?.close());

const heading = (page: Page) => /<h1>([\s\S]*?)<\/h1>/.exec(page.body)?.[1];
const text = (page: Page) => page.body.replaceAll(/<[^>]*>/g, '').replaceAll(/\s+/g, ' ');
/** The main button of a page: where it leads, and its words. */
function buttonOf(page: Page): { href: string; words: string } {
  const [, href = '', inside = ''] = /<a class="button" href="([^"]*)">([\s\S]*?)<\/a>/.exec(page.body) ?? [];
  return { href, words: inside.replaceAll(/<[^>]*>/g, '') };
}
const newestLink = async (address: string) => (await server.linksTo(address))[0] ?? '';

/** Reload: the same address once more. It shows the same, and neither sends a mail nor uses anything up. */
async function expectReloads(browser: Browserless, page: Page, address: string, path: string): Promise<void> {
  expect(new URL(page.url).pathname).toBe(path);
  expect(page.url).not.toMatch(/[?@]/);
  const before = (await server.linksTo(address)).length;
  const again = await browser.open(page.url);
  expect([again.status, again.url, heading(again)]).toEqual([200, page.url, heading(page)]);
  expect((await server.linksTo(address)).length).toBe(before);
}

describe('the page after a form', () => {
  test('of registering and confirming can be loaded again, and nothing happens twice', async () => {
    const address = 'again@example.com';
    const browser = new Browserless();
    const told = await browser.submit(await browser.open(`${server.url}/register`), '/register', { email: address, password: PASSWORD });
    expect(text(told)).toContain(address);
    await expectReloads(browser, told, address, '/register/check-mail');
    const sentAgain = await browser.submit(told, '/register/resend');
    expect(text(sentAgain)).toContain('sent');
    await expectReloads(browser, sentAgain, address, '/register/check-mail');
    const confirmed = await browser.submit(await browser.open(await newestLink(address)), '/register/verify');
    expect(titleOf(confirmed)).toContain('Your address is confirmed');
    await expectReloads(browser, confirmed, address, '/register/verified');
  });

  test('of a forgotten password can be loaded again, and nothing happens twice', async () => {
    const { email } = await createPerson(server);
    const browser = new Browserless();
    const told = await browser.submit(await browser.open(`${server.url}/forgot`), '/forgot', { email });
    await expectReloads(browser, told, email, '/forgot/check-mail');
    const done = await browser.submit(await browser.open(await newestLink(email)), '/reset', { password: `${PASSWORD} again` });
    expect(titleOf(done)).toContain('Your password has been changed');
    await expectReloads(browser, done, email, '/reset/done');
  });

  test('of a new address can be loaded again', async () => {
    const { account } = await createPerson(server);
    const address = 'moved-again@example.com';
    await server.services.identity.emailChange.request({ accountId: account.id, currentPassword: PASSWORD, newEmail: address });
    const browser = new Browserless();
    const changed = await browser.submit(await browser.open(await newestLink(address)), '/email/confirm');
    expect(text(changed)).toContain(address);
    await expectReloads(browser, changed, address, '/email/changed');
  });

  test('says nothing to a browser that did not send the form, nor to one that brings its own words', async () => {
    for (const [path, entrance] of [
      ['/register/check-mail', '/register'],
      ['/register/verified', '/account'],
      ['/forgot/check-mail', '/forgot'],
      ['/reset/done', '/account'],
      ['/email/changed', '/account'],
    ] as const) {
      const answer = await new Browserless().request(server.url + path);
      expect([answer.status, answer.headers.get('location')]).toEqual([303, entrance]);
    }
    const forged = Buffer.from('{"email":"evil@example.com"}').toString('base64url');
    for (const cookie of [`told_registered=${forged}`, `told_registered=${forged}; told_registered.sig=AAAA`, 'told_registered=%00']) {
      const answer = await new Browserless({ cookie }).request(`${server.url}/register/check-mail`);
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/register']);
    }
  });

  test('keeps what was typed within what a cookie holds', async () => {
    const browser = new Browserless();
    const typed = `${'\u{1F511}'.repeat(5000)}@example.com`;
    const told = await browser.submit(await browser.open(`${server.url}/forgot`), '/forgot', { email: typed });
    expect(titleOf(told)).toContain('Check your mail');
    for (const line of browser.received) expect(line.length).toBeLessThan(4096);
  });
});

describe('whoever came from an application', () => {
  async function register(address: string): Promise<{ browser: Browserless; link: string; name: string }> {
    const browser = new Browserless();
    const { page } = await begin(browser, party);
    const name = /to continue to ([^<–]+) –/.exec(titleOf(page))?.[1] ?? '?';
    const form = await browser.open(new URL(/href="(\/register\?interaction=[^"]+)"/.exec(page.body)?.[1] ?? '', server.url).href);
    await browser.submit(form, '/register', { email: address, password: PASSWORD });
    return { browser, link: await newestLink(address), name };
  }

  test('reads its name on every page of a registration, and goes on to it', async () => {
    const { browser, link, name } = await register('from-app@example.com');
    for (const page of [await browser.open(`${server.url}/register/check-mail`), await browser.open(link)])
      expect(text(page)).toContain(`to continue to ${name}`);
    const confirmed = await browser.submit(await browser.open(link), '/register/verify');
    const { href, words } = buttonOf(confirmed);
    expect(words).toBe(`Continue to ${name}`);
    const next = await browser.open(server.url + href);
    expect(titleOf(next)).toContain(`${name} asks for access`);
    // Back to the page before: it is still there.
    expect(buttonOf(await browser.open(confirmed.url)).words).toContain('Continue');
  });

  test('and confirms in another browser is not sent where only the first one can go', async () => {
    const { link, name } = await register('elsewhere@example.com');
    const other = new Browserless();
    const confirmed = await other.submit(await other.open(link), '/register/verify', { password: PASSWORD });
    expect(text(confirmed)).toContain(`To continue to ${name}, go back to the browser`);
    expect(buttonOf(confirmed)).toEqual({ href: '/account', words: 'Go to your account' });
    const account = await other.open(`${server.url}/account`);
    expect([account.status, new URL(account.url).pathname]).toEqual([200, '/account']);
  });

  test('and forgot the password goes on to it with the new one; in another browser to the account', async () => {
    const { email } = await createPerson(server);
    const browser = new Browserless();
    const { page, checks } = await begin(browser, party);
    const forgot = await browser.open(new URL(/href="(\/forgot\?interaction=[^"]+)"/.exec(page.body)?.[1] ?? '', server.url).href);
    await browser.submit(forgot, '/forgot', { email });
    const done = await browser.submit(await browser.open(await newestLink(email)), '/reset', { password: `${PASSWORD} new` });
    const { href, words } = buttonOf(done);
    expect(words).toMatch(/^Sign in to continue to /);
    const login = await browser.open(server.url + href);
    const consentPage = await signIn(browser, login, { email, password: `${PASSWORD} new` });
    const back = await browser.submit(consentPage, '/consent', { decision: 'allow' });
    expect((await party.finish(locationOf(back), checks)).access_token).toBeTruthy();

    await browser.submit(await browser.open(`${server.url}/forgot`), '/forgot', { email });
    const other = new Browserless();
    const elsewhere = await other.submit(await other.open(await newestLink(email)), '/reset', { password: PASSWORD });
    expect(buttonOf(elsewhere)).toEqual({ href: '/account', words: 'Sign in' });
  });
});
