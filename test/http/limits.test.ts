import { afterEach, describe, expect, it, vi } from 'vitest';
import { openAccount, pathOf } from '../support/account-browser.js';
import { Browserless, formsOf, type Page } from '../support/browserless.js';
import { createPerson, PASSWORD, signIn } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

/** What the README's table promises, said here once more so that a changed default is noticed. */
const DOCUMENTED = {
  LIMIT_FAILED_LOGINS_PER_MINUTE: '20',
  LIMIT_REGISTRATIONS_PER_HOUR: '3',
  LIMIT_RESETS_PER_HOUR: '3',
  LOCKOUT_FAILURES: '5',
};

let servers: TestServer[] = [];
/** A server of its own for each test: all tests come from one network, and its counters are what is tested. */
async function serve(env: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ env: { ...DOCUMENTED, ...env } });
  servers.push(server);
  return server;
}
afterEach(async () => {
  vi.useRealTimers();
  for (const server of servers) await server.close();
  servers = [];
});

const passSeconds = (seconds: number) => {
  const at = Date.now() + seconds * 1000;
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(at);
};
const retryAfter = (page: Page) => Number(page.headers.get('retry-after'));
const problemsOf = (page: Page) => /<(?:div|ul|p)[^>]*role="alert"[\s\S]*?<\/(?:div|ul|p)>/.exec(page.body)?.[0] ?? '';
/** Claims to come from another network each time. */
const spoof = (index: number) => ({ 'x-forwarded-for': `203.0.113.${index}, 198.51.100.${index}`, forwarded: `for=203.0.113.${index}` });

async function register(server: TestServer, index: number, headers: Record<string, string> = {}): Promise<Page> {
  const browser = new Browserless(headers);
  return browser.submit(await browser.open(`${server.url}/register`), '/register', {
    email: `new${index}@example.com`,
    password: PASSWORD,
  });
}

async function forget(server: TestServer, email: string, headers: Record<string, string> = {}): Promise<Page> {
  const browser = new Browserless(headers);
  return browser.submit(await browser.open(`${server.url}/forgot`), '/forgot', { email });
}

/** A sign-in page, and attempts on it: each from the page that the one before answered with, as a person does. */
async function openLogin(server: TestServer, browser = new Browserless()) {
  let page = await browser.open(`${server.url}/account`);
  return {
    async attempt(email: string, password = `not ${PASSWORD}`): Promise<Page> {
      page = await signIn(browser, page, { email, password });
      return page;
    },
  };
}

/** What tells nothing: the page without what was typed and what is random in it. */
const shapeOf = (page: Page, email: string) => ({
  status: page.status,
  body: page.body.replaceAll(email, 'EMAIL').replaceAll(/(nonce|value|action|href)="[^"]*"/g, '$1'),
});

async function attemptUntilLocked(server: TestServer, email: string) {
  const login = await openLogin(server);
  const before: number[] = [];
  for (let failure = 0; failure < 5; failure += 1) before.push((await login.attempt(email)).status);
  expect(before).toEqual([401, 401, 401, 401, 401]);
  return login;
}

describe('registrations from one network', () => {
  it('are three an hour; the fourth is told when to come back, and the form is still there', async () => {
    const server = await serve();
    for (const index of [1, 2, 3]) expect((await register(server, index)).status).toBe(200);
    const refused = await register(server, 4);
    expect(refused.status).toBe(429);
    expect(retryAfter(refused)).toBeGreaterThan(3500);
    expect(retryAfter(refused)).toBeLessThanOrEqual(3600);
    expect(problemsOf(refused)).toMatch(/Too many accounts were created from your network\. Try again in (59|60) minutes\./);
    const form = formsOf(refused).find(({ action }) => action.endsWith('/register'));
    expect(form?.fields).toMatchObject({ email: 'new4@example.com' });
    expect(refused.body).not.toContain(PASSWORD);
    expect(refused.body).toMatch(/href="\/account"/);
    expect(await server.linksTo('new4@example.com')).toEqual([]);
    passSeconds(retryAfter(refused) + 1);
    expect((await register(server, 4)).status).toBe(200);
  });
});

describe('resets from one network', () => {
  it('are three an hour, for whatever addresses; the fourth sends nothing', async () => {
    const server = await serve();
    const people = [await createPerson(server), await createPerson(server)];
    const asked = [people[0]?.email ?? '', 'nobody@example.com', people[0]?.email ?? ''];
    for (const email of asked) expect((await forget(server, email)).status).toBe(200);
    const [known, unknown] = [people[1]?.email ?? '', 'somebody@example.com'];
    const refused = await forget(server, known);
    expect(refused.status).toBe(429);
    expect(retryAfter(refused)).toBeGreaterThan(3500);
    expect(problemsOf(refused)).toMatch(/Too many mails were asked for from your network\. Try again in (59|60) minutes\./);
    expect(formsOf(refused).map(({ action }) => new URL(action).pathname)).toContain('/forgot');
    expect(refused.body).toMatch(/href="\/account"/);
    expect(shapeOf(await forget(server, unknown), unknown)).toEqual(shapeOf(refused, known));
    expect(await server.linksTo(known)).toEqual([]);
    passSeconds(retryAfter(refused) + 1);
    expect((await forget(server, known)).status).toBe(200);
    expect(await server.linksTo(known)).toHaveLength(1);
  });
});

