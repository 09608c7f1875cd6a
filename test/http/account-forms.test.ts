import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AccountBrowser, fieldOf, NEW_PASSWORD, openAccount } from '../support/account-browser.js';
import { PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

const FORMS = [
  ['/account/profile', { full_name: 'Mallory' }],
  ['/account/password', { current_password: PASSWORD, new_password: NEW_PASSWORD }],
  ['/account/email', { new_email: 'mallory@example.com', current_password: PASSWORD }],
  ['/account/email/cancel', {}],
  ['/account/api-keys', { name: 'Back door', 'may:profile:read': 'on', expires: 'never' }],
  ['/account/api-keys/revoke', { key: 'x' }],
  ['/account/sessions/end', {}],
  ['/account/sessions/end-others', {}],
  ['/account/applications/remove', { client_id: 'shop' }],
  ['/account/sign-out', {}],
] as const;

describe('every form of the account pages', () => {
  let server: TestServer;
  let person: AccountBrowser;
  let csrf: string;
  let session: string;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    person = await openAccount(server);
    csrf = fieldOf(await person.open('/account'), '/account/sign-out', 'csrf') ?? '';
    session = await person.sessionUid();
  });

  const send = (path: string, body: string, headers: Record<string, string> = {}) =>
    person.browser.request(`${server.url}${path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin', ...headers },
    });
  const encode = (fields: Record<string, string>) => new URLSearchParams({ session, ...fields }).toString();
  const expectUntouched = async () => {
    const account = await server.services.identity.accounts.find(person.account.id);
    expect(account).toMatchObject({ fullName: null, passwordSetAt: person.account.passwordSetAt });
    expect((await person.browser.request(`${server.url}/account`)).status).toBe(200);
    expect(await server.services.identity.apiKeys.list(person.account.id)).toEqual([]);
    expect(await server.services.identity.emailChange.findPending(person.account.id)).toBeNull();
  };

  it.each(FORMS)('%s refuses who does not carry the page’s own token', async (path, fields) => {
    for (const token of [undefined, '', 'x', csrf.slice(0, -1), `${csrf}x`]) {
      const page = await send(path, encode({ ...fields, ...(token === undefined ? {} : { csrf: token }) }));
      expect(page.status).toBe(403);
    }
    await expectUntouched();
  });

  it.each(FORMS)('%s refuses another site, even with the right token', async (path, fields) => {
    const body = encode({ ...fields, csrf });
    expect((await send(path, body, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await send(path, body, { 'sec-fetch-site': 'same-site' })).status).toBe(403);
    expect((await send(path, body, { 'sec-fetch-site': '', origin: 'https://evil.example' })).status).toBe(403);
    expect((await send(path, body, { 'sec-fetch-site': '', origin: 'null' })).status).toBe(403);
    await expectUntouched();
  });

  it.each(FORMS)('%s answers malformed bodies with 4xx and changes nothing', async (path, fields) => {
    const body = encode({ ...fields, csrf });
    expect((await send(path, `${body}&csrf=${csrf}`)).status).toBe(400);
    expect((await send(path, `${body}&pad=${'x'.repeat(70_000)}`)).status).toBe(413);
    expect((await send(path, JSON.stringify({ ...fields, csrf }), { 'content-type': 'application/json' })).status).toBe(415);
    expect((await send(path, body, { 'content-type': 'multipart/form-data; boundary=x' })).status).toBe(415);
    expect((await send(path, `${body}${'&a=1'.repeat(200)}`)).status).toBe(400);
    await expectUntouched();
  });

  it.each(FORMS)('%s changes nothing by a GET, PUT or DELETE', async (path) => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const page = await person.browser.request(`${server.url}${path}?csrf=${csrf}&full_name=Mallory`, { method });
      expect(page.status).toBeLessThan(500);
    }
    await expectUntouched();
  });

  it('is no door for a page that frames it', async () => {
    const { headers } = await person.open('/account/password');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('x-frame-options')).toBe('DENY');
  });
});
