import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless, formsOf } from '../support/browserless.js';
import { createPerson, PASSWORD } from '../support/people.js';
import {
  createRelyingParty,
  locationOf,
  obtainTokens,
  type RelyingParty,
  refusalOf,
  type SignedIn,
  startDeclaredServer,
  titleOf,
} from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
let shop: RelyingParty;
let till: RelyingParty;
let native: RelyingParty;

beforeAll(async () => {
  server = await startDeclaredServer();
  [shop, till, native] = await Promise.all([
    createRelyingParty(server, 'shop'),
    createRelyingParty(server, 'till'),
    createRelyingParty(server, 'native'),
  ]);
});
afterAll(() => server?.close());

const after = 'https://shop.example.com/signed-out';
const active = async ({ tokens }: SignedIn, party = shop) => (await oidc.tokenIntrospection(party.config, tokens.access_token)).active;
const silently = async (browser: Browserless, party = shop) => {
  const page = await browser.open((await party.begin({ prompt: 'none' })).url.href);
  return Object.fromEntries(locationOf(page).searchParams);
};
/** Opens the sign-out page as an application would have it. */
const openLogout = (browser: Browserless, parameters: Record<string, string>) =>
  browser.open(oidc.buildEndSessionUrl(shop.config, parameters).href);

describe('sign-out begun by an application', () => {
  test('asks the person, ends the session, and goes back with the state', async () => {
    const signedIn = await obtainTokens(server, shop);
    const { browser, tokens } = signedIn;
    const page = await openLogout(browser, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: after, state: 'st"ate' });
    expect(titleOf(page)).toContain('Sign out?');
    expect(page.body).toContain('Example Shop');
    expect(page.headers.get('content-security-policy')).toContain('https://shop.example.com');
    expect(await silently(browser)).toHaveProperty('code');
    const left = locationOf(await browser.submit(page, '/logout/confirm', { logout: 'yes' }));
    expect(left.href).toBe(`${after}?state=st%22ate`);
    expect(await silently(browser)).toMatchObject({ error: 'login_required' });
  });

  test('ends the tokens of every application that was bound to the session', async () => {
    const signedIn = await obtainTokens(server, shop);
    const { browser, tokens } = signedIn;
    const other = await obtainTokens(server, till, { browser });
    const page = await openLogout(browser, { id_token_hint: tokens.id_token ?? '' });
    await browser.submit(page, '/logout/confirm', { logout: 'yes' });
    for (const [party, held] of [
      [shop, signedIn],
      [till, other],
    ] as const) {
      expect(await active(held, party)).toBe(false);
      expect(await refusalOf(oidc.refreshTokenGrant(party.config, held.tokens.refresh_token ?? ''))).toMatchObject({
        error: 'invalid_grant',
      });
    }
  });

  test('leaves alone what was to outlive it: offline_access without prompt=consent, and a native app', async () => {
    const offline = await obtainTokens(server, shop, { parameters: { scope: 'openid offline_access' } });
    expect(offline.tokens.scope).toBe('openid offline_access');
    const app = await obtainTokens(server, native, { browser: offline.browser, parameters: { scope: 'openid' } });
    const page = await openLogout(offline.browser, { id_token_hint: offline.tokens.id_token ?? '' });
    await offline.browser.submit(page, '/logout/confirm', { logout: 'yes' });
    expect(await silently(offline.browser)).toMatchObject({ error: 'login_required' });
    const kept = await oidc.refreshTokenGrant(shop.config, offline.tokens.refresh_token ?? '');
    expect(kept.scope).toBe('openid offline_access');
    expect((await oidc.refreshTokenGrant(native.config, app.tokens.refresh_token ?? '')).access_token).toEqual(expect.any(String));
  });

  test('can be of that application only', async () => {
    const signedIn = await obtainTokens(server, shop);
    const { browser, tokens } = signedIn;
    const other = await obtainTokens(server, till, { browser });
    const page = await openLogout(browser, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: after, state: 'x' });
    const left = locationOf(await browser.submit(page, '/logout/confirm'));
    expect(left.href).toBe(`${after}?state=x`);
    expect(await active(signedIn)).toBe(false);
    expect(await active(other, till)).toBe(true);
    expect(await silently(browser, till)).toHaveProperty('code');
  });

  test('works with an ID token that has expired or comes from an earlier session', async () => {
    const { browser, tokens, email } = await obtainTokens(server, shop);
    const first = await openLogout(browser, { id_token_hint: tokens.id_token ?? '' });
    await browser.submit(first, '/logout/confirm', { logout: 'yes' });
    const again = await obtainTokens(server, shop, {
      browser,
      person: { email, password: PASSWORD },
    });
    const page = await openLogout(browser, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: after });
    await browser.submit(page, '/logout/confirm', { logout: 'yes' });
    expect(await active(again)).toBe(false);
  });

  test('never goes to an address that is not registered', async () => {
    const { browser, tokens } = await obtainTokens(server, shop);
    for (const target of ['https://evil.example.com/', `${after}/../x`, `${after}?a=1`, 'https://till.example.com/signed-out']) {
      const page = await openLogout(browser, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: target });
      expect(page.status, target).toBe(400);
      expect(page.headers.get('location'), target).toBeNull();
      const unnamed = await openLogout(browser, { client_id: 'shop', post_logout_redirect_uri: target });
      expect(unnamed.status, target).toBe(400);
    }
    expect(await silently(browser)).toHaveProperty('code');
  });

  test('a target without a client is ignored', async () => {
    const { browser } = await obtainTokens(server, shop);
    const url = new URL('/logout', server.url);
    url.searchParams.set('post_logout_redirect_uri', 'https://evil.example.com/');
    const page = await browser.open(url.href);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).not.toContain('evil');
    const done = await browser.submit(page, '/logout/confirm', { logout: 'yes' });
    expect(new URL(done.url).origin).toBe(server.url);
    expect(titleOf(done)).toContain('You are signed out');
  });
});

