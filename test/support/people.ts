import type { Browserless, Page } from './browserless.js';
import type { TestServer } from './server.js';

export const PASSWORD = 'correct horse battery staple 42';

let made = 0;

/** Makes a verified account directly, as an operator would. */
export async function createPerson(
  server: TestServer,
  {
    email = `person${++made}@example.com`,
    password = PASSWORD,
    username,
    roles,
  }: { email?: string; password?: string; username?: string; roles?: readonly string[] } = {},
) {
  const { accounts, passwords } = server.services.identity;
  const account = await accounts.create({
    email,
    passwordHash: await passwords.hash(password),
    verified: true,
    username,
    ...(roles ? { roles } : {}),
  });
  return { account, email, password };
}

/** Signs in on the login page that `page` is, and goes on until the next page or the application. */
export async function signIn(
  browser: Browserless,
  page: Page,
  { email, password = PASSWORD, remember = false }: { email: string; password?: string; remember?: boolean },
): Promise<Page> {
  return browser.submit(page, '/login', { identifier: email, password, ...(remember ? { remember: 'on' } : {}) });
}

/** Answers the consent page. */
export function consent(browser: Browserless, page: Page, decision: 'allow' | 'cancel' = 'allow'): Promise<Page> {
  return browser.submit(page, '/consent', { decision });
}
