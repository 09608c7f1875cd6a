import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless, formsOf, type Page } from '../support/browserless.js';
import { databases } from '../support/database.js';
import { consent, createPerson, signIn } from '../support/people.js';
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
import { begin, type FilledForm, isWayOn, loginForm, postOnce } from '../support/sign-in-forms.js';

const FINISHED = 'This sign-in is already finished';
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));

describe.each(databases)('the truth about sessions on %s', (provider) => {
  let server: TestServer;
  let shop: RelyingParty;
  let ours: RelyingParty;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    [shop, ours] = await Promise.all([createRelyingParty(server, 'shop'), createRelyingParty(server, 'ours')]);
  });
  afterAll(() => server?.close());
  afterEach(() => void vi.useRealTimers());

  const expectWayOn = (page: Page, title: string) => expect(isWayOn(page, title), `${page.status} ${titleOf(page)}`).toBe(true);
  const sessionCookie = (browser: Browserless) => browser.cookies.get('localhost')?.get('session');

  describe('two tabs', () => {
    test('of one browser that authorize at once, for one application or two, both end with tokens that work', async () => {
      const { browser } = await obtainTokens(server, shop);
      for (const parties of [
        [shop, shop],
        [shop, ours],
      ] as const) {
        const tabs = await Promise.all(parties.map((party) => party.begin()));
        const pages = await Promise.all(tabs.map(({ url }) => browser.open(url.href)));
        for (const [index, party] of parties.entries()) {
          const { checks } = tabs[index] ?? {};
          const tokens = await party.finish(locationOf(pages[index] as Page), checks as NonNullable<typeof checks>);
          expect((await oidc.refreshTokenGrant(party.config, tokens.refresh_token ?? '')).access_token).toEqual(expect.any(String));
        }
      }
    });

    test('that both show the sign-in page both end with tokens or one clean page', async () => {
      const person = await createPerson(server);
      const browser = new Browserless();
      const tabs = await Promise.all([begin(browser, ours), begin(browser, ours)]);
      const pages = await Promise.all(tabs.map(({ page }) => signIn(browser, page, person)));
      let signedIn = 0;
      for (const [index, page] of pages.entries()) {
        expect(page.status).toBeLessThan(500);
        if (page.status !== 303) {
          expectWayOn(page, 'This sign-in');
          continue;
        }
        const tokens = await ours.finish(locationOf(page), tabs[index]?.checks as (typeof tabs)[0]['checks']);
        expect(tokens.claims()?.sub).toBe(person.account.id);
        signedIn += 1;
      }
      expect(signedIn).toBeGreaterThan(0);
      // Whatever became of the other tab, this browser is signed in.
      const again = await begin(browser, ours);
      expect(locationOf(again.page).searchParams.has('code')).toBe(true);
    });
  });

  test('two tabs signed in from at the same moment both end with tokens, although the browser keeps the cookie of one session only', async () => {
    const person = await createPerson(server);
    const tabs = [new Browserless(), new Browserless()] as const;
    const asked = [];
    for (const tab of tabs) {
      const { page, checks } = await begin(tab, shop);
      asked.push({ tab, checks, page: await signIn(tab, page, person) });
    }
    const [first, last] = tabs.map((tab) => tab.cookies.get('localhost'));
    expect(last?.get('session')?.value).not.toBe(first?.get('session')?.value);
    for (const name of ['session', 'session.sig']) first?.set(name, { path: '/', value: last?.get(name)?.value ?? '' });
    // Neither tab has heard of the other's answer when it goes on.
    for (const { tab, page, checks } of asked) {
      const tokens = await shop.finish(locationOf(await consent(tab, page)), checks);
      expect(tokens.claims()?.sub).toBe(person.account.id);
    }
  });

  describe('an interaction', () => {
    test('without its cookie says so, and has a way on', async () => {
      const browser = new Browserless();
      const { page } = await begin(browser, shop);
      const elsewhere = new Browserless();
      await elsewhere.open(`${server.url}/register`);
      expectWayOn(await elsewhere.open(page.url), 'This sign-in began in another browser');
      const person = await createPerson(server);
      const { action, fields } = loginForm(page, person);
      const lost = await postOnce(elsewhere, { action, fields });
      expectWayOn(lost, 'This sign-in began in another browser');
      expect(sessionCookie(elsewhere)).toBeUndefined();
    });

    test('that was finished says so to the Back button, and to a form that is sent again', async () => {
      const person = await createPerson(server);
      const browser = new Browserless();
      const { page } = await begin(browser, ours);
      const { action, fields } = loginForm(page, person);
      const done = await browser.post(action, fields);
      expect(locationOf(done).searchParams.has('code')).toBe(true);
      expectWayOn(await browser.open(page.url), FINISHED);
      expectWayOn(await postOnce(browser, { action, fields }), FINISHED);
    });

    test('that was answered, but the way on got lost, goes on when it is opened or answered alike again', async () => {
      const person = await createPerson(server);
      const browser = new Browserless();
      const { page, checks } = await begin(browser, ours);
      const { action, fields } = loginForm(page, person);
      const answered = await postOnce(browser, { action, fields });
      const reloaded = await browser.request(page.url);
      expect(locationOf(reloaded).href).toBe(locationOf(answered).href);
      expect(locationOf(await postOnce(browser, { action, fields })).href).toBe(locationOf(answered).href);
      const other = await createPerson(server);
      expectWayOn(await postOnce(browser, { action, fields: { ...fields, identifier: other.email } }), FINISHED);
      const tokens = await ours.finish(locationOf(await browser.open(locationOf(answered).href)), checks);
      expect(tokens.claims()?.sub).toBe(person.account.id);
    });

    test('that has expired says so, and the application can begin again', async () => {
      vi.useFakeTimers({ toFake: ['Date'] });
      const person = await createPerson(server);
      const browser = new Browserless();
      const { page } = await begin(browser, ours);
      vi.setSystemTime(Date.now() + 3600_000 - 1000);
      expect((await browser.open(page.url)).status).toBe(200);
      const { action, fields } = loginForm(page, person);
      const jar = new Map(browser.cookies.get('localhost'));
      vi.setSystemTime(Date.now() + 20_000);
      browser.cookies.set('localhost', jar);
      expectWayOn(await browser.open(page.url), 'This sign-in took too long');
      expectWayOn(await postOnce(browser, { action, fields }), 'This sign-in took too long');
      const again = await begin(browser, ours);
      expect(locationOf(await signIn(browser, again.page, person)).searchParams.has('code')).toBe(true);
    });

    test('answered by 50 sign-in forms at the same moment has one answer, one session and one grant', async () => {
      const person = await createPerson(server);
      const browser = new Browserless();
      const { page, checks } = await begin(browser, ours);
      const { action, fields } = loginForm(page, person);
      const answers = await Promise.all(times(50, () => postOnce(browser, { action, fields })));
      const places = new Set(
        answers.map((answer) => (answer.status === 303 ? locationOf(answer).href : `${answer.status} ${titleOf(answer)}`)),
      );
      expect(places.size).toBe(1);
      const [next = ''] = places;
      const resumed = await Promise.all(times(5, () => browser.open(next)));
      const codes = resumed.filter((landing) => landing.status === 303);
      expect(codes).toHaveLength(1);
      for (const landing of resumed.filter((candidate) => candidate.status !== 303)) expectWayOn(landing, 'This sign-in');
      await ours.finish(locationOf(codes[0] as Page), checks);
      expect(await server.services.sessions.list(person.account.id)).toHaveLength(1);
      expect(await server.services.grants.listByAccount(person.account.id)).toHaveLength(1);
    });

    test('answered by 50 sign-in forms of two people has the answer of one', async () => {
      const people = await Promise.all([createPerson(server), createPerson(server)]);
      const browser = new Browserless();
      const { page, checks } = await begin(browser, ours);
      const forms = people.map((person) => loginForm(page, person));
      const answers = await Promise.all(times(50, (index) => postOnce(browser, forms[index % 2] as FilledForm)));
      const [gone, told] = [answers.filter(({ status }) => status === 303), answers.filter(({ status }) => status !== 303)];
      for (const answer of told) expectWayOn(answer, FINISHED);
      expect(new Set(gone.map((answer) => locationOf(answer).href)).size).toBe(1);
      expect([gone.length, told.length]).toEqual([25, 25]);
      const tokens = await ours.finish(locationOf(await browser.open(locationOf(gone[0] as Page).href)), checks);
      const winners = new Set(answers.flatMap(({ status }, index) => (status === 303 ? [people[index % 2]?.account.id] : [])));
      expect([...winners]).toEqual([tokens.claims()?.sub]);
    });

    test('answered by 50 consent forms at the same moment makes one grant; one that says no then is told it is over', async () => {
      const person = await createPerson(server);
      const browser = new Browserless();
      const { page, checks } = await begin(browser, shop);
      const asked = await signIn(browser, page, person);
      const form = formsOf(asked).find(({ action }) => action.endsWith('/consent'));
      const answers = await Promise.all(
        times(50, () => postOnce(browser, { action: form?.action ?? '', fields: { ...form?.fields, decision: 'allow' } })),
      );
      expect(new Set(answers.map((answer) => `${answer.status} ${answer.headers.get('location')}`)).size).toBe(1);
      expect(await server.services.grants.listByAccount(person.account.id)).toHaveLength(1);
      expectWayOn(await postOnce(browser, { action: form?.action ?? '', fields: { ...form?.fields, decision: 'cancel' } }), FINISHED);
      const tokens = await shop.finish(locationOf(await browser.open(locationOf(answers[0] as Page).href)), checks);
      expect(tokens.claims()?.sub).toBe(person.account.id);
      expectWayOn(await postOnce(browser, { action: form?.action ?? '', fields: { ...form?.fields, decision: 'allow' } }), FINISHED);
      expect(await server.services.grants.listByAccount(person.account.id)).toHaveLength(1);
    });

    test('allowed and cancelled at the same moment is one of them', async () => {
      for (let round = 0; round < 6; round += 1) {
        const person = await createPerson(server);
        const browser = new Browserless();
        const { page, checks } = await begin(browser, shop);
        const asked = await signIn(browser, page, person);
        const form = formsOf(asked).find(({ action }) => action.endsWith('/consent'));
        const decide = (decision: string) => postOnce(browser, { action: form?.action ?? '', fields: { ...form?.fields, decision } });
        const answers = await Promise.all([decide('allow'), decide('cancel')].sort(() => (round % 2 ? 1 : -1)));
        const gone = answers.filter(({ status }) => status === 303);
        expect(gone).toHaveLength(1);
        for (const answer of answers.filter(({ status }) => status !== 303)) expectWayOn(answer, FINISHED);
        const back = locationOf(await browser.open(locationOf(gone[0] as Page).href));
        const grants = await server.services.grants.listByAccount(person.account.id);
        if (back.searchParams.has('code')) await shop.finish(back, checks);
        else expect(back.searchParams.get('error')).toBe('access_denied');
        expect(grants).toHaveLength(back.searchParams.has('code') ? 1 : 0);
      }
    });
  });

  describe('a session', () => {
    test('has another id after signing in: the cookie of before is signed in nowhere', async () => {
      const planted = new Browserless();
      await begin(planted, ours);
      const before = new Map(planted.cookies.get('localhost'));
      const victim = new Browserless();
      victim.cookies.set('localhost', new Map(before));
      const person = await createPerson(server);
      const { page } = await begin(victim, ours);
      expect(locationOf(await signIn(victim, page, person)).searchParams.has('code')).toBe(true);
      const after = sessionCookie(victim)?.value;
      expect(after).toEqual(expect.any(String));
      expect(after).not.toBe(before.get('session')?.value);
      const attacker = new Browserless();
      attacker.cookies.set('localhost', before);
      expect(locationOf((await begin(attacker, ours, { prompt: 'none' })).page).searchParams.get('error')).toBe('login_required');
    });

    test('that is ended while requests of it are under way stays dead, whatever they save', async () => {
      for (let round = 0; round < 8; round += 1) {
        const { browser, accountId } = await obtainTokens(server, ours);
        const tabs = await Promise.all(times(3, () => ours.begin({ prompt: 'none' })));
        const [pages] = await Promise.all([
          Promise.all(tabs.map(({ url }) => browser.open(url.href))),
          server.services.sessions.endAll(accountId),
        ]);
        for (const [index, page] of pages.entries()) {
          expect(page.status).toBeLessThan(500);
          const back = page.status === 303 ? locationOf(page) : undefined;
          if (!back?.searchParams.has('code')) continue;
          expect(await refusalOf(ours.finish(back, tabs[index]?.checks as (typeof tabs)[0]['checks']))).toEqual({
            error: 'invalid_grant',
            status: 400,
          });
        }
        expect(await server.services.sessions.list(accountId)).toEqual([]);
        expect(locationOf((await begin(browser, ours, { prompt: 'none' })).page).searchParams.get('error')).toBe('login_required');
      }
    });
  });
});