describe('sign-out without an application', () => {
  test('ends on a page that says so and leads on', async () => {
    const { browser } = await obtainTokens(server, shop);
    const page = await browser.open(`${server.url}/logout`);
    expect(titleOf(page)).toContain('Sign out?');
    const done = await browser.submit(page, '/logout/confirm', { logout: 'yes' });
    expect(titleOf(done)).toContain('You are signed out');
    expect(done.body).toContain('href="/account"');
    expect(await silently(browser)).toMatchObject({ error: 'login_required' });
  });

  test('of somebody who is not signed in goes back to the application at once', async () => {
    const { tokens } = await obtainTokens(server, shop);
    const browser = new Browserless();
    const page = await openLogout(browser, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: after, state: 'x' });
    expect(page.status).toBe(200);
    expect(formsOf(page)[0]?.fields).toMatchObject({ logout: 'yes', xsrf: expect.any(String) });
    expect(page.headers.get('content-security-policy')).toContain('https://shop.example.com');
    expect(locationOf(await browser.submit(page, '/logout/confirm')).href).toBe(`${after}?state=x`);
  });

  test('cannot be done for a person by another site: the form has to be ours', async () => {
    const person = await createPerson(server);
    const { browser } = await obtainTokens(server, shop, { person });
    await browser.open(`${server.url}/logout`);
    for (const fields of [{ logout: 'yes' }, { logout: 'yes', xsrf: 'guessed' }]) {
      const refused = await browser.post(`${server.url}/logout/confirm`, fields as Record<string, string>);
      expect(refused.status).toBe(400);
    }
    expect(await silently(browser)).toHaveProperty('code');
  });

  test('a POST to /logout, as some applications send it, is the same page', async () => {
    const { browser, tokens } = await obtainTokens(server, shop);
    const page = await browser.post(`${server.url}/logout`, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: after });
    expect(titleOf(page)).toContain('Sign out?');
  });
});