describe('failures for one account', () => {
  it('lock it after five: the sixth attempt is told so, with the right password as with a wrong one, whether or not there is an account', async () => {
    const server = await serve();
    const { email } = await createPerson(server);
    const stranger = 'stranger@example.com';
    const known = await attemptUntilLocked(server, email);
    const unknown = await attemptUntilLocked(server, stranger);
    const answers = [
      [email, await known.attempt(email)],
      [email, await known.attempt(email, PASSWORD)],
      [stranger, await unknown.attempt(stranger)],
      [stranger, await unknown.attempt(stranger, PASSWORD)],
      // A browser that was not there before is no way round.
      [email, await (await openLogin(server)).attempt(email, PASSWORD)],
    ] as const;
    for (const [typed, page] of answers) {
      expect(page.status).toBe(403);
      expect(retryAfter(page)).toBeGreaterThan(800);
      expect(retryAfter(page)).toBeLessThanOrEqual(900);
      expect(problemsOf(page)).toContain('Too many attempts. Try again in 15 minutes, or reset your password.');
      expect(page.body).toMatch(/href="\/forgot\?interaction=/);
      expect(shapeOf(page, typed)).toEqual(shapeOf(answers[0][1], answers[0][0]));
    }
  });

  it('lock out no device on which its owner signed in before, and not for ever', async () => {
    const server = await serve();
    const owner = await openAccount(server);
    await owner.submit('/account', '/account/sign-out');
    const attacker = await attemptUntilLocked(server, owner.email);
    const locked = await attacker.attempt(owner.email, PASSWORD);
    expect(locked.status).toBe(403);
    const returned = await (await openLogin(server, owner.browser)).attempt(owner.email, PASSWORD);
    expect([returned.status, pathOf(returned)]).toEqual([200, '/account']);
    expect((await attacker.attempt(owner.email, PASSWORD)).status).toBe(403);
    passSeconds(retryAfter(locked) + 1);
    const later = await (await openLogin(server)).attempt(owner.email, PASSWORD);
    expect([later.status, pathOf(later)]).toEqual([200, '/account']);
  });
});

describe('failed sign-ins from one network', () => {
  it('are twenty a minute, over all accounts; the next is refused whatever its password, until the minute is over', async () => {
    const server = await serve();
    const { email } = await createPerson(server);
    const login = await openLogin(server);
    const statuses: number[] = [];
    for (let index = 0; index < 20; index += 1) statuses.push((await login.attempt(`guess${index}@example.com`)).status);
    expect(statuses).toEqual(Array(20).fill(401));
    for (const password of [undefined, PASSWORD]) {
      const refused = await login.attempt(email, password);
      expect(refused.status).toBe(429);
      expect(retryAfter(refused)).toBeGreaterThan(0);
      expect(retryAfter(refused)).toBeLessThanOrEqual(60);
      expect(problemsOf(refused)).toContain('Too many attempts from your network. Try again in 1 minute.');
      expect(formsOf(refused).map(({ action }) => action.split('/').at(-1))).toContain('login');
    }
    passSeconds(61);
    expect(pathOf(await login.attempt(email, PASSWORD))).toBe('/account');
  });

  it('do not count what succeeds', async () => {
    const server = await serve({ LIMIT_FAILED_LOGINS_PER_MINUTE: '2' });
    const { email } = await createPerson(server);
    for (let index = 0; index < 5; index += 1) {
      expect(pathOf(await (await openLogin(server)).attempt(email, PASSWORD))).toBe('/account');
    }
  });
});

describe('X-Forwarded-For', () => {
  /** Three registrations, three resets and twenty failures, each of which says that it comes from elsewhere; then one more of each. */
  async function useUp(server: TestServer): Promise<number[]> {
    for (const index of [1, 2, 3]) {
      await register(server, index, spoof(index));
      await forget(server, `nobody${index}@example.com`, spoof(index));
    }
    for (let index = 0; index < 20; index += 1) {
      await (await openLogin(server, new Browserless(spoof(index)))).attempt(`guess${index}@example.com`);
    }
    const last = await (await openLogin(server, new Browserless(spoof(99)))).attempt('guess99@example.com');
    return [(await register(server, 4, spoof(99))).status, (await forget(server, 'nobody@example.com', spoof(99))).status, last.status];
  }

  it('from a peer that is not trusted is no way to another network', async () => {
    expect(await useUp(await serve())).toEqual([429, 429, 429]);
  });

  it('from a trusted proxy names the network that is counted', async () => {
    expect(await useUp(await serve({ TRUST_PROXY: 'loopback' }))).toEqual([200, 200, 401]);
  });
});
