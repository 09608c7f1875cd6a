import { exportJWK, generateKeyPair } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { databases } from '../support/database.js';
import { API } from '../support/declarations.js';
import { createPerson, signIn } from '../support/people.js';
import { createRelyingParty, locationOf, obtainTokens, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer, TestServerOptions } from '../support/server.js';
import { createWeb, type WebPage } from '../support/web.js';

const redirectUri = 'https://client.example.net/callback';
let made = 0;
const address = () => `https://client.example.net/clients/${++made}.json`;

/** A server, the web it sees, and applications that publish there. */
function useDocuments(provider?: TestServerOptions['provider']) {
  let server: TestServer;
  const web = createWeb();
  beforeAll(async () => {
    server = await startDeclaredServer({ ...(provider ? { provider } : {}), outbound: web.outbound });
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => server?.close());

  const documentOf = (id: string, more: object = {}) => ({
    client_id: id,
    client_name: 'Editor of somebody',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
    ...more,
  });
  const publish = (more: object = {}, page: Partial<WebPage> = {}) => {
    const id = address();
    web.put(id, { body: documentOf(id, more), ...page });
    return id;
  };
  const partyOf = (id: string, authentication?: oidc.ClientAuth): Promise<RelyingParty> =>
    createRelyingParty(server, { client_id: id, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }, authentication);
  const ask = async (id: string, parameters: Record<string, string> = {}) => {
    const { url } = await (await partyOf(id)).begin(parameters);
    return new Browserless().open(url.href);
  };
  const rowOf = (id: string) => server.services.db.client.client.findUnique({ where: { id } });
  const fetches = (id: string) => web.asked.filter((url) => url === id).length;
  return { server: () => server, web, documentOf, publish, partyOf, ask, rowOf, fetches };
}

describe.each(databases)('a client whose id is the address of its document (%s)', (provider) => {
  const { server, web, documentOf, publish, partyOf, ask, rowOf, fetches } = useDocuments(provider);

  it('signs a person in with nothing registered, for a resource, and refreshes', async () => {
    const id = publish();
    const party = await partyOf(id);
    const { tokens } = await obtainTokens(server(), party, {
      parameters: { scope: 'openid orders:read', resource: API },
      tokenParameters: { resource: API },
    });
    const claims = JSON.parse(Buffer.from(tokens.access_token.split('.')[1] ?? '', 'base64url').toString()) as object;
    expect(claims).toMatchObject({ aud: API, client_id: id, scope: 'orders:read' });
    const refreshed = await oidc.refreshTokenGrant(party.config, String(tokens.refresh_token), { resource: API });
    expect(refreshed.access_token).toBeTruthy();
    expect(fetches(id)).toBe(1);
    expect(await rowOf(id)).toMatchObject({ source: 'document', profile: 'mcp', firstParty: false, secret: null });
  });

  it('is always asked about: signed in, allowed before, or with prompt=none', async () => {
    const id = publish();
    const party = await partyOf(id);
    const { browser } = await obtainTokens(server(), party);
    const again = await browser.open((await party.begin()).url.href);
    expect(again.body).toContain('name="decision"');
    const none = locationOf(await browser.open((await party.begin({ prompt: 'none' })).url.href));
    expect(none.searchParams.get('error')).toBe('consent_required');
    expect(await server().services.consents.find(String((await rowOf(id))?.id), id)).toEqual(new Map());
  });

  it('leaves nothing in the database before a person lets it in', async () => {
    const id = publish();
    expect((await ask(id)).body).toContain('name="password"');
    expect(await rowOf(id)).toBeNull();
  });

  it('cannot make itself more than it is', async () => {
    const id = publish({
      ...{
        first_party: true,
        profile: 'fapi2',
        require_pkce: false,
        default_resource: API,
        client_source: 'operator',
        registry_proof: 'registry',
      },
      ...{ grant_types: ['authorization_code', 'client_credentials'], scope: 'openid roles permissions', access_token_ttl_seconds: 86400 },
    });
    await obtainTokens(server(), await partyOf(id), { parameters: { scope: 'openid' } });
    expect(await rowOf(id)).toMatchObject({
      ...{ firstParty: false, profile: 'mcp', requirePkce: true },
      ...{ defaultResource: null, scope: 'openid' },
    });
    expect((await rowOf(id))?.grantTypes).toBe('["authorization_code"]');
    const known = await server().app.provider.current.Client.find(id);
    expect(known).toMatchObject({ client_source: 'document', first_party: false });
  });

  it('says what it now says: what was taken out of it does not work any more', async () => {
    const id = publish();
    const { tokens } = await obtainTokens(server(), await partyOf(id));
    web.put(id, { body: documentOf(id, { redirect_uris: ['https://client.example.net/moved'], client_name: 'Moved' }) });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 601_000 });
    expect((await ask(id)).status).toBe(400);
    const moved = { client_id: id, token_endpoint_auth_method: 'none', redirect_uris: ['https://client.example.net/moved'] };
    const party = await createRelyingParty(server(), moved);
    expect((await new Browserless().open((await party.begin()).url.href)).body).toContain('Moved');
    await obtainTokens(server(), party);
    expect(await rowOf(id)).toMatchObject({ name: 'Moved', redirectUris: '["https://client.example.net/moved"]' });
    expect((await oidc.refreshTokenGrant(party.config, String(tokens.refresh_token))).access_token).toBeTruthy();
  });
});

