import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fieldOf, NEW_PASSWORD, noticeOf, openAccount, pathOf } from '../support/account-browser.js';
import { Browserless } from '../support/browserless.js';
import { PASSWORD, signIn } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

describe('the password page', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  const change = (person: Awaited<ReturnType<typeof openAccount>>, current: string, next: string) =>
    person.submit('/account/password', '/account/password', { current_password: current, new_password: next });
  const signInWith = async (email: string, password: string) => {
    const browser = new Browserless();
    return signIn(browser, await browser.open(`${server.url}/account`), { email, password });
  };

  it('changes the password, keeps this device signed in and signs every other one out', async () => {
    const here = await openAccount(server);
    const elsewhere = await openAccount(server, { person: here });
    const page = await change(here, PASSWORD, NEW_PASSWORD);
    expect(pathOf(page)).toBe('/account/password');
    expect(noticeOf(page)).toContain('Your password has been changed.');
    expect((await here.open('/account')).body).toContain(here.email);
    expect((await elsewhere.browser.request(`${server.url}/account`)).status).toBe(303);
    expect((await signInWith(here.email, PASSWORD)).status).toBe(401);
    expect((await signInWith(here.email, NEW_PASSWORD)).status).toBe(200);
  });

  it('keeps this device a known one', async () => {
    const person = await openAccount(server);
    const device = () => person.browser.cookies.get('localhost')?.get('device')?.value;
    const before = device();
    await change(person, PASSWORD, NEW_PASSWORD);
    expect(before).toBeDefined();
    expect(device()).not.toBe(before);
  });

  it('asks for the current password, says at its field that it is wrong, and echoes neither', async () => {
    const person = await openAccount(server);
    const page = await change(person, 'not my password at all', NEW_PASSWORD);
    expect(page.status).toBe(401);
    expect(page.body).toContain('id="current_password-error"');
    expect(page.body).not.toContain('not my password at all');
    expect(page.body).not.toContain(NEW_PASSWORD);
    expect(fieldOf(page, '/account/password', 'new_password')).toBe('');
    expect((await signInWith(person.email, PASSWORD)).status).toBe(200);
  });

  it.each([
    ['short', 'aB3$x', 'new_password'],
    ['common', 'password123', 'new_password'],
    ['too long', 'x7'.repeat(65), 'new_password'],
    ['the current one', PASSWORD, 'new_password'],
    ['empty', '', 'new_password'],
  ])('refuses a new password that is %s, at its field', async (_what, next, field) => {
    const person = await openAccount(server);
    const page = await change(person, PASSWORD, next);
    expect(page.status).toBe(422);
    expect(page.body).toContain(`id="${field}-error"`);
    expect((await signInWith(person.email, PASSWORD)).status).toBe(200);
  });

  it('does not count an empty field as an attempt', async () => {
    const person = await openAccount(server);
    for (let round = 0; round < 7; round += 1) expect((await change(person, '', NEW_PASSWORD)).status).toBe(422);
    expect(noticeOf(await change(person, PASSWORD, NEW_PASSWORD))).toBeDefined();
  });

  it('is no way to guess the password from a session left open', async () => {
    const person = await openAccount(server);
    const statuses: number[] = [];
    for (let round = 0; round < 8; round += 1) statuses.push((await change(person, `a wrong guess ${round}`, NEW_PASSWORD)).status);
    expect(statuses.slice(0, 4)).toEqual([401, 401, 401, 401]);
    expect(statuses.at(-1)).toBe(403);
    const right = await change(person, PASSWORD, NEW_PASSWORD);
    expect(right.status).toBe(403);
    expect(right.body).toContain('Too many attempts');
  });

  it('may be sent twice at once: one change, and no error that is not a page', async () => {
    const person = await openAccount(server);
    const form = await person.open('/account/password');
    const fields = { current_password: PASSWORD, new_password: NEW_PASSWORD };
    const pages = await Promise.all([1, 2].map(() => person.browser.submit(form, '/account/password', fields)));
    for (const page of pages) expect([200, 401, 409]).toContain(page.status);
    expect((await signInWith(person.email, NEW_PASSWORD)).status).toBe(200);
  });
});
