import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { fieldOf, openAccount, pathOf } from '../support/account-browser.js';
import { Browserless, formsOf } from '../support/browserless.js';
import { createPerson, signIn } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

const PAGES = [
  ...['/account', '/account/profile', '/account/email', '/account/password', '/account/sessions', '/account/applications'],
  '/account/api-keys',
];

describe('the way to the account pages', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());
  afterEach(() => vi.useRealTimers());

  const sessionRows = () => server.services.db.client.session.count();

  it.each(PAGES)('%s asks who comes to sign in, without consent, and then shows itself', async (path) => {
    const { page, email } = await openAccount(server, { path });
    expect(page.status).toBe(200);
    expect(pathOf(page)).toBe(path);
    expect(page.body).toContain(email);
    expect(page.headers.get('cache-control')).toBe('no-store');
  });

  it('asks for nothing but openid, with a PKCE challenge that is new each time', async () => {
    const browser = new Browserless();
    const asked = await Promise.all([1, 2].map(() => browser.request(`${server.url}/account`)));
    const [first, second] = asked.map(({ headers }) => new URL(headers.get('location') ?? '', server.url).searchParams);
    expect(asked.map(({ status }) => status)).toEqual([303, 303]);
    expect(first?.get('scope')).toBe('openid');
    expect(first?.get('code_challenge_method')).toBe('S256');
    expect(first?.get('code_challenge')).toMatch(/^[\w-]{43}$/);
    expect(first?.get('code_challenge')).not.toBe(second?.get('code_challenge'));
  });

  it('leaves a code behind that nobody can redeem', async () => {
    const { browser } = await openAccount(server);
    const asked = await browser.request(`${server.url}/account/signed-in`);
    expect(asked.status).toBe(303);
    const authorize = new URL(`${server.url}/authorize`);
    const { searchParams } = new URL((await new Browserless().request(`${server.url}/account`)).headers.get('location') ?? '', server.url);
    authorize.search = searchParams.toString();
    const back = await browser.request(authorize.href);
    const code = new URL(back.headers.get('location') ?? '').searchParams.get('code') ?? '';
    expect(code).not.toBe('');
    const answer = await fetch(`${server.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code,
        client_id: 'latchkey-account',
        redirect_uri: `${server.url}/account/signed-in`,
        code_verifier: searchParams.get('code_challenge') ?? '',
      }),
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: 'invalid_grant' });
  });

  it.each([
    'https://evil.example/',
    '//evil.example/account',
    '/\\evil.example',
    '/account/../../evil',
    'javascript:alert(1)',
    '/account@evil.example',
    '/account?next=https://evil.example',
    '/ACCOUNT/profile',
    '',
  ])('takes nobody to %j', async (state) => {
    const { browser } = await openAccount(server);
    const page = await browser.request(`${server.url}/account/signed-in?code=abc&state=${encodeURIComponent(state)}`);
    expect(page.status).toBe(303);
    expect(page.headers.get('location')).toBe('/account');
  });

  it('takes nobody anywhere by a state given twice', async () => {
    const { browser } = await openAccount(server);
    const page = await browser.request(`${server.url}/account/signed-in?state=https://evil.example&state=/account/profile`);
    expect(page.headers.get('location')).toBe('/account');
  });

  it('says that cookies are blocked where a browser keeps none, instead of going round', async () => {
    const noCookies = new Browserless();
    const refusing = async (address: string) => {
      noCookies.cookies.clear();
      return noCookies.request(new URL(address, server.url).href);
    };
    const authorize = await refusing('/account');
    const interaction = await refusing(authorize.headers.get('location') ?? '');
    const login = await refusing(interaction.headers.get('location') ?? '');
    expect(login.status).toBe(400);
    expect(login.body).toContain('Your browser blocks our cookies');
    const back = await refusing('/account/signed-in?code=abc&state=/account/profile');
    expect(back.status).toBe(400);
    expect(back.body).toContain('Your browser blocks our cookies');
    expect(back.body).toContain('href="/account/profile"');
    expect(back.headers.get('location')).toBeNull();
  });

  it('says that a sign-in began in another browser where a link to it was passed on', async () => {
    const browser = new Browserless();
    const login = await browser.open(`${server.url}/account`);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    const elsewhere = await new Browserless().request(login.url);
    expect(elsewhere.status).toBe(400);
    expect(elsewhere.body).toContain('This sign-in began in another browser');
  });

  it('leads who cancels to the start page', async () => {
    const browser = new Browserless();
    const login = await browser.open(`${server.url}/account`);
    const page = await browser.post(`${login.url}/cancel`, { csrf: fieldOf(login, '/login', 'csrf') ?? '' });
    expect(page.status).toBe(200);
    expect(pathOf(page)).toBe('/');
  });

  it.each(['server_error', '<script>alert(1)</script>', 'x'.repeat(5000), ''])(
    'answers an error that came back (%j) with a page',
    async (error) => {
      const page = await new Browserless().request(`${server.url}/account/signed-in?error=${encodeURIComponent(error)}`);
      expect(page.status).toBe(400);
      expect(page.body).toContain('<h1>');
      expect(page.body).not.toContain('<script>alert');
    },
  );

  it('shows nothing to an account that was disabled meanwhile, and does not let it in again', async () => {
    const person = await openAccount(server);
    await server.services.identity.accounts.disable(person.account.id);
    const page = await person.open('/account');
    expect(page.body).toContain('name="password"');
    const again = await signIn(person.browser, page, person);
    expect(again.status).toBe(403);
  });

  it('shows nothing to a disabled account whose sign-in was just being finished, and does not go round', async () => {
    const person = await openAccount(server);
    await server.services.db.client.account.update({ where: { id: person.account.id }, data: { status: 'disabled' } });
    expect((await person.open('/account')).body).toContain('name="password"');
    expect((await person.browser.request(`${server.url}/account/signed-in?code=abc`)).status).toBe(400);
  });

  it('shows nothing once the session has ended', async () => {
    const person = await openAccount(server);
    await server.services.sessions.endAll(person.account.id);
    const page = await person.browser.request(`${server.url}/account`);
    expect(page.status).toBe(303);
    expect(page.headers.get('location')).toMatch(/^\/authorize\?/);
  });

  it('shows nothing once the session has expired', async () => {
    const person = await openAccount(server);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 86_460_000 });
    expect((await person.browser.request(`${server.url}/account`)).status).toBe(303);
  });

  it('ignores a session cookie whose signature is not ours', async () => {
    const person = await openAccount(server);
    const jar = person.browser.cookies.get('localhost');
    const signature = jar?.get('session.sig');
    expect(signature).toBeDefined();
    if (signature) jar?.set('session.sig', { ...signature, value: `${signature.value.slice(0, -2)}AA` });
    expect((await person.browser.request(`${server.url}/account`)).status).toBe(303);
  });

  it('makes no session for who only looks', async () => {
    const before = await sessionRows();
    for (const path of ['/', ...PAGES, '/account/signed-in']) await new Browserless().request(`${server.url}${path}`);
    expect(await sessionRows()).toBe(before);
  });

  it('asks who sends a form without being signed in to sign in first, and changes nothing', async () => {
    const person = await openAccount(server);
    const form = formsOf(await person.open('/account/profile')).find(({ action }) => action.endsWith('/account/profile'));
    await server.services.sessions.endAll(person.account.id);
    const page = await person.browser.post(`${server.url}/account/profile`, { ...form?.fields, full_name: 'Somebody Else' });
    expect(page.body).toContain('name="password"');
    const back = await signIn(person.browser, page, person);
    expect(pathOf(back)).toBe('/account/profile');
    expect(back.body).not.toContain('Somebody Else');
  });

  it('signs a second account in only after the first, never mixed', async () => {
    const one = await openAccount(server);
    const other = await createPerson(server);
    const second = await openAccount(server, { person: other });
    expect(second.page.body).toContain(other.email);
    expect((await one.open('/account')).body).toContain(one.email);
    expect((await one.open('/account')).body).not.toContain(other.email);
  });
});
