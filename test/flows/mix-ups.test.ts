import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless, type Page } from '../support/browserless.js';
import { clients } from '../support/declarations.js';
import { approve, createDevice, DEVICE_CODE_GRANT } from '../support/devices.js';
import { consent, createPerson, signIn } from '../support/people.js';
import {
  createRelyingParty,
  locationOf,
  obtainTokens,
  type Parameters,
  type RelyingParty,
  refusalOf,
  startDeclaredServer,
} from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
let shop: RelyingParty;
let till: RelyingParty;
beforeAll(async () => {
  server = await startDeclaredServer();
  [shop, till] = await Promise.all([createRelyingParty(server, 'shop'), createRelyingParty(server, 'till')]);
});
afterAll(() => server?.close());

const invalidGrant = { error: 'invalid_grant', status: 400 };
/** Where the browser is sent back to with a code. */
async function codeFor(party: RelyingParty) {
  const { url, checks } = await party.begin();
  const browser = new Browserless();
  const page = await signIn(browser, await browser.open(url.href), await createPerson(server));
  return { back: locationOf(page.body.includes('name="decision"') ? await consent(browser, page) : page), checks };
}
const errorIn = (page: Page) => (page.headers.get('location') ? locationOf(page).searchParams.get('error') : `page ${page.status}`);

describe('what one client was given is of no use to another', () => {
  test('a code, whatever of it the other knows, and the first can still redeem it', async () => {
    const { back, checks } = await codeFor(shop);
    // The address is right, the verifier is right; only the client is another.
    const redirected: RelyingParty = { ...till, redirectUri: shop.redirectUri };
    expect(await refusalOf(redirected.finish(back, checks))).toEqual(invalidGrant);
    const stolen = new URL(back);
    stolen.host = new URL(till.redirectUri).host;
    expect(await refusalOf(till.finish(stolen, checks))).toEqual(invalidGrant);
    expect((await shop.finish(back, checks)).access_token).toEqual(expect.any(String));
  });

  test('a code that is slipped into another sign-in of the same client: its verifier is another', async () => {
    const [theirs, ours] = [await codeFor(shop), await codeFor(shop)];
    const injected = new URL(ours.back);
    injected.searchParams.set('code', String(theirs.back.searchParams.get('code')));
    expect(await refusalOf(shop.finish(injected, ours.checks))).toEqual(invalidGrant);
  });

  test('a refresh token of a public client', async () => {
    const [spa, native] = await Promise.all([createRelyingParty(server, 'spa'), createRelyingParty(server, 'native')]);
    const { tokens } = await obtainTokens(server, spa);
    expect(await refusalOf(oidc.refreshTokenGrant(native.config, String(tokens.refresh_token)))).toEqual(invalidGrant);
    expect((await oidc.refreshTokenGrant(spa.config, String(tokens.refresh_token))).access_token).toEqual(expect.any(String));
  });

  test('a device code, to another device with the same grant', async () => {
    const other = { ...clients.television, client_id: 'radio' };
    await server.services.clients.create(other, { source: 'operator' });
    const device = await createDevice(server);
    const { deviceCode, userCode } = await device.ask();
    await approve(server, new Browserless(), userCode, await createPerson(server));
    const body = new URLSearchParams({ grant_type: DEVICE_CODE_GRANT, device_code: deviceCode, client_id: 'radio' });
    const stolen = await fetch(`${server.url}/token`, { method: 'POST', body });
    expect([stolen.status, ((await stolen.json()) as { error: string }).error]).toEqual([400, 'invalid_grant']);
    expect((await device.poll(deviceCode)).access_token).toEqual(expect.any(String));
  });

  test('a pushed request: named by another client it is refused, and stays the first one’s', async () => {
    const { url } = await shop.begin();
    const pushed = await oidc.buildAuthorizationUrlWithPAR(shop.config, url.searchParams);
    const stolen = new URL(pushed);
    for (const id of ['till', 'spa', 'nobody']) {
      stolen.searchParams.set('client_id', id);
      const page = await new Browserless().open(stolen.href);
      expect(['page 400', 'invalid_request', 'invalid_request_uri']).toContain(errorIn(page));
      expect(page.body).not.toContain('name="password"');
      if (page.headers.get('location')) expect(locationOf(page).host).not.toBe(new URL(shop.redirectUri).host);
    }
    expect((await new Browserless().open(pushed.href)).body).toContain('name="password"');
  });
});

