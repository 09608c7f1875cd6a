import { describe, expect, it } from 'vitest';
import { parseDeclaredClients } from '../../src/oidc/clients/index.js';

const web = { client_id: 'app', client_secret: 'a-secret', redirect_uris: ['https://app.example/callback'] };

/** The faults of one declared client, as "path: message". */
function faultsOf(client: unknown): string[] {
  try {
    parseDeclaredClients([client]);
    return [];
  } catch (error) {
    const { details } = error as { details?: { path: string; message: string }[] };
    if (!details) throw error;
    return details.map(({ path, message }) => `${path.replace('CLIENTS_FILE[0]', '').replace(/^\./, '')}: ${message}`);
  }
}
const pathsOf = (client: unknown) => faultsOf(client).map((fault) => fault.slice(0, fault.indexOf(': ')));

describe('a redirect URI', () => {
  const native = { client_id: 'app', profile: 'native' };
  it.each([
    'https://app.example/callback',
    'https://app.example',
    'https://app.example:8443/a/b?c=d&e=%20',
    'https://xn--bcher-kva.example/cb',
    'http://localhost:3000/callback',
    'http://127.0.0.1:3001/callback',
    'http://[::1]:8080/cb',
    'http://shop.localhost:3000/cb',
  ])('of a web application may be %s', (uri) => {
    expect(faultsOf({ ...web, redirect_uris: [uri] })).toEqual([]);
  });

  it.each([
    'com.example.app:/callback',
    'com.example.app://callback',
    'http://127.0.0.1/cb',
    'http://localhost:1/cb',
    'https://app.example/cb',
  ])('of a native application may be %s', (uri) => {
    expect(faultsOf({ ...native, redirect_uris: [uri] })).toEqual([]);
  });

  it.each([
    ['javascript:alert(1)', 'scheme'],
    ['JaVaScRiPt:alert(1)', 'scheme'],
    ['data:text/html,<script>', 'quotes, angle'],
    ['data:text/html;base64,AAAA', 'scheme'],
    ['vbscript:x', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['blob:https://app.example/1', 'scheme'],
    ['intent://scan/', 'scheme'],
    ['https://*.app.example/cb', 'wildcard'],
    ['https://app.example/*', 'wildcard'],
    ['https://app.example/cb#fragment', 'fragment'],
    ['https://app.example/cb#', 'fragment'],
    ['https://user:password@app.example/cb', 'user name'],
    ['https://app.example@evil.example/cb', 'user name'],
    ['http://app.example/cb', 'https'],
    ['http://localhost.evil.example/cb', 'https'],
    ['http://127.0.0.1.evil.example/cb', 'https'],
    ['https://evil.example\\@app.example/cb', 'backslashes'],
    ['https:/evil.example', 'host'],
    ['https:evil.example', 'host'],
    ['https:///evil.example', 'host'],
    ['//app.example/cb', 'absolute'],
    ['/callback', 'absolute'],
    ['', 'ASCII'],
    [' https://app.example/cb', 'ASCII'],
    ['https://app.example/c\nb', 'ASCII'],
    ['https://app.example/c\u0000b', 'ASCII'],
    ['https://\u0430pp.example/cb', 'ASCII'],
    [`https://app.example/${'a'.repeat(2048)}`, 'longer'],
    ['com.example.app:/callback', 'native'],
  ])('is never %s', (uri, reason) => {
    expect(faultsOf({ ...web, redirect_uris: ['https://app.example/ok', uri] })).toEqual([expect.stringContaining(`redirect_uris[1]: `)]);
    expect(faultsOf({ ...web, redirect_uris: [uri] })[0]).toContain(reason);
    expect(pathsOf({ ...web, post_logout_redirect_uris: [uri] })).toEqual(['post_logout_redirect_uris[0]']);
  });

  it.each(['myapp:/callback', 'http://192.168.0.1/cb', 'https://localhost/cb', 'javascript:alert(1)', 'chrome://settings'])(
    'of a native application is never %s',
    (uri) => {
      expect(pathsOf({ ...native, redirect_uris: [uri] })).toEqual(['redirect_uris[0]']);
    },
  );

  it('with a password in it is not repeated in the message', () => {
    expect(faultsOf({ ...web, redirect_uris: ['https://user:hunter2@app.example/cb'] }).join()).not.toContain('hunter2');
  });
});

describe('client metadata', () => {
  it('is refused by the path of each fault, all at once', () => {
    const attempt = () =>
      parseDeclaredClients([
        web,
        { ...web, redirect_uris: ['http://app.example'] },
        { ...web, client_id: 'c', redirect_uris: 'https://app.example', grant_types: ['implicit', 7] },
        null,
      ]);
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'clients.invalid',
        message: expect.stringMatching(
          /^CLIENTS_FILE\[1\]\.redirect_uris\[0\]: .*\nCLIENTS_FILE\[2\]\.redirect_uris: .*\nCLIENTS_FILE\[2\]\.grant_types\[0\]: .*\nCLIENTS_FILE\[2\]\.grant_types\[1\]: .*\nCLIENTS_FILE\[3\]: .*$/,
        ),
      }),
    );
    expect(() => parseDeclaredClients([web, { ...web }])).toThrow('CLIENTS_FILE[1].client_id: is also that of CLIENTS_FILE[0]');
    for (const list of [{}, 'text', 5, { length: 1, 0: web }])
      expect(() => parseDeclaredClients(list)).toThrow('CLIENTS_FILE: must be a list');
  });

  it.each([
    ['implicit grant', { grant_types: ['authorization_code', 'implicit'] }, 'grant_types[1]'],
    ['password grant', { grant_types: ['password'] }, 'grant_types[0]'],
    ['unknown grant', { grant_types: ['authorization_code', 'magic'] }, 'grant_types[1]'],
    ['implicit response', { response_types: ['id_token'] }, 'response_types[0]'],
    ['hybrid response', { response_types: ['code id_token'] }, 'response_types[0]'],
    ['symmetric ID token', { id_token_signed_response_alg: 'HS256' }, 'id_token_signed_response_alg'],
    ['unsigned ID token', { id_token_signed_response_alg: 'none' }, 'id_token_signed_response_alg'],
    ['symmetric assertion', { token_endpoint_auth_method: 'client_secret_jwt' }, 'token_endpoint_auth_method'],
    ['unknown profile', { profile: 'toString' }, 'profile'],
    ['fixed duplicate', { redirect_uris: ['https://a.example/', 'https://a.example/'] }, 'redirect_uris[1]'],
    ['public without PKCE', { client_secret: undefined, token_endpoint_auth_method: 'none', require_pkce: false }, 'require_pkce'],
    ['public with a secret', { token_endpoint_auth_method: 'none' }, 'client_secret'],
    ['code without an address', { redirect_uris: [] }, 'redirect_uris'],
    ['refresh alone', { grant_types: ['refresh_token'], redirect_uris: [] }, 'grant_types'],
    ['no grant', { grant_types: [] }, 'grant_types'],
    ['scope with a quote', { scope: 'openid "' }, 'scope'],
    ['double space', { scope: 'openid  email' }, 'scope'],
    ['script as logo', { logo_uri: 'javascript:alert(1)' }, 'logo_uri'],
    ['plain logo', { logo_uri: 'http://app.example/logo.png' }, 'logo_uri'],
    ['script as homepage', { client_uri: 'javascript:alert(1)' }, 'client_uri'],
    ['endless token', { access_token_ttl_seconds: 86_401 }, 'access_token_ttl_seconds'],
    ['token of no time', { access_token_ttl_seconds: 0 }, 'access_token_ttl_seconds'],
    ['text as number', { refresh_token_ttl_seconds: '60' }, 'refresh_token_ttl_seconds'],
    ['text as flag', { first_party: 'true' }, 'first_party'],
    ['name that turns around', { client_name: 'Bank\u202egpj' }, 'client_name'],
    ['name with a newline', { client_name: 'Bank\nSet-Cookie: a' }, 'client_name'],
    ['id with a space', { client_id: 'a b' }, 'client_id'],
    ['id with NUL', { client_id: 'a\u0000' }, 'client_id'],
    ['id as an object', { client_id: { $ne: null } }, 'client_id'],
    ['promise that is not kept', { frontchannel_logout_uri: 'https://app.example.com/out' }, 'frontchannel_logout_uri'],
    ['own keys, of which there are none', { jwks: { keys: [] } }, 'jwks.keys'],
  ])('is refused: %s', (_title, members, path) => {
    expect(pathsOf({ ...web, ...members })).toEqual([path]);
  });

  it.each([
    [
      'spa with a secret',
      { profile: 'spa', client_secret: undefined, token_endpoint_auth_method: 'client_secret_basic' },
      'token_endpoint_auth_method',
    ],
    ['spa without PKCE', { profile: 'spa', client_secret: undefined, require_pkce: false }, 'require_pkce'],
    ['native web application', { profile: 'native', client_secret: undefined, application_type: 'web' }, 'application_type'],
    [
      'public service',
      { profile: 'service', client_secret: undefined, redirect_uris: [], token_endpoint_auth_method: 'none' },
      'token_endpoint_auth_method',
    ],
    ['service with an address', { profile: 'service' }, 'redirect_uris'],
    ['public fapi2', { profile: 'fapi2', client_secret: undefined, token_endpoint_auth_method: 'none' }, 'token_endpoint_auth_method'],
    ['fapi2 on plain http', { profile: 'fapi2', redirect_uris: ['http://localhost/cb'] }, 'redirect_uris'],
    ['mcp without PKCE', { profile: 'mcp', client_secret: undefined, redirect_uris: ['cursor://cb'], require_pkce: false }, 'require_pkce'],
  ])('of a profile is refused where it contradicts it: %s', (_title, members, path) => {
    expect(pathsOf({ ...web, ...members })).toContain(path);
  });

  it('is not fooled by members that reach prototypes, at any depth', () => {
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      expect(pathsOf(JSON.parse(`{"client_id":"a","${name}":{"first_party":true}}`))).toEqual([name]);
      expect(pathsOf(JSON.parse(`{"client_id":"a","contacts":[{"${name}":1}]}`))).toEqual([`contacts[0].${name}`]);
    }
    expect(({} as { first_party?: boolean }).first_party).toBeUndefined();
  });

  it('of any size is refused quickly, and the message stays readable', () => {
    const began = performance.now();
    expect(faultsOf({ ...web, redirect_uris: Array.from({ length: 10_000 }, () => 'x') })).toEqual([
      'redirect_uris: must have at most 50 entries',
    ]);
    expect(faultsOf({ ...web, redirect_uris: Array.from({ length: 10_000 }, (_, index) => `https://app.example/${index}`) })).toHaveLength(
      1,
    );
    expect(faultsOf({ ...web, client_name: 'a'.repeat(1_000_000) })).toEqual(['client_name: is too large']);
    let nested: unknown = 1;
    for (let depth = 0; depth < 5000; depth++) nested = [nested];
    expect(faultsOf({ ...web, contacts: nested })).toEqual([expect.stringContaining('nested too deeply')]);
    expect(() => parseDeclaredClients(Array.from({ length: 10_001 }, () => web))).toThrow('at most 10000 clients');
    expect(() => parseDeclaredClients(Array.from({ length: 2000 }, () => 5))).toThrow('... and 1900 more');
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('without a secret in a declaration is refused, since a made one could not be told', () => {
    expect(pathsOf({ client_id: 'app', redirect_uris: web.redirect_uris })).toEqual(['client_secret']);
    expect(faultsOf({ redirect_uris: web.redirect_uris, client_secret: 'a' })).toEqual([expect.stringContaining('client_id: is needed')]);
  });

  it('that a server once said of a client, or that asks for nothing, is no fault', () => {
    expect(
      faultsOf({
        ...web,
        client_id_issued_at: 1,
        client_secret_expires_at: 0,
        dpop_bound_access_tokens: false,
        jwks_uri: null,
        x_own: 'whatever',
      }),
    ).toEqual([]);
  });
});

