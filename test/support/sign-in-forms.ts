import { type Browserless, formsOf, type Page } from './browserless.js';
import { type RelyingParty, titleOf } from './relying-party.js';

/** Sends a browser to sign in to an application. */
export async function begin(browser: Browserless, party: RelyingParty, parameters: Record<string, string> = {}) {
  const { url, checks } = await party.begin(parameters);
  return { page: await browser.open(url.href), checks };
}

export type FilledForm = { action: string; fields: Record<string, string> };

/** The sign-in form of a page, filled in. */
export function loginForm(page: Page, person: { email: string; password: string }): FilledForm {
  const form = formsOf(page).find(({ action }) => action.endsWith('/login'));
  if (!form) throw new Error(`no sign-in form on ${page.url} (${page.status})`);
  return { action: form.action, fields: { ...form.fields, identifier: person.email, password: person.password } };
}

/** One request with a form, as a browser sends it; no redirect is followed. */
export const postOnce = (browser: Browserless, { action, fields }: FilledForm): Promise<Page> =>
  browser.request(action, {
    method: 'POST',
    body: new URLSearchParams(fields).toString(),
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      origin: new URL(action).origin,
      'sec-fetch-site': 'same-origin',
    },
  });

/** A page that says what happened and offers somewhere to go. */
export function isWayOn(page: Page, title: string): boolean {
  return page.status === 400 && titleOf(page).includes(title) && /class="button[^"]*" href="[^"]+"/.test(page.body);
}