describe('a document', () => {
  const { server, web, documentOf, publish, partyOf, ask, fetches } = useDocuments();

  it('is called unchecked from the sign-in page on, and shows its id, where it sends people, and no picture from elsewhere', async () => {
    const id = publish({ logo_uri: 'https://client.example.net/logo.png', first_party: true, client_name: 'Latchkey' });
    const { email } = await createPerson(server());
    const browser = new Browserless();
    const before = await browser.open((await (await partyOf(id)).begin()).url.href);
    // Before a password is typed, too: the name is the stranger's own choice.
    expect(before.body).toContain('Nobody here has checked this application.');
    const page = await signIn(browser, before, { email });
    expect(page.body).toContain(id);
    expect(page.body).toContain('client.example.net');
    expect(page.body).toContain('Nobody here has checked this application');
    expect(page.body).not.toContain('logo.png');
    expect(page.headers.get('content-security-policy')).not.toContain("img-src 'self' data: https://client.example.net");
  });

  it('authenticates with a key of its document, and without the key not at all', async () => {
    const [{ publicKey, privateKey }, other] = [await generateKeyPair('ES256', { extractable: true }), await generateKeyPair('ES256')];
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k' }] };
    const id = publish({ token_endpoint_auth_method: 'private_key_jwt', jwks });
    const { tokens } = await obtainTokens(server(), await partyOf(id, oidc.PrivateKeyJwt({ key: privateKey, kid: 'k' })));
    expect(tokens.access_token).toBeTruthy();
    for (const wrong of [oidc.None(), oidc.PrivateKeyJwt({ key: other.privateKey, kid: 'k' })])
      await expect(obtainTokens(server(), await partyOf(id, wrong))).rejects.toMatchObject({ error: 'invalid_client' });
  });

  const refusals: Record<string, () => string> = {
    'the id of another client in it': () => publish({ client_id: 'https://client.example.net/other.json' }),
    'no id in it': () => publish({ client_id: undefined }),
    'a secret in it': () => publish({ client_secret: 'told-to-everybody' }),
    'authentication by a secret': () => publish({ token_endpoint_auth_method: 'client_secret_basic' }),
    'a private key in it': () =>
      publish({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }] } }),
    'a redirect that runs': () => publish({ redirect_uris: ['javascript:alert(1)'] }),
    'a wildcard': () => publish({ redirect_uris: ['https://*.example.net/cb'] }),
    'a fragment': () => publish({ redirect_uris: ['https://client.example.net/cb#x'] }),
    'plain http': () => publish({ redirect_uris: ['http://client.example.net/cb'] }),
    'no redirect': () => publish({ redirect_uris: [] }),
    'ten thousand redirects': () =>
      publish({ redirect_uris: Array.from({ length: 10_000 }, (_, index) => `https://client.example.net/${index}`) }),
    'a name that turns the text around': () => publish({ client_name: 'Shop\u202egnp.exe' }),
    'keys on a private host over http': () => publish({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'http://localhost/jwks' }),
    'a software statement': () => publish({ software_statement: 'e30.e30.' }),
    'somebody else’s sector': () => publish({ subject_type: 'pairwise', sector_identifier_uri: 'https://client.example.net/sector.json' }),
    'a member twice': () => publish({}, { body: '{"client_id":"a","client_id":"b"}' }),
    'a prototype': () => publish({}, { body: '{"__proto__":{"first_party":true}}' }),
    'a list': () => publish({}, { body: [] }),
    'no JSON': () => publish({}, { body: '<html>' }),
    'a page of HTML': () => publish({}, { type: 'text/html' }),
    'a status of 404': () => publish({}, { status: 404 }),
    'a status of 206': () => publish({}, { status: 206 }),
  };
  it.each(Object.entries(refusals))('with %s is refused', async (_what, make) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ++made * 120_000 });
    const page = await ask(make());
    expect(page.status).toBe(400);
    expect(page.body).not.toContain('name="password"');
  });

  it.each([
    ['plain http', 'http://client.example.net/a.json'],
    ['no path', 'https://client.example.net/'],
    ['an address for a host', 'https://93.184.215.14/a.json'],
    ['an IPv6 address for a host', 'https://[2606:4700::1111]/a.json'],
    ['a port', 'https://client.example.net:8443/a.json'],
    ['a user name', 'https://somebody@client.example.net/a.json'],
    ['a fragment', 'https://client.example.net/a.json#b'],
    ['a way up', 'https://client.example.net/b/../a.json'],
    ['a hidden way up', 'https://client.example.net/b/%2e%2e/a.json'],
    ['capitals in its host', 'https://CLIENT.example.net/a.json'],
    ['a host without a dot', 'https://localhost/a.json'],
    ['a backslash', 'https://client.example.net\\@evil.example/a.json'],
  ])('with %s is no such address, and nobody is asked', async (_what, id) => {
    const before = web.asked.length;
    web.put(id, { body: documentOf(id) });
    expect((await ask(id)).status).toBe(400);
    expect(web.asked).toHaveLength(before);
  });

  it.each([
    ['this machine', '127.0.0.1'],
    ['a private network', '10.1.2.3'],
    ['a cloud’s metadata', '169.254.169.254'],
    ['a private IPv6 network', 'fd00::1'],
    ['IPv4 within IPv6', '::ffff:127.0.0.1'],
  ])('whose name leads to %s is never fetched', async (_what, ip) => {
    web.names.set('inside.example.net', ['93.184.215.14', ip]);
    const id = `https://inside.example.net/${++made}.json`;
    web.put(id, { body: documentOf(id) });
    const before = web.asked.length;
    expect((await ask(id)).status).toBe(400);
    expect(web.asked).toHaveLength(before);
  });

  it('is looked at again when its host says so, within a minute and a day', async () => {
    const id = publish({}, { headers: { 'cache-control': 'public, max-age=300' } });
    const always = publish({}, { headers: { 'cache-control': 'no-store' } });
    const never = publish({}, { headers: { 'cache-control': 'max-age=999999999' } });
    const at = Date.now() + 10_000_000;
    const askAll = async (seconds: number) => {
      vi.useFakeTimers({ toFake: ['Date'], now: at + seconds * 1000 });
      for (const each of [id, always, never]) await ask(each);
      return [id, always, never].map(fetches);
    };
    expect(await askAll(0)).toEqual([1, 1, 1]);
    expect(await askAll(59)).toEqual([1, 1, 1]);
    expect(await askAll(61)).toEqual([1, 2, 1]);
    expect(await askAll(301)).toEqual([2, 3, 1]);
    expect(await askAll(86_401)).toEqual([3, 4, 2]);
  });

  it('is asked for once by many requests at the same moment', async () => {
    const id = publish();
    const pages = await Promise.all(Array.from({ length: 10 }, () => ask(id)));
    for (const page of pages) expect(page.body).toContain('name="password"');
    expect(fetches(id)).toBe(1);
  });

  it('outlives an hour’s outage of its host, and not its own removal', async () => {
    const id = publish();
    const at = Date.now() + 20_000_000;
    const at_ = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: at + seconds * 1000 });
    at_(0);
    expect((await ask(id)).status).toBe(200);
    web.put(id, 'down');
    at_(700);
    expect((await ask(id)).status).toBe(200);
    at_(600 + 3601);
    expect((await ask(id)).status).toBe(400);
    web.put(id, { body: documentOf(id) });
    at_(5000);
    expect((await ask(id)).status).toBe(200);
    web.put(id, { status: 410, body: {} });
    at_(5601);
    expect((await ask(id)).status).toBe(400);
  });

  it('of an operator is the operator’s, whatever stands at its address', async () => {
    const id = publish({ client_name: 'Somebody else' });
    await server().services.clients.create(
      { client_id: id, client_name: 'Ours', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' },
      { source: 'operator' },
    );
    expect((await ask(id)).body).toContain('Ours');
    expect(fetches(id)).toBe(0);
  });
});
