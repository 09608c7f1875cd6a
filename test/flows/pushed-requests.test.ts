import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Browserless, type Page } from '../support/browserless.js';
import { databases } from '../support/database.js';
import { clients } from '../support/declarations.js';
import { consent, createPerson, signIn } from '../support/people.js';
import {
  createRelyingParty,
  locationOf,
  obtainTokens,
  type RelyingParty,
  refusalOf,
  startDeclaredServer,
} from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { times } from '../support/storage.js';

const pushOnly = {
  ...clients.shop,
  client_id: 'push-only',
  client_secret: 'a-secret-of-push-only-long-enough-to-be-one',
  require_pushed_authorization_requests: true,
};
const basic = ({ client_id, client_secret }: { client_id: string; client_secret: string }) =>
  `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;

// RFC 9126.
describe.each(databases)('a pushed authorization request on %s', (provider) => {
  let server: TestServer;
  let shop: RelyingParty;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    await server.services.clients.create(pushOnly, { source: 'operator' });
    shop = await createRelyingParty(server, 'shop');
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => server?.close());

  /** Pushes what `begin` would put into the address. */
  async function push(party = shop, parameters: Record<string, string> = {}) {
    const { url: plain, checks } = await party.begin(parameters);
    const request = Object.fromEntries([...plain.searchParams].filter(([name]) => name !== 'client_id'));
    return { url: await oidc.buildAuthorizationUrlWithPAR(party.config, request), checks };
  }
  /** What /par answers to a form, by a program that checks nothing. */
  async function pushForm(fields: Record<string, string>, headers: Record<string, string> = {}) {
    const response = await fetch(`${server.url}/par`, { method: 'POST', body: new URLSearchParams(fields), headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const form = async (parameters: Record<string, string> = {}) =>
    Object.fromEntries((await shop.begin(parameters)).url.searchParams) as Record<string, string>;
  const codesIn = (pages: Page[]) =>
    pages.flatMap((page) => {
      const location = page.headers.get('location');
      return (location && new URL(location, page.url).searchParams.get('code')) || [];
    });
  const errorIn = (page: Page) => {
    const location = page.headers.get('location');
    return location ? new URL(location, page.url).searchParams.get('error') : `page ${page.status}`;
  };

  it('signs a person in, and nothing of it stands in the address but its reference and the client', async () => {
    const { url, checks } = await push();
    expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    const browser = new Browserless();
    const page = await consent(browser, await signIn(browser, await browser.open(url.href), await createPerson(server)));
    const tokens = await shop.finish(locationOf(page), checks);
    expect(tokens.claims()).toMatchObject({ aud: 'shop', nonce: checks.expectedNonce });
  });

  it('is answered as RFC 9126 says: 201, a reference that lives for 60 seconds, not to be cached', async () => {
    const response = await fetch(`${server.url}/par`, {
      method: 'POST',
      body: new URLSearchParams(await form()),
      headers: { authorization: basic(clients.shop) },
    });
    expect(response.status).toBe(201);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      expires_in: 60,
      request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:[\w-]{40,}$/),
    });
  });

  it('is good for one sign-in, also when the reference is opened many times at the same moment (section 7.3)', async () => {
    const { browser } = await obtainTokens(server, shop);
    const { url } = await push();
    const pages = await Promise.all(times(12, () => browser.open(url.href)));
    expect(codesIn(pages)).toHaveLength(1);
    const refused = pages.filter((page) => codesIn([page]).length === 0);
    for (const page of refused) expect(['page 400', 'invalid_request_uri']).toContain(errorIn(page));
    expect(errorIn(await browser.open(url.href))).toBe('page 400');
  });

  it('is good for one sign-in, also when two browsers have begun one with it', async () => {
    const { url, checks } = await push();
    const begun = await Promise.all(
      times(2, async () => {
        const browser = new Browserless();
        return { browser, page: await signIn(browser, await browser.open(url.href), await createPerson(server)) };
      }),
    );
    const pages = await Promise.all(begun.map(({ browser, page }) => consent(browser, page)));
    expect(codesIn(pages)).toHaveLength(1);
    const winner = pages.find((page) => codesIn([page]).length === 1);
    expect((await shop.finish(locationOf(winner as Page), checks)).access_token).toBeTruthy();
    expect(errorIn(pages.find((page) => page !== winner) as Page)).toMatch(/^(page 400|invalid_request_uri)$/);
  });

  it('may be finished long after its 60 seconds, once it was begun in time', async () => {
    const { url, checks } = await push();
    const browser = new Browserless();
    const page = await browser.open(url.href);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20 * 60_000 });
    const person = await createPerson(server);
    const tokens = await shop.finish(locationOf(await consent(browser, await signIn(browser, page, person))), checks);
    expect(tokens.claims()?.sub).toBe(person.account.id);
  });

  it('is refused after 60 seconds', async () => {
    const { url } = await push();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
    expect(errorIn(await new Browserless().open(url.href))).toBe('page 400');
  });

  it('is good for the client that pushed it only', async () => {
    const { url } = await push();
    url.searchParams.set('client_id', 'till');
    const page = await new Browserless().open(url.href);
    expect(page).toMatchObject({ status: 400 });
    expect(codesIn([page])).toEqual([]);
  });

  it('counts alone: parameters beside the reference change nothing', async () => {
    const { url, checks } = await push();
    for (const [name, value] of Object.entries({
      redirect_uri: 'https://shop.example.com/callback?evil',
      scope: 'openid orders:write',
      state: 'forged',
      nonce: 'forged',
      prompt: 'none',
      code_challenge: 'f'.repeat(43),
    }))
      url.searchParams.set(name, value);
    const browser = new Browserless();
    const page = await consent(browser, await signIn(browser, await browser.open(url.href), await createPerson(server)));
    const tokens = await shop.finish(locationOf(page), checks);
    expect(tokens.claims()?.nonce).toBe(checks.expectedNonce);
    expect(tokens.scope?.split(' ')).not.toContain('orders:write');
  });

  it('is refused from whoever does not authenticate', async () => {
    const fields = await form();
    expect(await pushForm(fields)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const wrong = { authorization: basic({ ...clients.shop, client_secret: 'wrong' }) };
    expect(await pushForm(fields, wrong)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const others = { authorization: basic(pushOnly) };
    expect((await pushForm(fields, others)).status).toBeGreaterThanOrEqual(400);
  });

  it('is checked when it is pushed: a faulty request, or one that carries a reference itself, gets none', async () => {
    const authorization = { authorization: basic(clients.shop) };
    const bad: Record<string, string>[] = [
      { redirect_uri: 'https://attacker.example.com/callback' },
      { response_type: 'token' },
      { code_challenge_method: 'plain' },
      { code_challenge: '' },
      { request_uri: 'urn:ietf:params:oauth:request_uri:abc' },
      { request: 'e30.e30.' },
      { prompt: 'everything' },
    ];
    for (const fields of bad) {
      const { status, body } = await pushForm({ ...(await form()), ...fields }, authorization);
      expect({ fields, status, reference: body.request_uri }).toEqual({ fields, status: 400, reference: undefined });
    }
  });

  it.each([
    'urn:ietf:params:oauth:request_uri:',
    'urn:ietf:params:oauth:request_uri:unknown',
    'urn:ietf:params:oauth:request_uri:\0',
    `urn:ietf:params:oauth:request_uri:${'x'.repeat(5000)}`,
    'https://shop.example.com/request.jwt',
    'http://127.0.0.1:1/request.jwt',
  ])('that was never made (%#) is refused, and no address is fetched', async (reference) => {
    const url = new URL(`${server.url}/authorize`);
    url.search = new URLSearchParams({ client_id: 'shop', request_uri: reference }).toString();
    expect(errorIn(await new Browserless().open(url.href))).toBe('page 400');
  });

  it('is the only way for a client that requires it', async () => {
    const party = await createRelyingParty(server, pushOnly);
    const { url } = await party.begin();
    const refused = locationOf(await new Browserless().open(url.href));
    expect(refused.searchParams.get('error')).toBe('invalid_request');
    const { url: pushed, checks } = await push(party);
    const browser = new Browserless();
    const page = await consent(browser, await signIn(browser, await browser.open(pushed.href), await createPerson(server)));
    expect((await party.finish(locationOf(page), checks)).access_token).toBeTruthy();
  });

  it('is open to public clients too, who are told what is wrong as any other', async () => {
    const spa = await createRelyingParty(server, 'spa');
    const { url, checks } = await push(spa);
    const browser = new Browserless();
    const page = await consent(browser, await signIn(browser, await browser.open(url.href), await createPerson(server)));
    expect((await spa.finish(locationOf(page), checks)).claims()?.aud).toBe('spa');
    expect(await refusalOf(push(spa, { redirect_uri: 'https://attacker.example.com/' }))).toMatchObject({ status: 400 });
  });
});
