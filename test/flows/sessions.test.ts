import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import {
  createRelyingParty,
  locationOf,
  obtainTokens,
  type RelyingParty,
  refusalOf,
  startDeclaredServer,
  titleOf,
} from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The library forgives this much (its `clockTolerance`, 15 s), for servers whose clocks differ. */
const TOLERANCE_MS = 16_000;

let server: TestServer;
let shop: RelyingParty;

// The clock only ever goes forward, from test to test too: one that goes back is no server's business.
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  server = await startDeclaredServer();
  shop = await createRelyingParty(server, 'shop');
});
afterAll(async () => {
  await server?.close();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);
const silently = async (browser: Browserless) => {
  const page = await browser.open((await shop.begin({ prompt: 'none' })).url.href);
  return Object.fromEntries(locationOf(page).searchParams);
};
const cookieLines = (browser: Browserless) => browser.received.filter((line) => /^session=[^;]/.test(line));
const expiryOf = (line = ''): number | undefined => {
  const expires = /expires=([^;]+)/i.exec(line)?.[1];
  return expires ? Date.parse(expires) : undefined;
};

describe('a browser session', () => {
  test('slides: each use within a day keeps it, a day without one ends it', async () => {
    const { browser } = await obtainTokens(server, shop);
    for (let day = 0; day < 3; day += 1) {
      pass(DAY_MS - HOUR_MS);
      expect(await silently(browser), `day ${day}`).toHaveProperty('code');
    }
    pass(DAY_MS + TOLERANCE_MS);
    expect(await silently(browser)).toMatchObject({ error: 'login_required' });
  });

  test('that was used within the minute and has not changed is neither stored nor set again, and gives what it always gave', async () => {
    const { browser, accountId } = await obtainTokens(server, shop);
    const kept = async () => (await server.services.sessions.list(accountId))[0];
    pass(120_000);
    expect(await silently(browser)).toHaveProperty('code');
    const [saved, lines] = [await kept(), cookieLines(browser).length];
    expect(saved?.lastSeenAt).toEqual(new Date());
    pass(50_000);
    expect(await silently(browser)).toHaveProperty('code');
    expect(await kept()).toEqual(saved);
    expect(cookieLines(browser)).toHaveLength(lines);
    pass(11_000);
    expect(await silently(browser)).toHaveProperty('code');
    expect((await kept())?.lastSeenAt).toEqual(new Date());
    expect((await kept())?.expiresAt.getTime()).toBe((saved?.expiresAt.getTime() ?? 0) + 61_000);
    expect(cookieLines(browser)).toHaveLength(lines + 1);
  });

  test('ends 30 days after signing in, however much it is used', async () => {
    const { browser } = await obtainTokens(server, shop);
    const signedInAt = Date.now();
    while (Date.now() < signedInAt + 30 * DAY_MS - 20 * HOUR_MS) {
      pass(20 * HOUR_MS);
      expect(await silently(browser)).toHaveProperty('code');
    }
    vi.setSystemTime(signedInAt + 30 * DAY_MS + TOLERANCE_MS);
    expect(await silently(browser)).toMatchObject({ error: 'login_required' });
  });

  test('has a cookie that ends with the browser, unless the person asked to be kept signed in', async () => {
    const { browser: plain } = await obtainTokens(server, shop);
    expect(cookieLines(plain).length).toBeGreaterThan(0);
    expect(cookieLines(plain).map(expiryOf).filter(Boolean)).toEqual([]);
    const { browser: kept } = await obtainTokens(server, shop, { remember: true });
    const expires = expiryOf(cookieLines(kept).at(-1)) ?? 0;
    expect(Math.abs(expires - (Date.now() + 30 * DAY_MS))).toBeLessThan(60_000);
  });

  test('that is kept lasts a week without use, and 30 days at most', async () => {
    const { browser } = await obtainTokens(server, shop, { remember: true });
    const signedInAt = Date.now();
    pass(7 * DAY_MS);
    expect(await silently(browser)).toHaveProperty('code');
    pass(22 * DAY_MS);
    expect(await silently(browser)).toHaveProperty('code');
    vi.setSystemTime(signedInAt + 30 * DAY_MS + TOLERANCE_MS);
    expect(await silently(browser)).toMatchObject({ error: 'login_required' });
  });

  test('counts for max_age from the moment of signing in, not from its last use', async () => {
    const { browser } = await obtainTokens(server, shop);
    const ask = async () => browser.open((await shop.begin({ max_age: '600' })).url.href);
    pass(540_000);
    expect((await ask()).status).toBe(303);
    pass(120_000);
    expect(titleOf(await ask())).toContain('Please sign in again');
  });

  test('gets a new id when somebody signs in: one that was planted before is worth nothing', async () => {
    const browser = new Browserless();
    await browser.open((await shop.begin()).url.href);
    const before = browser.cookies.get('localhost')?.get('session')?.value;
    await obtainTokens(server, shop, { browser });
    const after = browser.cookies.get('localhost')?.get('session')?.value;
    expect(after).toBeDefined();
    expect(after).not.toBe(before);
  });

  test('a session cookie that was changed or invented is nobody', async () => {
    const { browser } = await obtainTokens(server, shop);
    const jar = browser.cookies.get('localhost');
    const session = jar?.get('session');
    jar?.set('session', { value: `${session?.value.slice(0, -2)}zz`, path: '/' });
    expect(await silently(browser)).toMatchObject({ error: 'login_required' });
  });
});

describe('tokens and time', () => {
  test('a session-bound refresh token ends with the session; one with offline_access does not', async () => {
    const bound = await obtainTokens(server, shop);
    const offline = await obtainTokens(server, shop, { parameters: { scope: 'openid offline_access' } });
    pass(DAY_MS + TOLERANCE_MS);
    expect(await refusalOf(oidc.refreshTokenGrant(shop.config, bound.tokens.refresh_token ?? ''))).toEqual({
      error: 'invalid_grant',
      status: 400,
    });
    expect((await oidc.refreshTokenGrant(shop.config, offline.tokens.refresh_token ?? '')).access_token).toEqual(expect.any(String));
  });

  test('a refresh token ends after 7 idle days, and its line after 30 however often it is used', async () => {
    const scope = { parameters: { scope: 'openid offline_access' } };
    const idle = await obtainTokens(server, shop, scope);
    pass(7 * DAY_MS + TOLERANCE_MS);
    expect(await refusalOf(oidc.refreshTokenGrant(shop.config, idle.tokens.refresh_token ?? ''))).toMatchObject({ error: 'invalid_grant' });
    let token = (await obtainTokens(server, shop, scope)).tokens.refresh_token ?? '';
    for (let day = 0; day < 24; day += 6) {
      pass(6 * DAY_MS);
      token = (await oidc.refreshTokenGrant(shop.config, token)).refresh_token ?? '';
    }
    pass(5 * DAY_MS);
    token = (await oidc.refreshTokenGrant(shop.config, token)).refresh_token ?? '';
    pass(DAY_MS + TOLERANCE_MS);
    expect(await refusalOf(oidc.refreshTokenGrant(shop.config, token))).toMatchObject({ error: 'invalid_grant' });
  });

  test('an access token is dead after 15 minutes, a code after 60 seconds', async () => {
    const { browser, tokens, accountId } = await obtainTokens(server, shop);
    pass(899_000);
    expect(await oidc.fetchUserInfo(shop.config, tokens.access_token, accountId)).toMatchObject({ sub: accountId });
    pass(1000 + TOLERANCE_MS);
    expect(await refusalOf(oidc.fetchUserInfo(shop.config, tokens.access_token, accountId))).toMatchObject({ error: 'invalid_token' });
    expect((await oidc.tokenIntrospection(shop.config, tokens.access_token)).active).toBe(false);
    const { url, checks } = await shop.begin();
    const back = locationOf(await browser.open(url.href));
    pass(61_000);
    expect(await refusalOf(shop.finish(back, checks))).toEqual({ error: 'invalid_grant', status: 400 });
  });
});
