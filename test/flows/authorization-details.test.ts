import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeKey, type SigningKey } from '../support/assertions.js';
import { Browserless, type Page } from '../support/browserless.js';
import { clients, declare, declaredResources } from '../support/declarations.js';
import { approve, createDevice, DEVICE_CODE_GRANT } from '../support/devices.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { createRelyingParty, locationOf, type Parameters, type RelyingParty, refusalOf, type Tokens } from '../support/relying-party.js';
import { startTestServer, type TestServer } from '../support/server.js';

const BANK = 'https://bank.example.com';
const LEDGER = 'https://ledger.example.com';

const payment = {
  type: 'payment',
  description: 'Pay from your account',
  members: {
    actions: { kind: 'list', label: 'It may', values: { initiate: 'Start the payment', status: 'See its status' } },
    amount: { kind: 'number', label: 'Amount', min: 0.01, max: 10_000 },
    currency: { kind: 'choice', label: 'Currency', values: { EUR: 'Euro', USD: 'Dollar' } },
    creditor: { kind: 'object', label: 'To', members: { name: { kind: 'text', label: 'Name', max_chars: 70 } } },
    urgent: { kind: 'boolean', label: 'How', yes: 'At once', no: 'When it suits', optional: true },
  },
};
const resources = [
  ...declaredResources,
  { identifier: BANK, name: 'Example Bank', scopes: ['accounts'], authorization_details_types: [payment] },
  {
    identifier: LEDGER,
    name: 'Ledger',
    access_token_format: 'opaque',
    authorization_details_types: [{ type: 'entry', description: 'Write one entry', members: { text: { kind: 'text', label: 'Text' } } }],
  },
];
const types = ['payment', 'entry'];
const PAYMENT = { type: 'payment', actions: ['initiate', 'status'], amount: 12.5, currency: 'EUR', creditor: { name: 'Baker & Sons' } };
const ENTRY = { type: 'entry', text: 'A line' };

let server: TestServer;
let key: SigningKey;
let payer: RelyingParty;
let house: RelyingParty;
let remove: () => void;
let person: Awaited<ReturnType<typeof createPerson>>;
let browser: Browserless;
beforeAll(async () => {
  key = await makeKey('ES256');
  const payerClient = {
    ...clients.shop,
    client_id: 'payer',
    scope: 'openid offline_access accounts',
    authorization_details_types: types,
    jwks: { keys: [key.publicJwk] },
  };
  const houseClient = { ...clients.ours, scope: 'openid accounts', authorization_details_types: ['payment'] };
  const television = { ...clients.television, scope: 'openid accounts', authorization_details_types: types };
  const declared = declare({ clients: [payerClient, houseClient, television, clients.shop, clients.worker], resources });
  remove = declared.remove;
  server = await startTestServer({ env: declared.env });
  [payer, house] = await Promise.all([createRelyingParty(server, payerClient), createRelyingParty(server, houseClient)]);
  person = await createPerson(server);
  browser = new Browserless();
  const { page } = await ask({ scope: 'openid accounts', resource: BANK });
  await consent(browser, await signIn(browser, page, person));
});
afterAll(async () => {
  await server?.close();
  remove?.();
});

const details = (...entries: unknown[]) => ({ authorization_details: JSON.stringify(entries) });
/** An authorization request in the browser in which the person is signed in and has allowed the scopes before. */
async function ask(parameters: Parameters, party = payer) {
  const { url, checks } = await party.begin({ scope: 'openid accounts', resource: BANK, ...parameters });
  return { page: await browser.open(url.href), checks, url };
}
const errorOf = (page: Page) => locationOf(page).searchParams.get('error');
async function grant(parameters: Parameters, { party = payer, at = {} as Parameters } = {}): Promise<Tokens> {
  const { page, checks } = await ask(parameters, party);
  return party.finish(locationOf(await consent(browser, page)), checks, at);
}
const grantedIn = (token: string) => decodeJwt(token).authorization_details;
const introspect = (token: string) => oidc.tokenIntrospection(payer.config, token);