describe('which server answered (RFC 9207)', () => {
  test('stands in every answer, good or bad, in each way in which it comes', async () => {
    const { back } = await codeFor(shop);
    expect(back.searchParams.get('iss')).toBe(server.url);
    const refused: Parameters[] = [
      { prompt: 'none' },
      { scope: 'openid orders:delete roles' },
      { response_type: 'token' },
      { acr_values: 'x', resource: 'https://api.example.com', scope: 'openid orders:read' },
    ];
    for (const parameters of refused) {
      const { url } = await shop.begin(parameters);
      const location = locationOf(await new Browserless().open(url.href));
      const answer = location.searchParams.has('error') ? location.searchParams : new URLSearchParams(location.hash.slice(1));
      expect([JSON.stringify(parameters), answer.get('error') !== null, answer.get('iss')]).toEqual([
        JSON.stringify(parameters),
        true,
        server.url,
      ]);
    }
    const { url } = await shop.begin({ prompt: 'none', response_mode: 'form_post' });
    expect((await new Browserless().open(url.href)).body).toContain(`name="iss" value="${server.url}"`);
  });

  test('is compared by a client, which sends its code to nobody when it is another or missing', async () => {
    const { back, checks } = await codeFor(shop);
    for (const issuer of ['https://evil.example.com', `${server.url}/`, undefined]) {
      const mixed = new URL(back);
      if (issuer === undefined) mixed.searchParams.delete('iss');
      else mixed.searchParams.set('iss', issuer);
      await expect(shop.finish(mixed, checks)).rejects.toMatchObject({ code: expect.stringMatching(/^OAUTH_/) });
    }
    expect((await shop.finish(back, checks)).access_token).toEqual(expect.any(String));
  });
});

describe('an ID token as a hint', () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = (header: object, payload: string, make: (input: string) => Buffer | string) => {
    const input = `${encode(header)}.${payload}`;
    return `${input}.${Buffer.from(make(input)).toString('base64url')}`;
  };

  test('is good only as we signed it: not unsigned, not by another key, not by our public key as if it were a secret, not for another client', async () => {
    const { tokens, browser } = await obtainTokens(server, shop);
    const good = String(tokens.id_token);
    const [header = '', payload = ''] = good.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    const { keys } = (await (await fetch(`${server.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
    const published = keys.find((key) => key.kid === kid);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { privateKey: ecKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const bySecret = (secret: string) =>
      signed({ alg: 'HS256', kid, typ: 'JWT' }, payload, (input) => createHmac('sha256', secret).update(input).digest());
    const byKey = (alg: string, key: KeyObject) =>
      signed({ alg, kid }, payload, (input) => sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }));
    const other = await obtainTokens(server, till);
    const forged: Record<string, string> = {
      unsigned: `${encode({ alg: 'none' })}.${payload}.`,
      'unsigned, in capitals': `${encode({ alg: 'NONE' })}.${payload}.`,
      'without a signature': `${header}.${payload}.`,
      'by a key of its own': byKey('RS256', privateKey),
      'by a key of its own, of our other algorithm': byKey('ES256', ecKey),
      'by the public key as a secret': bySecret(JSON.stringify(published)),
      'by the client secret': bySecret(clients.shop.client_secret),
      'of another client': String(other.tokens.id_token),
      'an access token': tokens.access_token,
    };
    for (const [what, hint] of Object.entries(forged)) {
      const { url } = await shop.begin({ prompt: 'none', id_token_hint: hint });
      expect([what, errorIn(await browser.open(url.href))]).toEqual([what, expect.stringMatching(/^(invalid_request|login_required)$/)]);
      const logout = `${server.url}/logout?${new URLSearchParams({ id_token_hint: hint, client_id: 'shop', post_logout_redirect_uri: 'https://shop.example.com/signed-out' })}`;
      expect([what, (await browser.open(logout)).status]).toEqual([what, 400]);
    }
    const { url, checks } = await shop.begin({ prompt: 'none', id_token_hint: good });
    expect((await shop.finish(locationOf(await browser.open(url.href)), checks)).access_token).toEqual(expect.any(String));
  });
});
