import type { Account } from '../../src/identity/index.js';
import { Browserless, formsOf, type Page } from './browserless.js';
import { createPerson, PASSWORD, signIn } from './people.js';
import type { TestServer } from './server.js';

export type AccountBrowser = {
  browser: Browserless;
  account: Account;
  email: string;
  password: string;
  /** the account page that the sign-in ended on */
  page: Page;
  open(path: string): Promise<Page>;
  /** Opens a page and sends the form of it that posts to `action`. */
  submit(path: string, action: string, fields?: Record<string, string>): Promise<Page>;
  /** uid of this browser's session, as its row of the page of devices names it */
  sessionUid(): Promise<string>;
};

/** A person on their account pages, in a browser of their own, who came there through the sign-in page. */
export async function openAccount(
  server: TestServer,
  {
    person,
    path = '/account',
    headers = {},
    remember = false,
  }: {
    person?: { account: Account; email: string; password: string };
    path?: string;
    headers?: Record<string, string>;
    remember?: boolean;
  } = {},
): Promise<AccountBrowser> {
  const { account, email, password } = person ?? (await createPerson(server));
  const browser = new Browserless(headers);
  const page = await signIn(browser, await browser.open(`${server.url}${path}`), { email, password, remember });
  const open = (address: string) => browser.open(`${server.url}${address}`);
  return {
    browser,
    account,
    email,
    password,
    page,
    open,
    submit: async (address, action, fields) => browser.submit(await open(address), action, fields),
    async sessionUid() {
      const rows = (await open('/account/sessions')).body.split('<section').filter((row) => row.includes('This device'));
      return /name="session" value="([^"]+)"/.exec(rows[0] ?? '')?.[1] ?? '';
    },
  };
}

/** The value of a field of a form on a page. */
export const fieldOf = (page: Page, action: string, name: string): string | undefined =>
  formsOf(page).find((form) => new URL(form.action).pathname.endsWith(action))?.fields[name];

export const pathOf = (page: Page): string => new URL(page.url).pathname;

/** The text of a page's good news, if it has any. */
export const noticeOf = (page: Page): string | undefined => /<p class="note good"[^>]*>([^<]*)</.exec(page.body)?.[1];

export const NEW_PASSWORD = `${PASSWORD} and more`;
