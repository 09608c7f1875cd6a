import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless, formsOf, type Page } from '../support/browserless.js';
import { registerClient } from '../support/client-registration.js';
import { createPerson, signIn } from '../support/people.js';
import { createRelyingParty, locationOf, obtainTokens, type RelyingParty, startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { createWeb } from '../support/web.js';

const EVIL = 'https://evil.example.net/bank';
const metadata = {
  client_name: '<b>Your bank</b>',
  redirect_uris: [EVIL],
  post_logout_redirect_uris: [EVIL],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'none',
};
const DOCUMENT = 'https://client.example.net/client.json';

const web = createWeb();
let server: TestServer;
let stranger: RelyingParty;
beforeAll(async () => {
  server = await startDeclaredServer({ outbound: web.outbound, env: { LIMIT_CLIENT_REGISTRATIONS_PER_HOUR: '100' } });
  const { client_id } = await registerClient(server, metadata);
  stranger = await createRelyingParty(server, { ...metadata, client_id });
  web.put(DOCUMENT, { body: { ...metadata, client_id: DOCUMENT } });
});
afterAll(() => server?.close());

/** Opens a link to the authorization endpoint; null takes a parameter away. */
async function open(parameters: Record<string, string | null>, { party = stranger, browser = new Browserless() } = {}): Promise<Page> {
  const { url } = await party.begin();
  for (const [name, value] of Object.entries(parameters))
    value === null ? url.searchParams.delete(name) : url.searchParams.set(name, value);
  return browser.request(url.href);
}
const linkOf = ({ body }: Page) => new URL((/<a class="button" href="([^"]*)"/.exec(body)?.[1] ?? '').replaceAll('&amp;', '&'));
function expectQuestion(page: Page, host = 'evil.example.net', name = '&lt;b&gt;Your bank&lt;/b&gt;') {
  expect(page.headers.get('location')).toBeNull();
  expect(titleOf(page)).toContain(`Go on to ${host}?`);
  expect(page.body).toContain(name);
  expect(page.body).not.toContain('data-forward');
  expect(page.body).not.toContain('http-equiv="refresh"');
}

describe('a link on our host never leads to a stranger’s site without a question (RFC 9700, section 4.11.2)', () => {
  test.each<[string, Record<string, string | null>]>([
    ['a silent request', { prompt: 'none' }],
    ['a request without a challenge', { code_challenge: null, code_challenge_method: null }],
    ['a plain challenge', { code_challenge_method: 'plain' }],
    ['another response type', { response_type: 'token' }],
    ['a resource that nobody knows', { resource: 'https://nowhere.example.com' }],
    ['claims that are none', { claims: '{' }],
    ['the answer in the fragment', { prompt: 'none', response_mode: 'fragment' }],
    ['a signed answer', { prompt: 'none', response_mode: 'jwt' }],
    ['a request object', { request: 'e30.e30.' }],
  ])('%s', async (_what, parameters) => {
    const page = await open({ ...parameters, state: 'the state' });
    expect(page.status).toBe(400);
    expectQuestion(page);
    const link = linkOf(page);
    expect(link.href.startsWith(EVIL)).toBe(true);
    const said = link.search || link.hash;
    expect(said).toMatch(/response=|error=/);
    if (!said.includes('response=')) expect(said).toMatch(/state=the(\+|%20)state/);
  });

  test('an answer by a form is sent by a person, not by a script', async () => {
    const page = await open({ prompt: 'none', response_mode: 'form_post' });
    expectQuestion(page);
    expect(formsOf(page)).toMatchObject([{ action: EVIL, method: 'POST', fields: { error: 'login_required', iss: server.url } }]);
    expect(page.body).not.toContain('name="csrf"');
  });

  test('a client of a document, and one that opens a program', async () => {
    const byDocument = await createRelyingParty(server, { ...metadata, client_id: DOCUMENT });
    expectQuestion(await open({ prompt: 'none' }, { party: byDocument }), 'evil.example.net', DOCUMENT);
    const own = { ...metadata, redirect_uris: ['evil://open'], post_logout_redirect_uris: [] };
    const { client_id } = await registerClient(server, own);
    const page = await open({ prompt: 'none' }, { party: await createRelyingParty(server, { ...own, client_id }) });
    expectQuestion(page, 'evil:');
    expect(linkOf(page).href).toContain('evil://open?error=login_required');
  });

  test('also for somebody who is signed in, until they have let it in; then it is answered as the protocol has it', async () => {
    const browser = new Browserless();
    const shop = await createRelyingParty(server, 'shop');
    const { email } = await obtainTokens(server, shop, { browser });
    expect(email).toBeTruthy();
    expectQuestion(await open({ prompt: 'none' }, { browser }));
    await obtainTokens(server, stranger, { browser });
    const answer = locationOf(await open({ prompt: 'none' }, { browser }));
    expect(answer.origin + answer.pathname).toBe(EVIL);
    expect(answer.searchParams.get('error')).toBe('consent_required');
  });

  test('after a sign-out, whether or not somebody was signed in', async () => {
    const url = oidc.buildEndSessionUrl(stranger.config, { post_logout_redirect_uri: EVIL, state: 'x' }).href;
    const nobody = new Browserless();
    const left = await nobody.submit(await nobody.open(url), '/logout/confirm');
    expect(left.status).toBe(200);
    expectQuestion(left);
    expect(linkOf(left).href).toBe(`${EVIL}?state=x`);
    const somebody = new Browserless();
    await signIn(somebody, await somebody.open((await stranger.begin()).url.href), await createPerson(server));
    expectQuestion(await somebody.submit(await somebody.open(url), '/logout/confirm', { logout: 'yes' }));
  });
});

describe('nobody is asked', () => {
  test('in a frame, where a silent request of such a client is made', async () => {
    const page = await open({ prompt: 'none' }, { browser: new Browserless({ 'sec-fetch-dest': 'iframe' }) });
    expect(locationOf(page).searchParams.get('error')).toBe('login_required');
  });

  test('about an application that the operator made', async () => {
    const shop = await createRelyingParty(server, 'shop');
    expect(locationOf(await open({ prompt: 'none' }, { party: shop })).searchParams.get('error')).toBe('login_required');
  });

  test('when a person has just said no', async () => {
    const browser = new Browserless();
    const page = await browser.open((await stranger.begin()).url.href);
    const answer = locationOf(await browser.submit(page, '/cancel'));
    expect(answer.searchParams.get('error')).toBe('access_denied');
  });
});