describe('token exchange', () => {
  const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
  const service = {
    client_id: 'service',
    client_secret: 'a-secret',
    profile: 'service',
    grant_types: ['client_credentials', TOKEN_EXCHANGE],
  };

  it('is for a client of which it is said what it may exchange', () => {
    expect(faultsOf({ ...service, token_exchange: { audiences: ['https://api.example'], delegation: true } })).toEqual([]);
    expect(pathsOf(service)).toEqual(['token_exchange']);
    expect(pathsOf({ ...service, token_exchange: true })).toEqual(['token_exchange']);
    expect(pathsOf({ ...service, token_exchange: { audiences: ['x'], everything: true } })).toEqual(['token_exchange']);
    expect(pathsOf({ ...service, grant_types: ['client_credentials'], token_exchange: { audiences: ['x'] } })).toEqual(['grant_types']);
  });

  it('is not for a client without a secret', () => {
    const native = { client_id: 'app', profile: 'native', redirect_uris: ['com.example.app:/callback'] };
    const exchanging = {
      ...native,
      grant_types: ['authorization_code', TOKEN_EXCHANGE],
      token_exchange: { audiences: ['https://api.example'] },
    };
    expect(pathsOf(exchanging)).toEqual(['grant_types']);
  });
});

describe('the device grant', () => {
  const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

  it('needs no address to return to, and may refresh', () => {
    const television = {
      client_id: 'tv',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: [DEVICE_CODE, 'refresh_token'],
    };
    expect(faultsOf(television)).toEqual([]);
  });

  it.each(['service', 'fapi2'])('is not for the profile %s', (profile) => {
    const client = { ...web, profile, grant_types: [DEVICE_CODE], redirect_uris: [] };
    expect(pathsOf(client)).toContain('grant_types');
  });
});
