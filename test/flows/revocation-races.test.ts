import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { databases } from '../support/database.js';
import { API } from '../support/declarations.js';
import { createPerson, PASSWORD } from '../support/people.js';
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
import { begin, loginForm, postOnce } from '../support/sign-in-forms.js';

describe.each(databases)('a right that ends while something is under way on %s', (provider) => {
  let server: TestServer;
  let shop: RelyingParty;
  let ours: RelyingParty;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    [shop, ours] = await Promise.all([createRelyingParty(server, 'shop'), createRelyingParty(server, 'ours')]);
  });
  afterAll(() => server?.close());
  afterEach(() => void vi.useRealTimers());

  describe('a password that is reset while somebody signs in with the old one', () => {
    test('leaves them no session, no grant and no token, and tells them to sign in once more', async () => {
      for (let round = 0; round < 6; round += 1) {
        const person = await createPerson(server);
        const browser = new Browserless();
        const { page } = await begin(browser, ours);
        const { action, fields } = loginForm(page, person);
        const [answer] = await Promise.all([
          postOnce(browser, { action, fields }),
          server.services.identity.passwordChange.set({ accountId: person.account.id, newPassword: `${PASSWORD} ${round} new` }),
        ]);
        expect([303, 401]).toContain(answer.status);
        if (answer.status === 303) {
          const landing = await browser.open(locationOf(answer).href);
          expect(landing.status).toBeLessThan(500);
        }
        expect(await server.services.sessions.list(person.account.id)).toEqual([]);
        expect(await server.services.grants.listByAccount(person.account.id)).toEqual([]);
      }
    });

    test('is answered on the form when the sign-in is stored too late', async () => {
      const person = await createPerson(server);
      const browser = new Browserless();
      const { page } = await begin(browser, ours);
      const { action, fields } = loginForm(page, person);
      const { withPassword } = server.services.identity.login;
      const late = vi.spyOn(server.services.identity.login, 'withPassword').mockImplementation(async (request) => {
        const result = await withPassword(request);
        await server.services.identity.passwordChange.set({ accountId: person.account.id, newPassword: `${PASSWORD} new` });
        return result;
      });
      const answer = await postOnce(browser, { action, fields });
      late.mockRestore();
      expect(answer.status).toBe(401);
      expect(answer.body).toContain('Please sign in once more');
      const again = await browser.submit(answer, '/login', { identifier: person.email, password: `${PASSWORD} new` });
      expect(locationOf(again).searchParams.has('code')).toBe(true);
    });
  });

  describe('an account that is disabled or deleted', () => {
    test.each(['disable', 'delete'] as const)(
      '%s: userinfo, refresh, introspection, the pages and silent sign-in refuse at once',
      async (end) => {
        const { browser, tokens, accountId } = await obtainTokens(server, ours);
        expect((await browser.open(`${server.url}/account`)).url).toBe(`${server.url}/account`);
        await server.services.identity.accounts[end](accountId);
        expect(await refusalOf(oidc.fetchUserInfo(ours.config, tokens.access_token, accountId))).toEqual({
          error: 'invalid_token',
          status: 401,
        });
        expect(await refusalOf(oidc.refreshTokenGrant(ours.config, tokens.refresh_token ?? ''))).toEqual({
          error: 'invalid_grant',
          status: 400,
        });
        expect(await oidc.tokenIntrospection(ours.config, tokens.access_token)).toEqual({ active: false });
        expect(titleOf(await browser.open(`${server.url}/account/profile`))).toContain('Sign in');
        expect(locationOf((await begin(browser, ours, { prompt: 'none' })).page).searchParams.get('error')).toBe('login_required');
      },
    );

    test.each(['disable', 'delete'] as const)('%s, while a refresh and a sign-in are under way, leaves nothing that works', async (end) => {
      for (let round = 0; round < 5; round += 1) {
        const person = await createPerson(server);
        const accountId = person.account.id;
        const { tokens } = await obtainTokens(server, ours, { person });
        const elsewhere = new Browserless();
        const { page } = await begin(elsewhere, ours);
        const { action, fields } = loginForm(page, person);
        const [refreshed] = await Promise.allSettled([
          oidc.refreshTokenGrant(ours.config, tokens.refresh_token ?? ''),
          elsewhere.post(action, fields),
          server.services.identity.accounts[end](accountId),
        ]);
        if (refreshed.status === 'fulfilled') {
          expect(await oidc.tokenIntrospection(ours.config, refreshed.value.access_token)).toEqual({ active: false });
          expect(await refusalOf(oidc.refreshTokenGrant(ours.config, refreshed.value.refresh_token ?? ''))).toMatchObject({
            error: 'invalid_grant',
          });
        }
        const { artifact, grant, session } = server.services.db.client;
        const where = { accountId, revokedAt: null };
        expect(await Promise.all([session.count({ where }), grant.count({ where })])).toEqual([0, 0]);
        expect(await artifact.findMany({ where, select: { kind: true } })).toEqual([]);
      }
    });
  });

  test('consent withdrawn while the application authorizes silently leaves it nothing that works', async () => {
    for (let round = 0; round < 6; round += 1) {
      const person = await createPerson(server);
      await obtainTokens(server, shop, { person });
      // Another browser: its grant would rest on what is remembered.
      const { browser } = await obtainTokens(server, ours, { person });
      const { url, checks } = await shop.begin({ prompt: 'none' });
      const [page] = await Promise.all([
        browser.open(url.href),
        server.services.grants.revokeByAccountAndClient(person.account.id, 'shop'),
      ]);
      const back = locationOf(page);
      if (back.searchParams.has('code')) expect(await refusalOf(shop.finish(back, checks))).toMatchObject({ error: 'invalid_grant' });
      const where = { accountId: person.account.id, clientId: 'shop', revokedAt: null };
      const { grant, artifact } = server.services.db.client;
      expect(await Promise.all([grant.count({ where }), artifact.count({ where: { ...where, kind: { not: 'Interaction' } } })])).toEqual([
        0, 0,
      ]);
    }
  });

  test('a code that is redeemed, with and without an API, while its client is disconnected or everything ends, gives nothing that lives', async () => {
    const api = { scope: 'openid orders:read', resource: API };
    for (let round = 0; round < 8; round += 1) {
      const { browser, accountId } = await obtainTokens(server, shop, { parameters: api });
      const { url, checks } = await shop.begin(api);
      const back = locationOf(await browser.open(url.href));
      const { sessions, grants, db } = server.services;
      const [given] = await Promise.allSettled([
        shop.finish(back, checks, round % 2 ? { resource: API } : {}),
        round % 4 < 2 ? sessions.endAll(accountId) : grants.revokeByAccountAndClient(accountId, 'shop'),
      ]);
      if (given.status === 'fulfilled') {
        const { access_token, refresh_token = '' } = given.value;
        expect(await oidc.tokenIntrospection(shop.config, access_token)).toEqual({ active: false });
        expect(await refusalOf(oidc.refreshTokenGrant(shop.config, refresh_token))).toMatchObject({ error: 'invalid_grant' });
      } else expect(await refusalOf(Promise.reject(given.reason))).toEqual({ error: 'invalid_grant', status: 400 });
      const where = { accountId, clientId: 'shop', revokedAt: null };
      expect(await Promise.all([db.client.grant.count({ where }), db.client.artifact.count({ where })])).toEqual([0, 0]);
    }
  });
});
