import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { askRegistration, callback, registerClient } from '../support/client-registration.js';
import { createDatabaseUrl, databases } from '../support/database.js';
import { startDeclaredServer } from '../support/relying-party.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { createWeb } from '../support/web.js';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const privateKey = rsa.privateKey.export({ format: 'jwk' });
const weakKey = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
const many = (count: number) => Array.from({ length: count }, (_, index) => `https://client.example.net/${index}`);

const INVALID = 'invalid_client_metadata';
const REDIRECT = 'invalid_redirect_uri';

/** Metadata that a stranger may send, and the RFC's name for what is wrong with it. */
const hostile: Record<string, [metadata: unknown, error: string]> = {
  'a redirect that runs': [{ redirect_uris: ['javascript:alert(1)'] }, REDIRECT],
  'data for a redirect': [{ redirect_uris: ['data:text/html,x'] }, REDIRECT],
  'a redirect over http': [{ redirect_uris: ['http://client.example.net/cb'] }, REDIRECT],
  'a redirect with a fragment': [{ redirect_uris: [`${callback}#x`] }, REDIRECT],
  'a wildcard for a host': [{ redirect_uris: ['https://*.example.net/cb'] }, REDIRECT],
  'a redirect with a password': [{ redirect_uris: ['https://a:b@client.example.net/cb'] }, REDIRECT],
  'a redirect that looks like another host': [{ redirect_uris: ['https://client.example.net\\@evil.example/cb'] }, REDIRECT],
  'a redirect without a host': [{ redirect_uris: ['https:/client.example.net/cb'] }, REDIRECT],
  'no redirect': [{ redirect_uris: [] }, REDIRECT],
  'redirects that are no list': [{ redirect_uris: callback }, REDIRECT],
  'the same redirect twice': [{ redirect_uris: [callback, callback] }, REDIRECT],
  'more redirects than anybody needs': [{ redirect_uris: many(51) }, REDIRECT],
  'a wrong redirect and a wrong name': [{ redirect_uris: ['javascript:1'], client_name: '' }, INVALID],
  'a private key': [{ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [privateKey] } }, INVALID],
  'a weak key': [{ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [weakKey] } }, INVALID],
  'no key to authenticate with': [{ token_endpoint_auth_method: 'private_key_jwt' }, INVALID],
  'keys over http': [{ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'http://localhost/jwks' }, INVALID],
  'a secret on both sides': [{ token_endpoint_auth_method: 'client_secret_jwt' }, INVALID],
  'an ID token that nobody signed': [{ id_token_signed_response_alg: 'none' }, INVALID],
  'symmetric signing': [{ id_token_signed_response_alg: 'HS256' }, INVALID],
  'the implicit flow': [{ response_types: ['token'] }, INVALID],
  'the implicit grant': [{ grant_types: ['authorization_code', 'implicit'] }, INVALID],
  'the password grant': [{ grant_types: ['password'] }, INVALID],
  'a grant nobody knows': [{ grant_types: ['authorization_code', 'magic'] }, INVALID],
  'a sector that does not list it': [{ subject_type: 'pairwise', sector_identifier_uri: 'https://client.example.net/sector' }, INVALID],
  'a sector inside our network': [{ subject_type: 'pairwise', sector_identifier_uri: 'https://inside.example.net/sector' }, INVALID],
  'a sector on this machine': [{ subject_type: 'pairwise', sector_identifier_uri: 'http://127.0.0.1/sector' }, INVALID],
  'subjects of a sector that is everybody’s': [{ subject_type: 'pairwise', redirect_uris: ['http://127.0.0.1/cb'] }, INVALID],
  'a name that turns the text around': [{ client_name: 'Shop\u202egnp.exe' }, INVALID],
  'a name without an end': [{ client_name: 'x'.repeat(101) }, INVALID],
  'a link that runs': [{ policy_uri: 'javascript:alert(1)' }, INVALID],
  'a picture over http': [{ logo_uri: 'http://client.example.net/a.png' }, INVALID],
  'a sign-out over http': [{ backchannel_logout_uri: 'http://127.0.0.1/' }, INVALID],
  'more than a row holds': [{ contacts: Array.from({ length: 20 }, (_, index) => `${'x'.repeat(900)}${index}@example.com`) }, INVALID],
  'scopes without an end': [{ scope: Array.from({ length: 300 }, (_, index) => `s${index}`).join(' ') }, INVALID],
  'numbers for texts': [{ client_name: 7, scope: 8 }, INVALID],
  'a software statement': [{ software_statement: 'eyJhbGciOiJub25lIn0.e30.' }, 'unapproved_software_statement'],
  'a list': [[], INVALID],
  'a text': ['"text"', INVALID],
  'no JSON': ['{', INVALID],
  'a member twice': [`{"redirect_uris":["${callback}"],"redirect_uris":["https://evil.example/"]}`, INVALID],
  'a prototype': [`{"redirect_uris":["${callback}"],"__proto__":{"first_party":true}}`, INVALID],
  'nesting without an end': [`${'['.repeat(1000)}${']'.repeat(1000)}`, INVALID],
};

