import { openAccount } from './account-browser.js';
import { answer, CIBA_GRANT, createAsker, openQuestion } from './asking.js';
import { Browserless, formsOf, type Page } from './browserless.js';
import { askRegistration, callback } from './client-registration.js';
import { besideServer } from './command-line.js';
import { API, clients } from './declarations.js';
import { approve, createDevice, DEVICE_CODE_GRANT } from './devices.js';
import { createDpopKey } from './dpop.js';
import { listenHttp } from './listening.js';
import { createPerson, PASSWORD } from './people.js';
import { createRelyingParty, locationOf, obtainTokens } from './relying-party.js';
import type { TestServer } from './server.js';

/** Takes note of what must be nowhere, by what it is, and gives it back. @throws where there is none: a way that gave no secret shows nothing */
export type Note = (kind: string, value: unknown) => string;

export const WRONG_PASSWORD = 'a-wrong-password-that-somebody-typed-7Q';
const WRONG_KEY = 'lk_01234567_wrongkeythatsomebodysentabcdefghijklmnopqrst';
const tokenOf = (link: string | undefined) => new URL(link ?? '').searchParams.get('token');
const basic = (id: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}` });

/** Sends every kind of secret through a server in all its ways, right and wrong. */
export function createSecretWalks(server: TestServer, note: Note) {
  const { url } = server;
  const shopAuth = basic('shop', clients.shop.client_secret);
  const form = async (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, { method: 'POST', body: new URLSearchParams(fields), headers, redirect: 'manual' });
    const text = await response.text();
    return (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>;
  };
  const json = async (path: string, body: object, headers: Record<string, string> = {}) =>
    (await (
      await fetch(url + path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } })
    )
      .json()
      .catch(() => ({}))) as Record<string, unknown>;
  const visit = (path: string, headers: Record<string, string> = {}) => fetch(url + path, { headers, redirect: 'manual' });
  const noteCookies = (browser: Browserless, whose: string) => {
    for (const jar of browser.cookies.values())
      for (const [name, { value }] of jar) if (value.length > 15) note(`cookie ${name} of ${whose}`, value);
  };
  const noteForms = (page: Page, whose: string) => {
    for (const { fields } of formsOf(page)) if (fields.csrf) note(`form token of ${whose}`, fields.csrf);
  };

  /** A sign-in on the pages, tokens at everything that takes one, client authentication of each kind. */
  async function protocol(): Promise<void> {
    note('client secret', clients.shop.client_secret);
    const { email } = await createPerson(server);
    const shop = await createRelyingParty(server, 'shop');
    const browser = new Browserless();
    const scope = 'openid profile email offline_access orders:read';
    const { url: address, checks } = await shop.begin({ scope, resource: API, prompt: 'consent' });
    note('code verifier', checks.pkceCodeVerifier);
    note('state', checks.expectedState);
    note('nonce', checks.expectedNonce);
    let page = await browser.open(address.href);
    noteForms(page, 'the sign-in page');
    page = await browser.submit(page, '/login', { identifier: email, password: WRONG_PASSWORD });
    page = await browser.submit(page, '/login', { identifier: email, password: PASSWORD });
    page = await browser.submit(page, '/consent', { decision: 'allow' });
    const code = note('authorization code', locationOf(page).searchParams.get('code'));
    noteCookies(browser, 'a browser');
    const redeem = { grant_type: 'authorization_code', code, redirect_uri: shop.redirectUri };
    await form('/token', { ...redeem, code_verifier: 'x'.repeat(43) }, basic('shop', WRONG_PASSWORD));
    const tokens = await shop.finish(locationOf(page), checks, { resource: API });
    // The code again, the verifier again.
    await form('/token', { ...redeem, code_verifier: checks.pkceCodeVerifier }, shopAuth);
    const opaque = await obtainTokens(server, shop, { parameters: { scope: 'openid email' } });
    const held = [
      note('JWT access token', tokens.access_token),
      note('refresh token', tokens.refresh_token),
      note('ID token', tokens.id_token),
      note('opaque access token', opaque.tokens.access_token),
    ];
    for (const token of held) {
      await form('/introspect', { token }, shopAuth);
      await form('/introspect', { token }, basic('shop', WRONG_PASSWORD));
      await form('/token', { grant_type: 'refresh_token', refresh_token: token }, shopAuth);
      const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
      await form('/token', { grant_type: exchange, subject_token: token, subject_token_type: 'x', actor_token: token }, shopAuth);
      await form('/revoke', { token }, shopAuth);
      for (const path of ['/userinfo', '/auth/me', '/api/users']) await visit(path, { authorization: `Bearer ${token}` });
      await visit(`/logout?id_token_hint=${token}&state=${checks.expectedState}`);
      await visit(`/no/such/page?access_token=${token}`);
    }
    const assertion = note(
      'client assertion',
      `eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"iss":"shop"}').toString('base64url')}.c2lnbmVkLWJ5LW5vYm9keQ`,
    );
    const proof = note('DPoP proof', await (await createDpopKey()).prove(`${url}/token`));
    await form('/token', { grant_type: 'client_credentials' }, { ...shopAuth, dpop: proof });
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    await form('/token', { grant_type: 'client_credentials', client_id: 'shop', client_assertion: assertion, client_assertion_type });
    await visit(`/authorize?client_id=shop&request=${assertion}&id_token_hint=${tokens.id_token}`);

    // PAR: what is pushed, and where it waits.
    await form('/par', { client_id: 'shop', request: assertion, code_challenge: 'x' }, shopAuth);
    const { url: plain } = await shop.begin({ state: note('pushed state', 'a-state-that-was-pushed-0123456789') });
    const pushed = await form('/par', Object.fromEntries(plain.searchParams), shopAuth);
    const requestUri = note('request_uri', pushed.request_uri);
    await form('/par', { ...Object.fromEntries(plain.searchParams), client_secret: WRONG_PASSWORD });
    await new Browserless().open(`${url}/authorize?client_id=shop&request_uri=${encodeURIComponent(requestUri)}`);
    await visit(`/authorize?client_id=till&request_uri=${encodeURIComponent(requestUri)}`);
  }

  /** Applications that register themselves, and an operator who makes clients and tokens for them. */
  async function registration(): Promise<void> {
    const latchkey = besideServer(server.config);
    const initial = note('initial access token', (await latchkey.json(['initial-access-token', 'create'])).token);
    const body = { redirect_uris: [callback], client_name: 'Somebody' };
    const { body: made } = await askRegistration(`${url}/connect/register`, { body, token: initial });
    const token = note('registration access token', made.registration_access_token);
    const secret = note('secret of a registered client', made.client_secret);
    const place = String(made.registration_client_uri);
    await askRegistration(`${url}/connect/register`, { body, token: note('wrong initial access token', `${'w'.repeat(30)}4711`) });
    await askRegistration(place, { method: 'GET', token: note('wrong management token', `${'w'.repeat(30)}4712`) });
    await askRegistration(place, { method: 'PUT', token, body: { ...body, client_id: made.client_id, client_secret: secret } });
    const { body: read } = await askRegistration(place, { method: 'GET', token });
    const next = String(read.registration_access_token ?? token);
    note('management token, later', next);
    await form('/token', { grant_type: 'client_credentials' }, basic(String(made.client_id), secret));
    await askRegistration(place, { method: 'DELETE', token: next });

    const rotated = await latchkey.json(['client', 'create', '--client-name', 'Service', '--profile', 'service']);
    note('secret of an operator’s client', rotated.client_secret);
    const { client_secret } = await latchkey.json(['client', 'rotate-secret', rotated.client_id]);
    note('rotated secret', client_secret);
    await form('/token', { grant_type: 'client_credentials' }, basic(rotated.client_id, client_secret));
    await form('/token', { grant_type: 'client_credentials', client_id: rotated.client_id, client_secret });
  }

  /** Devices, and questions that an application asks a person. */
  async function elsewhere(): Promise<void> {
    const person = await createPerson(server);
    const device = await createDevice(server);
    const { deviceCode, userCode } = await device.ask({ scope: 'openid profile offline_access' });
    note('device code', deviceCode);
    note('user code', userCode);
    await device.tryOnce(deviceCode);
    await visit(`/device?user_code=${userCode}`);
    await new Browserless().open(`${url}/device?user_code=${userCode}`);
    const browser = new Browserless();
    await approve(server, browser, userCode, person);
    noteCookies(browser, 'a device’s owner');
    const tokens = (await device.tryOnce(deviceCode)).body;
    note('access token of a device', tokens.access_token);
    note('refresh token of a device', tokens.refresh_token);
    await form('/token', { grant_type: DEVICE_CODE_GRANT, device_code: deviceCode, client_id: 'television' });

    const bank = await createAsker(server);
    note('secret of who asks', bank.secret);
    const notification = note('notification token', 'a-token-to-be-pinged-with-0123456789');
    const { auth_req_id: id } = await bank.ask({ login_hint: person.email, client_notification_token: notification });
    note('auth_req_id', id);
    const hint = note('login hint token', `eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"sub":"ann"}').toString('base64url')}.YnktYS1iYW5r`);
    await form('/backchannel', { scope: 'openid', login_hint_token: hint }, basic(bank.clientId, bank.secret));
    await bank.poll(id);
    const question = await openQuestion(server, person);
    note('token of a question', tokenOf(question.link));
    noteForms(question.page, 'a question');
    await answer(question.browser, question.page);
    const collected = await bank.collect(id);
    note('access token of an answer', collected.access_token);
    await form('/token', { grant_type: CIBA_GRANT, auth_req_id: id }, basic(bank.clientId, bank.secret));
    await form('/token', { grant_type: CIBA_GRANT, auth_req_id: id }, basic('shop', WRONG_PASSWORD));
  }

  /** The pages of a person's account: each form, right and wrong; mails and their links. */
  async function account(): Promise<void> {
    note('password', PASSWORD);
    note('wrong password', WRONG_PASSWORD);
    const person = await openAccount(server, { remember: true });
    const chosen = note('password that was changed to', 'a-password-that-was-changed-to-3F');
    const password = (current: string, next: string) =>
      person.submit('/account/password', '/account/password', { current_password: current, new_password: next });
    await password(WRONG_PASSWORD, chosen);
    await password(PASSWORD, note('password that is too short', 'tiny-4Z'));
    await password(PASSWORD, chosen);
    noteForms(await person.open('/account/email'), 'the account');
    for (const current of [WRONG_PASSWORD, chosen])
      await person.submit('/account/email', '/account/email', { new_email: `moved-${person.email}`, current_password: current });
    const [change] = await server.linksTo(`moved-${person.email}`);
    note('token of a change of address', tokenOf(change));
    await visit(`${new URL(change ?? '').pathname}?token=${tokenOf(change)}x`);
    await person.browser.submit(await person.browser.open(change ?? ''), '/email/confirm', {});
    const made = await person.submit('/account/api-keys', '/account/api-keys', {
      ...{ name: 'Backup', 'may:profile:read': 'on', expires: '90' },
    });
    const key = note('API key of the page', /lk_[0-9a-f]{8}_[\w-]{43}/.exec(made.body)?.[0]);
    for (const path of ['/auth/me', '/api/users', '/v2/auth/me']) await visit(path, { 'x-api-key': key });
    noteCookies(person.browser, 'a person');

    const stranger = new Browserless();
    await stranger.submit(await stranger.open(`${url}/forgot`), '/forgot', { email: `moved-${person.email}` });
    const [reset] = await server.linksTo(`moved-${person.email}`);
    note('token of a reset', tokenOf(reset));
    const again = note('password after a reset', 'a-password-after-a-reset-5K');
    await stranger.submit(await stranger.open(reset ?? ''), '/reset', { password: again });
    await stranger.open(reset ?? '');
    const newcomer = note('password of a newcomer', 'a-password-of-a-newcomer-6L');
    await stranger.submit(await stranger.open(`${url}/register`), '/register', { email: 'newcomer@example.com', password: newcomer });
    const [verify] = await server.linksTo('newcomer@example.com');
    note('token of a verification', tokenOf(verify));
    await stranger.submit(await stranger.open(verify ?? ''), '/register/verify', { password: newcomer });
    noteCookies(stranger, 'a stranger');
  }

  /** Our own API, in both spellings, and who is told of events. */
  async function api(): Promise<void> {
    const heard: string[] = [];
    const receiver = await listenHttp(async (request, response) => {
      heard.push(String(request.headers['webhook-signature']));
      response.writeHead(204).end();
    });
    const hook = await besideServer(server.config).json(['webhook', 'create', '--url', `${receiver.url}/x`, '--event', 'login.*']);
    note('webhook secret', hook.secret);
    const password = note('registered password', 'a-password-for-the-api-8H2k');
    const email = 'eve@example.com';
    await json('/auth/register', { email, password });
    const token = note('token of a mail', tokenOf((await server.linksTo(email))[0]));
    await json('/auth/email/verify', { token: `${token}x` });
    await json('/auth/email/verify', { token });
    const session = await json('/auth/login', { email, password });
    note('API access token', session.access_token);
    note('API refresh token', session.refresh_token);
    const other = (await json('/v2/auth/login', { email, password })).data as Record<string, unknown>;
    note('v2 token', other.token);
    note('v2 refresh token', other.refreshToken);
    await json('/auth/login', { email, password: WRONG_PASSWORD });
    await json('/auth/login', { email: { password: WRONG_PASSWORD }, password: [WRONG_PASSWORD] });
    const bearer = { authorization: `Bearer ${session.access_token}` };
    const { key } = await json('/auth/api-keys', { name: 'export', permissions: ['profile:read'] }, bearer);
    await visit('/auth/me', { 'x-api-key': note('API key', key) });
    await visit('/auth/me', { 'x-api-key': note('wrong API key', WRONG_KEY) });
    await json('/auth/password/change', { current_password: WRONG_PASSWORD, new_password: password }, bearer);
    await json('/auth/password-reset/request', { email });
    const reset = note('token of a reset by the API', tokenOf((await server.linksTo(email))[0]));
    await json('/auth/password-reset/confirm', { token: reset, new_password: note('password of a reset', 'a-password-of-a-reset-9M') });
    for (const refresh_token of [session.refresh_token, session.refresh_token]) await json('/auth/refresh', { refresh_token });
    await json('/v2/auth/refresh', { refreshToken: other.refreshToken });
    await json('/auth/logout', { refresh_token: session.refresh_token }, bearer);
    await server.services.auditTrail.chain();
    await server.services.outbox.run();
    await server.services.outbox.idle();
    note('webhook signature', heard[0]);
    await receiver.close();
  }

  return { protocol, registration, elsewhere, account, api };
}
