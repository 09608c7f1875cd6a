import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { fieldOf, noticeOf, openAccount, pathOf } from '../support/account-browser.js';
import { Browserless, formsOf } from '../support/browserless.js';
import { startTestServer, type TestServer } from '../support/server.js';

const PHONE = {
  'user-agent':
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1',
};

describe('the page of devices', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());
  afterEach(() => vi.useRealTimers());

  const isSignedIn = async (person: { browser: Browserless }) => (await person.browser.request(`${server.url}/account`)).status === 200;
  const eventsOf = (accountId: string) =>
    server.services.db.client.auditEvent.findMany({ where: { subjectId: accountId, type: { startsWith: 'session.' } } });

  it('lists where the person is signed in, this device first and marked', async () => {
    const here = await openAccount(server);
    await openAccount(server, { person: here, headers: PHONE });
    const page = await here.open('/account/sessions');
    const rows = page.body.split('<section class="row">').slice(1);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toContain('This device');
    expect(rows[0]).toContain('Firefox on Linux');
    expect(rows[1]).toContain('Safari on iPhone');
    expect(rows[1]).not.toContain('This device');
    expect((await here.open('/account')).body).toContain('2 devices are signed in');
  });

  it('ends one other session and leaves this one', async () => {
    const here = await openAccount(server);
    const phone = await openAccount(server, { person: here, headers: PHONE });
    const page = await here.browser.post(`${server.url}/account/sessions/end`, {
      csrf: fieldOf(await here.open('/account/sessions'), '/end', 'csrf') ?? '',
      session: await phone.sessionUid(),
    });
    expect(pathOf(page)).toBe('/account/sessions');
    expect(noticeOf(page)).toBe('That device has been signed out.');
    expect(await isSignedIn(phone)).toBe(false);
    expect(await isSignedIn(here)).toBe(true);
    expect(await eventsOf(here.account.id)).toMatchObject([{ type: 'session.ended', actorId: here.account.id, outcome: 'success' }]);
  });

  it('lists programs that signed in over the API as such, and ends them the same way', async () => {
    const here = await openAccount(server);
    const userAgent = `backup/1.0 "><script>alert(1)</script> ${'x'.repeat(300)}`;
    const answer = await fetch(`${server.url}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': userAgent },
      body: JSON.stringify({ email: here.email, password: here.password }),
    });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    const me = () => fetch(`${server.url}/auth/me`, { headers: { authorization: `Bearer ${token}` } });
    expect((await me()).status).toBe(200);
    const page = await here.open('/account/sessions');
    const row = page.body.split('<section class="row">').find((each) => each.includes('API sign-in')) ?? '';
    expect(row).toContain('backup/1.0 &quot;&gt;&lt;script&gt;');
    expect(row).not.toContain('<script>');
    const session = /name="session" value="([^"]+)"/.exec(row)?.[1] ?? '';
    expect(noticeOf(await here.submit('/account/sessions', '/end', { session }))).toBe('That device has been signed out.');
    expect((await me()).status).toBe(401);
    expect(await isSignedIn(here)).toBe(true);
    expect((await here.open('/account/sessions')).body).not.toContain('API sign-in');
  });

  it('ends nobody else’s session, and answers as for one that does not exist', async () => {
    const victim = await openAccount(server);
    const attacker = await openAccount(server);
    const csrf = fieldOf(await attacker.open('/account/sessions'), '/end', 'csrf') ?? '';
    const end = (session: string) => attacker.browser.post(`${server.url}/account/sessions/end`, { csrf, session });
    const theirs = await end(await victim.sessionUid());
    const nobodys = await end('nobody-has-this-session');
    expect(theirs.status).toBe(404);
    const plain = (body: string) => body.replace(/<code>[^<]*<\/code>|nonce="[^"]*"|value="[^"]*"/g, '');
    expect(plain(theirs.body)).toBe(plain(nobodys.body));
    expect(await isSignedIn(victim)).toBe(true);
    expect(await eventsOf(victim.account.id)).toHaveLength(0);
  });

  it.each(['', ' ', '%', "' OR 1=1 --", 'x'.repeat(5000), '\u0000', '__proto__'])('answers the session %j with 404', async (session) => {
    const person = await openAccount(server);
    const page = await person.submit('/account/sessions', '/end', { session });
    expect(page.status).toBe(404);
    expect(await isSignedIn(person)).toBe(true);
  });

  it('says plainly, when a form is sent twice, that the device is signed out already', async () => {
    const here = await openAccount(server);
    const phone = await openAccount(server, { person: here, headers: PHONE });
    const session = await phone.sessionUid();
    await here.submit('/account/sessions', '/end', { session });
    const again = await here.submit('/account/sessions', '/end', { session });
    expect(again.status).toBe(404);
    expect(again.body).toContain('That device is signed out already');
    expect(again.body).toContain('href="/account/sessions"');
  });

  it('signs this device out when its own row is ended', async () => {
    const person = await openAccount(server);
    const page = await person.submit('/account/sessions', '/end', { session: await person.sessionUid() });
    expect(pathOf(page)).toBe('/logout/success');
    expect(await isSignedIn(person)).toBe(false);
  });

  it('ends all others at once and offers it only when there are some', async () => {
    const here = await openAccount(server);
    expect(formsOf(await here.open('/account/sessions')).some(({ action }) => action.endsWith('/end-others'))).toBe(false);
    const others = [await openAccount(server, { person: here, headers: PHONE }), await openAccount(server, { person: here })];
    const page = await here.submit('/account/sessions', '/end-others');
    expect(noticeOf(page)).toBe('All other devices have been signed out.');
    expect(await Promise.all(others.map(isSignedIn))).toEqual([false, false]);
    expect(await isSignedIn(here)).toBe(true);
    expect(page.body).toContain('You are signed in on this device only.');
  });

  it('takes the session cookie back and ends the session at sign-out', async () => {
    const person = await openAccount(server);
    const jar = person.browser.cookies.get('localhost');
    const stolen = new Map(jar);
    const page = await person.submit('/account', '/account/sign-out');
    expect(page.status).toBe(200);
    expect(pathOf(page)).toBe('/logout/success');
    expect(page.body).toContain('signed out');
    expect(jar?.has('session')).toBe(false);
    expect(jar?.has('session.sig')).toBe(false);
    const thief = new Browserless();
    thief.cookies.set('localhost', stolen);
    expect((await thief.request(`${server.url}/account`)).status).toBe(303);
    expect(await server.services.sessions.list(person.account.id)).toHaveLength(0);
  });

  it('signs out once, however often it is asked', async () => {
    const person = await openAccount(server);
    const form = await person.open('/account');
    await person.browser.submit(form, '/account/sign-out');
    const again = await person.browser.submit(form, '/account/sign-out');
    expect(pathOf(again)).toBe('/logout/success');
    expect(await eventsOf(person.account.id)).toHaveLength(1);
  });

  it('lists no session that has expired', async () => {
    const first = await openAccount(server, { remember: true });
    const second = await openAccount(server, { person: first });
    expect(await isSignedIn(second)).toBe(true);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 86_400_000 });
    const page = await first.open('/account/sessions');
    expect(page.status).toBe(200);
    expect(page.body.split('<section class="row">').slice(1)).toHaveLength(1);
  });
});