describe('what a stranger registers', () => {
  let server: TestServer;
  const web = createWeb();
  web.names.set('inside.example.net', ['10.0.0.1']);
  web.put('https://client.example.net/sector', { body: ['https://other.example/cb'] });
  beforeAll(async () => {
    server = await startDeclaredServer({ outbound: web.outbound });
  });
  afterAll(() => server?.close());
  const url = () => `${server.url}/connect/register`;

  it.each(Object.entries(hostile))('with %s is refused by the name of the RFC, and nothing is kept', async (_what, [metadata, error]) => {
    const before = await server.services.db.client.client.count();
    const isObject = typeof metadata === 'object' && !Array.isArray(metadata);
    const body = isObject ? { redirect_uris: [callback], ...(metadata as object) } : metadata;
    const answer = await askRegistration(url(), { body });
    expect([answer.status, answer.body.error]).toEqual([400, error]);
    expect(Object.keys(answer.body).sort()).toEqual(['error', 'error_description']);
    expect(String(answer.body.error_description)).not.toContain(String(privateKey.d));
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await server.services.db.client.client.count()).toBe(before);
    expect(web.asked.filter((each) => !each.startsWith('https://client.example.net/sector'))).toEqual([]);
  });

  it.each([
    ['a form', { body: 'redirect_uris=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
    ['no type', { body: '{}', headers: { 'content-type': '' } }, 415],
    ['compressed text', { body: '{}', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } }, 415],
    ['a megabyte', { body: JSON.stringify({ redirect_uris: many(40_000) }) }, 413],
    ['nothing', {}, 400],
    ['another method', { method: 'PUT', body: {} }, 405],
    ['a question', { method: 'GET' }, 405],
  ] as [string, Parameters<typeof askRegistration>[1], number][])('as %s is refused', async (_what, request, status) => {
    const answer = await askRegistration(url(), request);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatch(/^invalid_/);
  });

  it('from a page of any origin may be read there, and no cookie plays a part', async () => {
    const answer = await askRegistration(url(), { body: { redirect_uris: [callback] }, headers: { origin: 'https://anybody.example' } });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    expect(answer.headers.get('set-cookie')).toBeNull();
  });

  it('on somebody’s machine is a native application by its redirect URIs, as editors send them', async () => {
    const registered = await registerClient(server, {
      redirect_uris: ['http://127.0.0.1:33418/', 'cursor://anysphere.cursor/cb', 'https://vscode.dev/redirect'],
      token_endpoint_auth_method: 'none',
    });
    expect(registered).toMatchObject({ application_type: 'native', token_endpoint_auth_method: 'none' });
    expect(registered.client_secret).toBeUndefined();
  });
});

