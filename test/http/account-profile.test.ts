import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fieldOf, noticeOf, openAccount, pathOf } from '../support/account-browser.js';
import { createPerson } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

describe('the profile page', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  const saved = (id: string) => server.services.identity.accounts.find(id);
  const typed = { full_name: 'Ada Lovelace', first_name: 'Ada', last_name: 'Lovelace', username: 'ada' };

  it('keeps names and username, says so once, and shows them from then on', async () => {
    const person = await openAccount(server);
    const page = await person.submit('/account/profile', '/account/profile', typed);
    expect(page.status).toBe(200);
    expect(pathOf(page)).toBe('/account/profile');
    expect(noticeOf(page)).toBe('Your profile has been saved.');
    expect(await saved(person.account.id)).toMatchObject({
      fullName: 'Ada Lovelace',
      firstName: 'Ada',
      lastName: 'Lovelace',
      username: 'ada',
    });
    const again = await person.open('/account/profile');
    expect(noticeOf(again)).toBeUndefined();
    expect(fieldOf(again, '/account/profile', 'full_name')).toBe('Ada Lovelace');
    expect((await person.open('/account')).body).toContain('Hello, <strong><bdi>Ada Lovelace</bdi>');
  });

  it('takes values away that were emptied, and leaves those alone that were not sent', async () => {
    const person = await openAccount(server);
    const page = await person.submit('/account/profile', '/account/profile', { ...typed, username: 'ada.two' });
    const csrf = fieldOf(page, '/account/profile', 'csrf') ?? '';
    await person.browser.post(`${server.url}/account/profile`, { csrf, first_name: '' });
    expect(await saved(person.account.id)).toMatchObject({ fullName: 'Ada Lovelace', firstName: null, username: 'ada.two' });
  });

  it('tells a fault at its field, keeps what was typed and changes nothing', async () => {
    const person = await openAccount(server);
    const page = await person.submit('/account/profile', '/account/profile', {
      ...typed,
      first_name: 'x'.repeat(101),
      last_name: 'Byron\u202e',
      username: 'no spaces allowed',
    });
    expect(page.status).toBe(422);
    expect(page.body).toContain('<title>Error:');
    for (const field of ['first_name', 'last_name', 'username']) {
      expect(page.body).toContain(`id="${field}-error"`);
      expect(page.body).toContain(`href="#${field}"`);
    }
    expect(page.body).not.toContain('id="full_name-error"');
    expect(fieldOf(page, '/account/profile', 'username')).toBe('no spaces allowed');
    expect(fieldOf(page, '/account/profile', 'full_name')).toBe('Ada Lovelace');
    expect(await saved(person.account.id)).toMatchObject({ fullName: null, firstName: null, username: null });
  });

  it('does not give a username away that somebody has, whatever its spelling', async () => {
    await createPerson(server, { username: 'grace' });
    const person = await openAccount(server);
    const page = await person.submit('/account/profile', '/account/profile', { username: 'GRACE' });
    expect(page.status).toBe(409);
    expect(page.body).toContain('id="username-error"');
    expect((await saved(person.account.id))?.username).toBeNull();
  });

  it('shows a hostile name as the text it is', async () => {
    const person = await openAccount(server);
    const name = `"><script>alert(1)</script><img src=x onerror=alert(1)>`;
    const page = await person.submit('/account/profile', '/account/profile', { full_name: name });
    expect(page.status).toBe(200);
    expect(page.body).not.toContain('<script>alert');
    expect(page.body).not.toContain('<img src=x');
    expect(fieldOf(page, '/account/profile', 'full_name')).toBe(name);
  });

  it('changes nothing but one’s own profile, whatever else is sent', async () => {
    const victim = await createPerson(server);
    const person = await openAccount(server);
    await person.submit('/account/profile', '/account/profile', {
      full_name: 'Mallory',
      id: victim.account.id,
      accountId: victim.account.id,
      account_id: victim.account.id,
      email: victim.email,
      roles: 'admin',
      status: 'disabled',
      emailVerifiedAt: '',
    });
    expect(await saved(victim.account.id)).toMatchObject({ fullName: null });
    expect(await saved(person.account.id)).toMatchObject({ fullName: 'Mallory', email: person.email, roles: ['user'], status: 'active' });
  });

  it('may be sent twice without harm', async () => {
    const person = await openAccount(server);
    const form = await person.open('/account/profile');
    const pages = await Promise.all([1, 2].map(() => person.browser.submit(form, '/account/profile', { ...typed, username: 'ada.twice' })));
    expect(pages.map(({ status }) => status)).toEqual([200, 200]);
    expect((await saved(person.account.id))?.username).toBe('ada.twice');
  });
});
