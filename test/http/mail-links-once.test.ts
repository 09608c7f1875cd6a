import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browserless, formsOf, type Page } from '../support/browserless.js';
import { databases } from '../support/database.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { titleOf } from '../support/relying-party.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { postOnce } from '../support/sign-in-forms.js';

const PARALLEL = 20;

describe.each(databases)('a mail link posted by 20 requests at the same moment on %s', (provider) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ provider });
  });
  afterAll(() => server?.close());

  const newestLink = async (address: string) => (await server.linksTo(address))[0] ?? '';
  const formOf = (page: Page, action: string) => {
    const form = formsOf(page).find((candidate) => new URL(candidate.action).pathname === action);
    if (!form) throw new Error(`no form for ${action} on ${page.url} (${page.status})`);
    return form;
  };
  /** Sent on to the page that says so. */
  const isWinner = ({ status, headers }: Page) => status === 303 && /\/(verified|changed|done)$/.test(headers.get('location') ?? '');
  /** All losers are told the same, in a page with a way on. */
  const expectOneWinner = (answers: Page[]) => {
    expect(answers.filter(isWinner)).toHaveLength(1);
    // On a busy machine some passwords are not judged in time; those are told to come again, and have used nothing up.
    for (const answer of answers.filter((each) => !isWinner(each) && each.status !== 503)) {
      expect([answer.status, titleOf(answer)]).toEqual([400, expect.stringContaining('This link has been used already')]);
    }
  };

  it('confirms one account, and signs in once', async () => {
    const email = `new-${provider}@example.com`;
    const browser = new Browserless();
    await browser.submit(await browser.open(`${server.url}/register`), '/register', { email, password: PASSWORD });
    const { action, fields } = formOf(await browser.open(await newestLink(email)), '/register/verify');
    const answers = await Promise.all(Array.from({ length: PARALLEL }, () => postOnce(browser, { action, fields })));
    expectOneWinner(answers);
    const account = await server.services.identity.accounts.findByEmail(email);
    expect(account?.emailVerifiedAt).toBeInstanceOf(Date);
    const { db } = server.services;
    expect(await db.client.account.count({ where: { email } })).toBe(1);
    expect(await db.client.oneTimeToken.count({ where: { accountId: account?.id ?? '', kind: 'sign_in_ticket' } })).toBe(1);
    expect((await browser.open(`${server.url}/account`)).url).toMatch(/\/account$/);
  });

  it('gives an account its new address once, and tells the old one once', async () => {
    const { account, email } = await createPerson(server);
    const moved = `moved-${provider}@example.com`;
    await server.services.identity.emailChange.request({ accountId: account.id, currentPassword: PASSWORD, newEmail: moved });
    const browser = new Browserless();
    const { action, fields } = formOf(await browser.open(await newestLink(moved)), '/email/confirm');
    expectOneWinner(await Promise.all(Array.from({ length: PARALLEL }, () => postOnce(browser, { action, fields }))));
    expect(await server.services.identity.accounts.find(account.id)).toMatchObject({ email: moved });
    await server.services.mailer.flush();
    const mails = (await server.services.mailer.mailbox?.list()) ?? [];
    expect(mails.filter((mail) => mail.to === email && mail.subject.includes('has been changed'))).toHaveLength(1);
  });

  it('sets one password, that of the one that is told so', async () => {
    const { account, email } = await createPerson(server);
    const browser = new Browserless();
    await browser.submit(await browser.open(`${server.url}/forgot`), '/forgot', { email });
    const { action, fields } = formOf(await browser.open(await newestLink(email)), '/reset');
    const passwords = Array.from({ length: PARALLEL }, (_, index) => `${PASSWORD} number ${index}`);
    const answers = await Promise.all(passwords.map((password) => postOnce(browser, { action, fields: { ...fields, password } })));
    expectOneWinner(answers);
    const winner = passwords[answers.findIndex(isWinner)] ?? '';
    const { withPassword } = server.services.identity.login;
    expect((await withPassword({ identifier: email, password: winner })).account.id).toBe(account.id);
    const loser = passwords.find((password) => password !== winner) ?? '';
    for (const password of [PASSWORD, loser])
      await expect(withPassword({ identifier: email, password })).rejects.toMatchObject({ code: 'login.invalid_credentials' });
    expect((await server.services.identity.accounts.find(account.id))?.signInGeneration).toBe(1);
  });
});