describe.each(databases)('registrations without a token (%s)', (provider) => {
  it('are limited for one network, by all servers together, and say when to come again', async () => {
    const database = await createDatabaseUrl(provider, 'server');
    const env = { LIMIT_CLIENT_REGISTRATIONS_PER_HOUR: '3' };
    const first = await startTestServer({ databaseUrl: database.url, env });
    // SQLite is one process's; one server counts for itself.
    const second = provider === 'postgresql' ? await startTestServer({ databaseUrl: database.url, env }) : first;
    try {
      const urls = [first, second, first, second, first, second].map((server) => `${server.url}/connect/register`);
      const answers = await Promise.all(urls.map((url) => askRegistration(url, { body: { redirect_uris: [callback] } })));
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([201, 201, 201, 429, 429, 429]);
      const limited = answers.find(({ status }) => status === 429);
      expect(Number(limited?.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(limited?.body.error).toBe('temporarily_unavailable');
      // Whoever has a token is bounded by that.
      const { token } = await first.services.clientRegistration.initialAccessTokens.create({ uses: 1, ttlSeconds: 60 });
      expect((await askRegistration(urls[0] ?? '', { body: { redirect_uris: [callback] }, token })).status).toBe(201);
    } finally {
      if (second !== first) await second.close();
      await first.close();
      await database.drop();
    }
  });
});

describe.each(databases)('registration by initial access token (%s)', (provider) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ provider, env: { REGISTRATION_OF_CLIENTS: 'token', LIMIT_CLIENT_REGISTRATIONS_PER_HOUR: '1' } });
  });
  afterAll(async () => {
    vi.useRealTimers();
    await server?.close();
  });
  const tokens = () => server.services.clientRegistration.initialAccessTokens;
  const register = (token?: string, body: unknown = { redirect_uris: [callback] }) =>
    askRegistration(`${server.url}/connect/register`, { body, ...(token === undefined ? {} : { token }) });

  it('is refused without one, or with any other, before the metadata is looked at', async () => {
    for (const token of [undefined, 'initial_made-up', 'x'.repeat(600)]) {
      const answer = await register(token, { redirect_uris: ['javascript:1'] });
      expect([answer.status, answer.body.error]).toEqual([401, 'invalid_token']);
      expect(answer.headers.get('www-authenticate')).toMatch(token === undefined ? /^Bearer$/ : /^Bearer error="invalid_token"$/);
    }
  });

  it('works as often as it says, however many come at once, and a refused registration takes no use', async () => {
    const { token, initialAccessToken } = await tokens().create({ note: 'For two', uses: 2, ttlSeconds: 60 });
    expect((await register(token, { redirect_uris: ['javascript:1'] })).status).toBe(400);
    const before = await server.services.db.client.client.count();
    const answers = await Promise.all(Array.from({ length: 8 }, () => register(token)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 401, 401, 401, 401, 401, 401]);
    expect(await server.services.db.client.client.count()).toBe(before + 2);
    expect((await tokens().list()).find(({ id }) => id === initialAccessToken.id)).toMatchObject({ used: 2, usesLeft: 0, note: 'For two' });
  });

  it('ends when it is revoked or runs out, and is nowhere at rest', async () => {
    const revoked = await tokens().create({ uses: null, ttlSeconds: 60 });
    expect((await register(revoked.token)).status).toBe(201);
    expect(JSON.stringify(await server.services.db.client.initialAccessToken.findMany())).not.toContain(revoked.token);
    await tokens().revoke(revoked.initialAccessToken.id);
    expect((await register(revoked.token)).status).toBe(401);
    const old = await tokens().create({ uses: null, ttlSeconds: 60 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
    expect((await register(old.token)).status).toBe(401);
    vi.useRealTimers();
  });
});

describe('registration that is off', () => {
  it('is not there, and not advertised', async () => {
    const server = await startTestServer({ env: { REGISTRATION_OF_CLIENTS: 'off' } });
    try {
      expect((await fetch(`${server.url}/connect/register`, { method: 'POST', headers: { accept: 'application/json' } })).status).toBe(404);
      const metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as object;
      expect(metadata).not.toHaveProperty('registration_endpoint');
    } finally {
      await server.close();
    }
  });
});