describe('what is asked for in detail (RFC 9396)', () => {
  test('is asked in words, escaped, with every member, and stands in the answer, the token and introspection', async () => {
    const detail = { ...PAYMENT, creditor: { name: '<b>Baker</b> & "Sons"' }, urgent: true };
    const { page, checks } = await ask(details(detail));
    expect(page.body).toContain('asks for access');
    for (const words of [
      'Example Bank',
      'Pay from your account',
      'Start the payment',
      'See its status',
      '12.5',
      'Euro',
      'To – Name',
      'At once',
    ])
      expect(page.body).toContain(words);
    expect(page.body).toContain('&lt;b&gt;Baker&lt;/b&gt; &amp; &quot;Sons&quot;');
    expect(page.body).not.toMatch(/<b>Baker|"type"|creditor|&quot;payment/);
    expect(page.body).not.toContain('Your answer is kept');
    const tokens = await payer.finish(locationOf(await consent(browser, page)), checks, { resource: BANK });
    expect(tokens.authorization_details).toEqual([detail]);
    const { access_token: token } = await oidc.refreshTokenGrant(payer.config, String(tokens.refresh_token), { resource: BANK });
    expect(grantedIn(token)).toEqual([detail]);
    expect(await introspect(token)).toMatchObject({ active: true, authorization_details: [detail] });
  });

  test('is asked every time, of the installation’s own applications too, and never by prompt=none', async () => {
    await grant(details(PAYMENT));
    for (const party of [payer, house]) {
      expect((await ask(details(PAYMENT), party)).page.body).toContain('name="decision"');
      expect(errorOf((await ask({ ...details(PAYMENT), prompt: 'none' }, party)).page)).toBe('consent_required');
    }
    // Whoever asks without details afterwards has none, though the sign-in is the same.
    const { page, checks } = await ask({});
    const plain = await payer.finish(locationOf(page), checks, { resource: BANK });
    expect(plain.authorization_details).toBeUndefined();
    expect(grantedIn(plain.access_token)).toBeUndefined();
  });

  test('gives nothing when the person says no', async () => {
    const { page } = await ask(details(PAYMENT));
    expect(errorOf(await consent(browser, page, 'cancel'))).toBe('access_denied');
  });

  test('comes by PAR and in a signed request as well', async () => {
    const { url, checks } = await payer.begin({ scope: 'openid accounts', resource: BANK, ...details(PAYMENT) });
    const parameters = Object.fromEntries(url.searchParams);
    const pushed = await oidc.buildAuthorizationUrlWithPAR(payer.config, parameters);
    const signed = await oidc.buildAuthorizationUrlWithJAR(payer.config, parameters, { key: key.privateKey, kid: key.kid });
    for (const address of [pushed, signed]) {
      const page = await browser.open(address.href);
      expect(page.body).toContain('Pay from your account');
      const tokens = await payer.finish(locationOf(await consent(browser, page)), checks, { resource: BANK });
      expect(tokens.authorization_details).toEqual([PAYMENT]);
    }
  });

  test('is given to the resource server it belongs to, and to no other', async () => {
    const both = { scope: 'openid', resource: BANK, ...details(PAYMENT, ENTRY) };
    const { url, checks } = await payer.begin(both);
    url.searchParams.append('resource', LEDGER);
    const page = await browser.open(url.href);
    const first = await payer.finish(locationOf(await consent(browser, page)), checks, { resource: LEDGER });
    expect(first.authorization_details).toEqual([ENTRY]);
    expect(await introspect(first.access_token)).toMatchObject({ aud: LEDGER, authorization_details: [ENTRY] });
    const second = await oidc.refreshTokenGrant(payer.config, String(first.refresh_token), { resource: BANK });
    expect(grantedIn(second.access_token)).toEqual([PAYMENT]);
  });

  test('of a device is asked in the browser in which it is let in', async () => {
    const device = await createDevice(server);
    const { deviceCode, userCode } = await device.ask({ scope: 'openid accounts', resource: BANK, ...details(PAYMENT) });
    const seen: string[] = [];
    const watching = new Browserless();
    const open = watching.open.bind(watching);
    watching.open = async (...parameters) => {
      const page = await open(...parameters);
      seen.push(page.body);
      return page;
    };
    await approve(server, watching, userCode, person);
    expect(seen.some((body) => body.includes('Pay from your account') && body.includes('name="decision"'))).toBe(true);
    const asked = new URLSearchParams({
      grant_type: DEVICE_CODE_GRANT,
      client_id: clients.television.client_id,
      device_code: deviceCode,
      resource: BANK,
    });
    const tokens = (await (await fetch(`${server.url}/token`, { method: 'POST', body: asked })).json()) as Record<string, unknown>;
    expect(tokens.authorization_details).toEqual([PAYMENT]);
    expect(grantedIn(String(tokens.access_token))).toEqual([PAYMENT]);
  });
});

