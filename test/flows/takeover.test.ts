import { refreshTokenGrant } from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccount } from '../support/account-browser.js';
import { Browserless } from '../support/browserless.js';
import { PASSWORD, signIn } from '../support/people.js';
import { createRelyingParty, obtainTokens, type RelyingParty, refusalOf, startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const SQUATTER_PASSWORD = `${PASSWORD} of somebody else`;

describe('an address that somebody else registered first', () => {
  let server: TestServer;
  let shop: RelyingParty;
  beforeAll(async () => {
    server = await startDeclaredServer({ env: { REQUIRE_VERIFIED_EMAIL: 'never' } });
    shop = await createRelyingParty(server, 'shop');
  });
  afterAll(() => server?.close());

  it('comes to its owner without the sessions, tokens, consents and keys that were made before', async () => {
    const email = 'owner@example.com';
    const { identity } = server.services;
    const account = await identity.registration.createAccount({ email, password: SQUATTER_PASSWORD });
    const person = { account, email, password: SQUATTER_PASSWORD };
    const squatter = await openAccount(server, { person });
    const { tokens } = await obtainTokens(server, shop, { browser: squatter.browser, person });
    expect((await server.services.consents.list(account.id)).map(({ clientId }) => clientId)).toEqual(['shop']);
    const { key } = await identity.apiKeys.create({ accountId: account.id, name: 'Back door', permissions: ['profile:update'] });

    const owner = new Browserless();
    await owner.submit(await owner.open(`${server.url}/register`), '/register', { email, password: PASSWORD });
    const [link = ''] = await server.linksTo(email);
    expect(titleOf(await owner.submit(await owner.open(link), '/register/verify', {}))).toContain('Your address is confirmed');

    expect((await squatter.browser.request(`${server.url}/account`)).status).toBe(303);
    expect(await identity.apiKeys.authenticate(key)).toBeNull();
    expect(await server.services.consents.list(account.id)).toEqual([]);
    expect(await refusalOf(refreshTokenGrant(shop.config, String(tokens.refresh_token)))).toMatchObject({ error: 'invalid_grant' });
    // The owner is asked what the shop may do; nobody has answered for them.
    const browser = new Browserless();
    const login = await browser.open((await shop.begin()).url.href);
    expect(titleOf(await signIn(browser, login, { email }))).toContain('asks for access');
    expect((await identity.accounts.find(account.id))?.id).toBe(account.id);
  });
});
