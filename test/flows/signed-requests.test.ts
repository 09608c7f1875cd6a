import { SignJWT } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey, type SigningKey } from '../support/assertions.js';
import { Browserless, type Page } from '../support/browserless.js';
import { clients } from '../support/declarations.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { createRelyingParty, locationOf, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

// RFC 9101, by value only: nothing is fetched for a request.
describe('a signed authorization request', () => {
  let server: TestServer;
  let key: SigningKey;
  let rsa: SigningKey;
  let signer: RelyingParty;
  let strict: RelyingParty;
  beforeAll(async () => {
    [server, key, rsa] = await Promise.all([startDeclaredServer(), makeKey('ES256'), makeKey('RS256')]);
    const jwks = { keys: [key.publicJwk, rsa.publicJwk] };
    const client = { ...clients.shop, client_id: 'signer', client_secret: 'a-secret-of-the-signer-long-enough-to-be-one', jwks };
    const only = { ...client, client_id: 'strict', require_signed_request_object: true, request_object_signing_alg: 'ES256' };
    for (const each of [client, only]) await server.services.clients.create(each, { source: 'operator' });
    [signer, strict] = await Promise.all([createRelyingParty(server, client), createRelyingParty(server, only)]);
  });
  afterAll(() => server?.close());

  const parametersOf = (url: URL) => Object.fromEntries([...url.searchParams].filter(([name]) => name !== 'client_id'));
  async function begin(party: RelyingParty) {
    const { url, checks } = await party.begin();
    return { parameters: parametersOf(url), checks };
  }
  async function finish(party: RelyingParty, url: URL, checks: Awaited<ReturnType<typeof begin>>['checks']) {
    const browser = new Browserless();
    const page = await signIn(browser, await browser.open(url.href), await createPerson(server));
    return party.finish(locationOf(await consent(browser, page)), checks);
  }
  const errorIn = (page: Page) => {
    const location = page.headers.get('location');
    return location ? new URL(location, page.url).searchParams.get('error') : `page ${page.status}`;
  };
  type Change = { claims?: Record<string, unknown>; header?: Record<string, unknown>; by?: SigningKey; client?: string };
  /** A request object by hand, of a good request with some members changed. */
  async function sign({ claims = {}, header = {}, by = key, client = 'signer' }: Change = {}) {
    const { parameters } = await begin(signer);
    const seconds = Math.floor(Date.now() / 1000);
    const payload = {
      ...parameters,
      client_id: client,
      iss: client,
      aud: server.url,
      iat: seconds,
      nbf: seconds,
      exp: seconds + 60,
      ...claims,
    };
    return new SignJWT(JSON.parse(JSON.stringify(payload)))
      .setProtectedHeader({ alg: by.alg, kid: by.kid, typ: 'oauth-authz-req+jwt', ...header })
      .sign(by.privateKey);
  }
  const open = (request: string, beside: Record<string, string> = {}, client = 'signer') => {
    const url = new URL('/authorize', server.url);
    url.search = new URLSearchParams({ client_id: client, request, ...beside }).toString();
    return new Browserless().open(url.href);
  };

  it('signs a person in with openid-client, by its address or pushed', async () => {
    for (const party of [signer, strict]) {
      const { parameters, checks } = await begin(party);
      const url = await oidc.buildAuthorizationUrlWithJAR(party.config, parameters, { key: key.privateKey, kid: key.kid });
      expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request']);
      expect((await finish(party, url, checks)).claims()?.nonce).toBe(checks.expectedNonce);
      const again = await begin(party);
      const signed = await oidc.buildAuthorizationUrlWithJAR(party.config, again.parameters, { key: key.privateKey, kid: key.kid });
      const pushed = await oidc.buildAuthorizationUrlWithPAR(party.config, signed.searchParams);
      expect((await finish(party, pushed, again.checks)).claims()?.nonce).toBe(again.checks.expectedNonce);
    }
  });

  it('counts alone: what stands beside it changes nothing (section 6.3)', async () => {
    const { parameters, checks } = await begin(signer);
    const url = await oidc.buildAuthorizationUrlWithJAR(signer.config, parameters, { key: key.privateKey, kid: key.kid });
    const beside = { scope: 'openid orders:write', state: 'forged', nonce: 'forged', redirect_uri: 'https://shop.example.com/evil' };
    for (const [name, value] of Object.entries(beside)) url.searchParams.set(name, value);
    const tokens = await finish(signer, url, checks);
    expect(tokens.claims()?.nonce).toBe(checks.expectedNonce);
    expect(tokens.scope?.split(' ')).not.toContain('orders:write');
  });

  it('is refused when it contradicts what stands beside it about the client or the kind of answer', async () => {
    expect(errorIn(await open(await sign(), {}, 'shop'))).toBe('page 400');
    expect(errorIn(await open(await sign(), { response_type: 'id_token' }))).not.toBeNull();
  });

  it('is refused in every part that is not right', async () => {
    const seconds = Math.floor(Date.now() / 1000);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const good = await sign();
    const [, payload = ''] = good.split('.');
    const changed = part({ ...JSON.parse(Buffer.from(payload, 'base64url').toString()), scope: 'openid orders:write' });
    const objects: Record<string, string> = {
      expired: await sign({ claims: { exp: seconds - 30, iat: seconds - 90, nbf: seconds - 90 } }),
      'without an end': await sign({ claims: { exp: undefined } }),
      'good for a year': await sign({ claims: { exp: seconds + 31_536_000 } }),
      'not good yet': await sign({ claims: { nbf: seconds + 600 } }),
      'of another issuer': await sign({ claims: { iss: 'shop' } }),
      'of no issuer': await sign({ claims: { iss: undefined } }),
      'for another audience': await sign({ claims: { aud: 'https://elsewhere.example.com' } }),
      'for no audience': await sign({ claims: { aud: undefined } }),
      'of another client': await sign({ claims: { client_id: 'shop' } }),
      'a client assertion': await sign({ claims: { sub: 'signer' } }),
      'of another type': await sign({ header: { typ: 'at+jwt' } }),
      'by a key that is not registered': await sign({ by: { ...(await makeKey('ES256')), kid: key.kid } }),
      'by an algorithm that is off': await sign({ by: await makeKey('ES384') }),
      'with a request in it': await sign({ claims: { request: good } }),
      'with a reference in it': await sign({ claims: { request_uri: 'https://shop.example.com/request.jwt' } }),
      'signed by nobody': `${part({ alg: 'none' })}.${payload}.`,
      'with the signature of another': `${good.split('.')[0]}.${changed}.${good.split('.')[2]}`,
      'signed with the secret': await new SignJWT(JSON.parse(Buffer.from(payload, 'base64url').toString()))
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode('a-secret-of-the-signer-long-enough-to-be-one')),
      'no JWT': 'request',
      encrypted: 'a.b.c.d.e',
    };
    for (const [what, request] of Object.entries(objects)) {
      const page = await open(request);
      const refused = page.status === 400 || errorIn(page) === 'invalid_request_object';
      expect({ what, refused, body: page.body.includes('name="password"') }).toEqual({ what, refused: true, body: false });
      const response = await fetch(`${server.url}/par`, {
        method: 'POST',
        body: new URLSearchParams({ request }),
        headers: { authorization: `Basic ${Buffer.from('signer:a-secret-of-the-signer-long-enough-to-be-one').toString('base64')}` },
      });
      expect({ what, status: response.status }).toEqual({ what, status: 400 });
    }
    expect((await open(good)).body).toContain('name="password"');
  });

  it('is the only way for a client that requires it, signed as registered', async () => {
    const { url } = await strict.begin();
    expect(errorIn(await new Browserless().open(url.href))).toBe('invalid_request');
    const page = await open(await sign({ by: rsa, client: 'strict' }), {}, 'strict');
    expect(page.status === 400 || errorIn(page) === 'invalid_request_object').toBe(true);
    expect((await open(await sign({ client: 'strict' }), {}, 'strict')).body).toContain('name="password"');
  });

  it('needs registered keys, and is signed by no algorithm with which the server could sign as well', async () => {
    const { client_id: _id, ...base } = clients.shop;
    const bad: Record<string, unknown>[] = [
      { require_signed_request_object: true },
      { request_object_signing_alg: 'ES256' },
      { request_object_signing_alg: 'none', jwks: { keys: [key.publicJwk] } },
      { request_object_signing_alg: 'HS256', jwks: { keys: [key.publicJwk] } },
      { request_uris: ['https://shop.example.com/request.jwt'] },
    ];
    for (const members of bad) {
      const registered = server.services.clients.create({ ...base, ...members }, { source: 'operator' });
      await expect(registered).rejects.toMatchObject({ code: 'clients.invalid' });
    }
    const metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
    expect(metadata).toMatchObject({ request_parameter_supported: true, request_uri_parameter_supported: false });
    expect(metadata.request_object_signing_alg_values_supported).toEqual(['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA']);
  });
});