describe('at the token endpoint', () => {
  const narrower = { ...PAYMENT, actions: ['status'] };
  const refresh = (token: string, ...entries: unknown[]) =>
    oidc.refreshTokenGrant(payer.config, token, { resource: BANK, ...details(...entries) });

  test('less can be asked for, and the next refresh has all of it again', async () => {
    const tokens = await grant(details(PAYMENT, { ...PAYMENT, amount: 1 }), { at: { resource: BANK, ...details(narrower) } });
    expect(tokens.authorization_details).toEqual([narrower]);
    expect(grantedIn(tokens.access_token)).toEqual([narrower]);
    const next = await oidc.refreshTokenGrant(payer.config, String(tokens.refresh_token), { resource: BANK });
    expect(next.authorization_details).toEqual([PAYMENT, { ...PAYMENT, amount: 1 }]);
  });

  test.each([
    ['another amount', { ...PAYMENT, amount: 12.51 }],
    ['a smaller amount, of which nobody knows whether it is less', { ...PAYMENT, amount: 1 }],
    ['one more action', PAYMENT, narrower],
    ['another creditor', { ...PAYMENT, creditor: { name: 'Somebody else' } }],
    ['a member that was not there', { ...PAYMENT, urgent: true }],
    ['one without a member that was there', PAYMENT, { ...PAYMENT, urgent: false }],
    ['a member nobody knows', { ...PAYMENT, extra: 1 }],
    ['another type', { ...ENTRY }],
    ['a type nobody declared', { type: 'unknown' }],
  ])('%s is refused, and the refresh token stays good', async (_title, asked, granted: object = PAYMENT) => {
    const { refresh_token: token } = await grant(details(granted));
    expect(await refusalOf(refresh(String(token), asked))).toEqual({ error: 'invalid_authorization_details', status: 400 });
  });

  test('what was allowed once is not had twice in one token, and what was allowed twice is', async () => {
    const small = { ...PAYMENT, amount: 1 };
    const twice = await grant(details(small, narrower, PAYMENT, PAYMENT));
    const token = String(twice.refresh_token);
    for (const asked of [
      [small, small],
      [PAYMENT, PAYMENT, PAYMENT],
      [narrower, narrower, narrower, narrower],
    ])
      expect(await refusalOf(refresh(token, ...asked)), JSON.stringify(asked)).toMatchObject({ error: 'invalid_authorization_details' });
    // Each can be placed, though not where it would fit first.
    const answer = await refresh(token, narrower, PAYMENT, narrower, small);
    expect(answer.authorization_details).toEqual([narrower, PAYMENT, narrower, small]);
  });

  test('nobody gets details for whom no person was asked', async () => {
    const { page, checks } = await ask({});
    const tokens = await payer.finish(locationOf(page), checks, { resource: BANK });
    expect(await refusalOf(refresh(String(tokens.refresh_token), PAYMENT))).toEqual({
      error: 'invalid_authorization_details',
      status: 400,
    });
    const worker = await createRelyingParty(server, 'worker');
    expect(await refusalOf(oidc.clientCredentialsGrant(worker.config, { resource: BANK, ...details(PAYMENT) }))).toMatchObject({
      error: 'invalid_authorization_details',
    });
  });
});

