import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fieldOf, noticeOf, openAccount, pathOf } from '../support/account-browser.js';
import { API, clients } from '../support/declarations.js';
import { createRelyingParty, obtainTokens, type RelyingParty, refusalOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe('the page of connected applications', () => {
  let server: TestServer;
  let shop: RelyingParty;
  let till: RelyingParty;
  beforeAll(async () => {
    server = await startDeclaredServer();
    shop = await createRelyingParty(server, 'shop');
    till = await createRelyingParty(server, 'till');
  });
  afterAll(() => server.close());

  const connect = async (party: RelyingParty, parameters: Record<string, string> = {}) => {
    const person = await openAccount(server);
    const { tokens } = await obtainTokens(server, party, { browser: person.browser, person, parameters });
    return { ...person, tokens };
  };

  it('lists nobody at first, and never our own pages', async () => {
    const person = await openAccount(server);
    const page = await person.open('/account/applications');
    expect(page.body).toContain('No application has access to your account.');
    expect(page.body).not.toContain('latchkey-account');
    expect((await person.open('/account')).body).toContain('No application has access');
  });

  it('names an application with what it was given, in words', async () => {
    const person = await connect(shop, { scope: 'openid email offline_access orders:read', resource: API });
    const page = await person.open('/account/applications');
    expect(page.body).toContain(clients.shop.client_name);
    expect(page.body).toContain('See your email address');
    expect(page.body).toContain('See your orders');
    expect(page.body.match(/<section class="row">/g)).toHaveLength(1);
    expect((await person.open('/account')).body).toContain('1 application has access');
  });

  it('takes everything back at once: its tokens are dead and consent is asked anew', async () => {
    const person = await connect(shop, { scope: 'openid email offline_access' });
    const page = await person.submit('/account/applications', '/remove');
    expect(pathOf(page)).toBe('/account/applications');
    expect(noticeOf(page)).toBe('The application no longer has access.');
    expect(page.body).toContain('No application has access to your account.');
    expect(await refusalOf(oidc.refreshTokenGrant(shop.config, person.tokens.refresh_token ?? ''))).toMatchObject({
      error: 'invalid_grant',
    });
    await expect(oidc.fetchUserInfo(shop.config, person.tokens.access_token, person.account.id)).rejects.toThrow();
    const { url } = await shop.begin({ scope: 'openid email' });
    expect((await person.browser.open(url.href)).body).toContain('name="decision"');
    const events = await server.services.db.client.auditEvent.findMany({
      where: { type: 'consent.withdrawn', subjectId: person.account.id },
    });
    expect(events).toMatchObject([{ clientId: 'shop', outcome: 'success' }]);
  });

  it('leaves the other applications and other people’s consent to the same one alone', async () => {
    const person = await connect(shop);
    const { tokens } = await obtainTokens(server, till, { browser: person.browser, person });
    const other = await connect(shop);
    const page = await person.open('/account/applications');
    await person.browser.post(`${server.url}/account/applications/remove`, {
      csrf: fieldOf(page, '/remove', 'csrf') ?? '',
      client_id: 'shop',
    });
    expect((await person.open('/account/applications')).body).toContain(clients.till.client_name);
    expect(await oidc.fetchUserInfo(till.config, tokens.access_token, person.account.id)).toMatchObject({ sub: person.account.id });
    expect(await oidc.fetchUserInfo(shop.config, other.tokens.access_token, other.account.id)).toMatchObject({ sub: other.account.id });
  });

  it('still lists what would get access again without asking, after a sign-out has ended its tokens', async () => {
    const person = await connect(shop, { scope: 'openid email' });
    await person.submit('/account', '/account/sign-out');
    const again = await openAccount(server, { person });
    const page = await again.open('/account/applications');
    expect(page.body).toContain(clients.shop.client_name);
    expect(page.body).toContain('See your email address');
    await again.submit('/account/applications', '/remove');
    expect((await server.services.consents.find(person.account.id, 'shop')).size).toBe(0);
  });

  it('lets nobody remove our own pages, an unknown application or nothing at all', async () => {
    const person = await connect(shop);
    const csrf = fieldOf(await person.open('/account/applications'), '/remove', 'csrf') ?? '';
    const remove = (fields: Record<string, string>) =>
      person.browser.post(`${server.url}/account/applications/remove`, { csrf, ...fields });
    for (const client_id of ['latchkey-account', 'nobody', '__proto__', 'x'.repeat(5000), '%00'])
      expect(noticeOf(await remove({ client_id }))).toBeUndefined();
    expect((await remove({})).status).toBe(400);
    expect((await person.open('/account')).status).toBe(200);
    expect(await oidc.fetchUserInfo(shop.config, person.tokens.access_token, person.account.id)).toMatchObject({ sub: person.account.id });
  });
});
