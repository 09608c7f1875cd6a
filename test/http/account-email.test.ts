import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccountBrowser, fieldOf, noticeOf, openAccount, pathOf } from '../support/account-browser.js';
import { Browserless, type Page } from '../support/browserless.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { titleOf } from '../support/relying-party.js';
import { startTestServer, type TestServer } from '../support/server.js';

describe('the page of the email address', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());
  let number = 0;
  const newAddress = () => `new${++number}@example.com`;
  const ask = (person: AccountBrowser, newEmail: string, password = PASSWORD) =>
    person.submit('/account/email', '/account/email', { new_email: newEmail, current_password: password });
  const emailOf = async ({ account }: AccountBrowser) => (await server.services.identity.accounts.find(account.id))?.email;
  const link = async (address: string) => (await server.linksTo(address))[0] ?? '';
  const expectTold = (page: Page, status: number, title: RegExp, way: string) => {
    expect([page.status, titleOf(page)]).toEqual([status, expect.stringMatching(title)]);
    expect(page.body).toContain(`href="${way}"`);
  };

  it('sends a link to the new one, shows what waits, and changes it when the link’s button is pressed', async () => {
    const person = await openAccount(server);
    const address = newAddress();
    const page = await ask(person, address);
    expect([page.status, pathOf(page)]).toEqual([200, '/account/email']);
    expect(noticeOf(page)).toContain('We have sent a link to the new address.');
    expect(page.body).toContain(address);
    expect((await person.open('/account/profile')).body).toContain(`Waiting to be confirmed: <strong><bdi>${address}`);
    expect(await emailOf(person)).toBe(person.email);

    // In any browser; opening it, however often, changes nothing.
    const elsewhere = new Browserless();
    await elsewhere.open(await link(address));
    const opened = await elsewhere.open(await link(address));
    expect(opened.body).toContain(address);
    expect(opened.body).toContain(`${person.email[0]}…@example.com`);
    expect(opened.body).not.toContain(person.email);
    expect(await emailOf(person)).toBe(person.email);
    const confirmed = await elsewhere.submit(opened, '/email/confirm', {});
    expect([confirmed.status, titleOf(confirmed)]).toEqual([200, expect.stringContaining('Your email address has been changed')]);
    expect(await emailOf(person)).toBe(address);
    expect((await person.open('/account/email')).body).toContain(address);
    expectTold(await elsewhere.open(await link(address)), 400, /used already/, '/account/email');
  });

  it('says at its field what is wrong, keeps the address that was typed and echoes no password', async () => {
    const person = await openAccount(server);
    const cases: [string, string, number, string][] = [
      ['nobody', PASSWORD, 422, 'new_email'],
      ['', PASSWORD, 422, 'new_email'],
      [person.email.toUpperCase(), PASSWORD, 422, 'new_email'],
      [newAddress(), '', 422, 'current_password'],
      [newAddress(), 'not my password at all', 401, 'current_password'],
      ['"><script>alert(1)</script>@x', PASSWORD, 422, 'new_email'],
      ['x'.repeat(5000), PASSWORD, 422, 'new_email'],
    ];
    for (const [typed, password, status, field] of cases) {
      const page = await ask(person, typed, password);
      expect(page.status, typed).toBe(status);
      expect(page.body).toContain(`id="${field}-error"`);
      expect(page.body).toContain(`href="#${field}"`);
      expect(titleOf(page)).toMatch(/^Error: /);
      expect(fieldOf(page, '/account/email', 'new_email')).toBe(typed.slice(0, 254));
      expect(page.body).not.toContain('not my password');
      expect(page.body).not.toContain('<script>alert');
    }
    expect(await server.services.identity.emailChange.findPending(person.account.id)).toBeNull();
  });

  it('does not count an empty password as an attempt, and is no way to guess it from a session left open', async () => {
    const person = await openAccount(server);
    for (let round = 0; round < 7; round++) expect((await ask(person, newAddress(), '')).status).toBe(422);
    const statuses: number[] = [];
    for (let round = 0; round < 8; round++) statuses.push((await ask(person, newAddress(), `a wrong guess ${round}`)).status);
    expect(statuses.slice(0, 4)).toEqual([401, 401, 401, 401]);
    const right = await ask(person, newAddress());
    expect([right.status, right.headers.get('retry-after')]).toEqual([403, expect.stringMatching(/^\d+$/)]);
  });

  it('answers for an address that somebody has as for any other', async () => {
    const [person, owner] = [await openAccount(server), await createPerson(server)];
    const bodies = [];
    for (const address of [newAddress(), owner.email]) {
      const page = await ask(person, address);
      const normal = page.body.replaceAll(address, 'ADDRESS').replaceAll(/value="[^"]*"|nonce="[^"]*"|<time.*?<\/time>/g, '');
      bodies.push([page.status, normal]);
    }
    expect(bodies[1]).toEqual(bodies[0]);
    expect(await server.linksTo(owner.email)).toEqual([]);
  });

  it('tells who follows a link whose address was taken meanwhile, and how to go on', async () => {
    const person = await openAccount(server);
    const address = newAddress();
    await ask(person, address);
    await createPerson(server, { email: address });
    const page = await person.browser.submit(await person.browser.open(await link(address)), '/email/confirm', {});
    expectTold(page, 409, /already has an account/, '/account/email');
    expect(await emailOf(person)).toBe(person.email);
  });

  it('gives up what waits, as often as it is asked', async () => {
    const person = await openAccount(server);
    const address = newAddress();
    const page = await ask(person, address);
    const answers = await Promise.all([1, 2].map(() => person.browser.submit(page, '/account/email/cancel', {})));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await person.open('/account/email')).body).not.toContain(address);
    expectTold(await new Browserless().open(await link(address)), 400, /used already/, '/account/email');
  });

  it('refuses a link that is none, in the address and in the form', async () => {
    for (const query of ['', '?token=', '?token=unknown', `?token=${'x'.repeat(200)}`, '?token=a&token=b', '?token=%00', '?token[]=x'])
      expectTold(await new Browserless().open(`${server.url}/email/confirm${query}`), 400, /does not work/, '/account/email');
    const person = await openAccount(server);
    await ask(person, newAddress());
    const form = await person.browser.open(await link(`new${number}@example.com`));
    for (const token of ['', 'unknown', 'x'.repeat(200), 'nul\0', '\ud800'])
      expectTold(await person.browser.submit(form, '/email/confirm', { token }), 400, /does not work/, '/account/email');
    expect(await emailOf(person)).toBe(person.email);
  });
});