describe('a request that is not what its type says', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 'x' : { name: nested(depth - 1) });
  test.each<[string, unknown]>([
    ['no list', PAYMENT],
    ['a type nobody declared', [{ type: 'unknown' }]],
    ['no type', [{ ...PAYMENT, type: undefined }]],
    ['the name of a prototype for a type', [{ type: '__proto__' }, { type: 'constructor' }]],
    ['a member that there is not', [{ ...PAYMENT, note: 'x' }]],
    ['a nested member that there is not', [{ ...PAYMENT, creditor: { name: 'x', iban: 'y' } }]],
    ['a member too few', [{ ...PAYMENT, currency: undefined }]],
    ['a choice that there is not', [{ ...PAYMENT, currency: 'toString' }]],
    ['an action that there is not', [{ ...PAYMENT, actions: ['initiate', 'delete'] }]],
    ['an action twice', [{ ...PAYMENT, actions: ['initiate', 'initiate'] }]],
    ['an empty list', [{ ...PAYMENT, actions: [] }]],
    ['a number as a text', [{ ...PAYMENT, amount: '12.5' }]],
    ['a number past its bound', [{ ...PAYMENT, amount: 10_001 }]],
    ['a text of control characters', [{ ...PAYMENT, creditor: { name: 'a\u202eb' } }]],
    ['a text that is too long', [{ ...PAYMENT, creditor: { name: 'x'.repeat(71) } }]],
    ['an object for a text', [{ ...PAYMENT, creditor: { name: { toString: 'x' } } }]],
    ['a huge nesting', [{ ...PAYMENT, creditor: nested(400) }]],
    ['locations of another resource server', [{ ...PAYMENT, locations: [LEDGER] }]],
    ['eleven entries', Array.from({ length: 11 }, () => PAYMENT)],
    ['the type of a resource server that is not asked for', [ENTRY]],
  ])('%s is refused as such', async (_title, value) => {
    const { page } = await ask({ authorization_details: JSON.stringify(value) });
    expect(errorOf(page)).toBe('invalid_authorization_details');
    expect(locationOf(page).href).not.toMatch(/toString|iban|note|delete/);
  });

  test('is refused as well when it is no JSON, beyond all numbers, deep beyond reason, or too long', async () => {
    const texts = [
      '',
      '{',
      `[${JSON.stringify(PAYMENT).replace('12.5', '1e999')}]`,
      '['.repeat(5000),
      JSON.stringify([{ ...PAYMENT, creditor: { name: 'x'.repeat(9000) } }]),
    ];
    for (const text of texts.slice(1))
      expect(errorOf((await ask({ authorization_details: text })).page)).toBe('invalid_authorization_details');
    const pushed = oidc.buildAuthorizationUrlWithPAR(payer.config, {
      ...Object.fromEntries((await payer.begin({ scope: 'openid', resource: BANK })).url.searchParams),
      authorization_details: `${'[{"a":'.repeat(2000)}`,
    });
    expect(await refusalOf(pushed)).toEqual({ error: 'invalid_authorization_details', status: 400 });
  });

  test('is refused for a client that is not registered for the type, and without a resource', async () => {
    const shop = await createRelyingParty(server, 'shop');
    expect(errorOf((await ask(details(PAYMENT), shop)).page)).toBe('invalid_authorization_details');
    const { url } = await payer.begin({ scope: 'openid', ...details(PAYMENT) });
    expect(errorOf(await browser.open(url.href))).toBe('invalid_authorization_details');
    const create = (type: string) =>
      server.services.clients.create(
        { redirect_uris: ['https://a.example.com/cb'], authorization_details_types: [type] },
        { source: 'operator' },
      );
    await expect(create('unknown')).rejects.toMatchObject({ code: 'clients.invalid' });
    await expect(create('payment')).resolves.toBeDefined();
  });

  test('the metadata names the types that there are', () => {
    expect(payer.config.serverMetadata().authorization_details_types_supported).toEqual(types);
  });
});
