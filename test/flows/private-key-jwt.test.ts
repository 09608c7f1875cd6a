import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { type CryptoKey, exportJWK, importJWK, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type AssertionClaims, makeKey, type SigningKey, signAssertion } from '../support/assertions.js';
import { databases } from '../support/database.js';
import { API, clients } from '../support/declarations.js';
import { type Listening, listenHttp } from '../support/listening.js';
import { startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

describe.each(databases)('a client that authenticates by private_key_jwt on %s', (provider) => {
  let server: TestServer;
  let key: SigningKey;
  let clientId: string;
  const open: Listening[] = [];
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    key = await makeKey('ES256');
    clientId = await register({ jwks: { keys: [key.publicJwk] } });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await Promise.all(open.splice(0).map((listening) => listening.close()));
  });
  afterAll(() => server?.close());

  const register = async (metadata: object, source: 'operator' | 'registered' = 'operator') =>
    (
      await server.services.clients.create(
        { profile: 'service', token_endpoint_auth_method: 'private_key_jwt', scope: 'orders:read', default_resource: API, ...metadata },
        { source },
      )
    ).client.id;
  const post = async (form: Record<string, string>, headers: Record<string, string> = {}, path = '/token') => {
    const response = await fetch(server.url + path, { method: 'POST', headers, body: new URLSearchParams(form) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const send = (assertion: string, more: Record<string, string> = {}) =>
    post({ grant_type: 'client_credentials', client_assertion_type: TYPE, client_assertion: assertion, ...more });
  const sign = (claims: AssertionClaims = {}, header: { alg?: string; kid?: string | undefined } = {}, by = { clientId, key }) =>
    signAssertion({ issuer: server.url, ...by }, claims, header);
  const outcomeOf = async (assertion: string | Promise<string>) => {
    const { status, body } = await send(await assertion);
    return status === 200 ? 'in' : `${status} ${body.error}`;
  };
  const serve = async (answer: Parameters<typeof listenHttp>[0]) => {
    const listening = await listenHttp(answer);
    open.push(listening);
    return listening;
  };
  const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });

  test.each(['RS256', 'PS256', 'ES256', 'Ed25519'])('gets its token with %s, by two clients that are not ours', async (alg) => {
    const own = await makeKey(alg);
    const id = await register({ jwks: { keys: [(await makeKey('ES256')).publicJwk, own.publicJwk] } });
    const config = await oidc.discovery(new URL(server.url), id, undefined, oidc.PrivateKeyJwt({ key: own.privateKey, kid: own.kid }), {
      execute: [oidc.allowInsecureRequests],
    });
    expect((await oidc.clientCredentialsGrant(config, { scope: 'orders:read' })).scope).toBe('orders:read');
    const http = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(server.url);
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
    const proof = oauth.PrivateKeyJwt({ key: own.privateKey, kid: own.kid });
    const client = { client_id: id };
    const answer = await oauth.clientCredentialsGrantRequest(as, client, proof, {}, http);
    const { access_token: token } = await oauth.processClientCredentialsResponse(as, client, answer);
    const introspected = await oauth.introspectionRequest(as, client, proof, token, http);
    expect(await oauth.processIntrospectionResponse(as, client, introspected)).toMatchObject({ active: true, client_id: id });
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proof, token, http));
  });

  test('may call an assertion meant for the issuer, the token endpoint or the endpoint that is asked', async () => {
    expect(await outcomeOf(sign({ aud: server.url }))).toBe('in');
    expect(await outcomeOf(sign({ aud: `${server.url}/token` }))).toBe('in');
    expect(await outcomeOf(sign({ aud: [server.url, 'https://other.example.com'] }))).toBe('in');
    const elsewhere = await sign({ aud: `${server.url}/introspect` });
    expect(await outcomeOf(elsewhere)).toBe('401 invalid_client');
    const form = { token: 'x', client_assertion_type: TYPE, client_assertion: elsewhere };
    expect((await post(form, {}, '/introspect')).body).toEqual({ active: false });
  });

  test('of the profile fapi2 has to name the issuer alone, and not RS256', async () => {
    const id = await register({ profile: 'fapi2', grant_types: ['client_credentials'], jwks: { keys: [key.publicJwk] } });
    const by = { clientId: id, key };
    // Authenticated, but tokens of this profile are bound to a key, and none was proved.
    const unbound = '400 invalid_grant';
    expect(await outcomeOf(sign({}, {}, by))).toBe(unbound);
    for (const aud of [`${server.url}/token`, [server.url], [server.url, 'https://other.example.com']]) {
      expect(await outcomeOf(sign({ aud }, {}, by)), String(aud)).toBe('401 invalid_client');
    }
    const rsa = await makeKey('RS256');
    const other = await register({ profile: 'fapi2', grant_types: ['client_credentials'], jwks: { keys: [rsa.publicJwk] } });
    expect(await outcomeOf(sign({}, {}, { clientId: other, key: rsa }))).toBe('401 invalid_client');
    expect(await outcomeOf(sign({}, { alg: 'PS256' }, { clientId: other, key: await importAs(rsa, 'PS256') }))).toBe(unbound);
  });

  const importAs = async (from: SigningKey, alg: string): Promise<SigningKey> => {
    return { ...from, alg, privateKey: (await importJWK(await exportJWK(from.privateKey), alg)) as CryptoKey };
  };

  test('is refused with any other key, algorithm, issuer, audience, time or name, and with none of them', async () => {
    const now = Math.floor(Date.now() / 1000);
    const stranger = await makeKey('ES256', key.kid);
    const unsigned = ['{"alg":"none"}', JSON.stringify({ iss: clientId, sub: clientId, aud: server.url, jti: 'n', exp: now + 60 }), '']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');
    const pem = createPublicKey({ key: key.publicJwk as JsonWebKey, format: 'jwk' }).export({ format: 'pem', type: 'spki' });
    const symmetric = (secret: string | Buffer) =>
      new SignJWT({ iss: clientId, sub: clientId, aud: server.url, jti: crypto.randomUUID(), exp: now + 60 })
        .setProtectedHeader({ alg: 'HS256', kid: key.kid })
        .sign(Buffer.from(secret));
    const good = await sign();
    const assertions: Record<string, string | Promise<string>> = {
      'another key under the same name': sign({}, {}, { clientId, key: stranger }),
      'a key that is not known': sign({}, { kid: 'unknown' }),
      'alg none': unsigned,
      'the public key as a secret': symmetric(pem),
      'the public key as JSON for a secret': symmetric(JSON.stringify(key.publicJwk)),
      'a signature that was changed': good.replace(/.{4}$/, 'AAAA'),
      'expired long ago': sign({ exp: now - 3600 }),
      'no expiry': sign({ exp: undefined }),
      'an expiry that is text': sign({ exp: '9999999999' }),
      'good for longer than an hour': sign({ exp: now + 7200 }),
      'not good yet': sign({ nbf: now + 600 }),
      'made in the future': sign({ iat: now + 600 }),
      'no name': sign({ jti: undefined }),
      'a name that is a number': sign({ jti: 7 }),
      'a name that is too long': sign({ jti: 'j'.repeat(300) }),
      'another issuer': sign({ iss: 'shop' }),
      'no issuer': sign({ iss: undefined }),
      'another server': sign({ aud: 'https://other.example.com' }),
      'no audience': sign({ aud: undefined }),
      'the client as audience': sign({ aud: clientId }),
      'another client': sign({ iss: 'worker', sub: 'worker' }),
      'a client that does not exist': sign({ iss: 'nobody', sub: 'nobody' }),
    };
    for (const [name, assertion] of Object.entries(assertions)) expect(await outcomeOf(assertion), name).toBe('401 invalid_client');
    for (const assertion of ['', 'x', 'a.b', 'a.b.c', `${good}.x`, 'é', 'e30.e30.'.repeat(2000)]) {
      const { status, body } = await send(assertion);
      expect({ status, error: body.error }, assertion.slice(0, 20)).toEqual({
        status: expect.any(Number),
        error: expect.stringMatching(/^invalid_/),
      });
      expect([400, 401, 413]).toContain(status);
    }
    expect(await outcomeOf(good)).toBe('in');
  });

  test('is held to the one algorithm that it is registered with', async () => {
    const rsa = await makeKey('PS256');
    const id = await register({ token_endpoint_auth_signing_alg: 'PS256', jwks: { keys: [rsa.publicJwk] } });
    expect(await outcomeOf(sign({}, {}, { clientId: id, key: rsa }))).toBe('in');
    expect(await outcomeOf(sign({}, {}, { clientId: id, key: await importAs(rsa, 'RS256') }))).toBe('401 invalid_client');
    // Ed25519 has an older name (RFC 9864), and both are taken from who is held to neither.
    const edwards = await makeKey('Ed25519');
    const other = await register({ jwks: { keys: [edwards.publicJwk] } });
    expect(await outcomeOf(sign({}, {}, { clientId: other, key: await importAs(edwards, 'EdDSA') }))).toBe('in');
  });

  test('is not let in by another method, nor other clients by this one', async () => {
    const basic = (id: string, secret: string) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` });
    const grant = { grant_type: 'client_credentials' };
    expect((await post(grant, basic(clientId, 'anything'))).status).toBe(401);
    expect((await post({ ...grant, client_id: clientId })).status).toBe(401);
    expect((await post({ ...grant, client_id: clientId, client_secret: 'anything' })).status).toBe(401);
    expect((await post({ ...grant, client_assertion_type: TYPE, client_assertion: await sign() }, basic('worker', 'x'))).status).toBe(400);
    expect((await send(await sign(), { client_id: 'worker' })).status).toBe(400);
    expect((await send(await sign(), { client_assertion_type: 'urn:x' })).status).toBe(400);
    // Not even with the secret itself as an HMAC key: client_secret_jwt is off.
    const assertion = await new SignJWT({
      iss: 'worker',
      sub: 'worker',
      aud: server.url,
      jti: 'h',
      exp: Math.floor(Date.now() / 1000) + 60,
    })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(clients.worker.client_secret));
    expect(await outcomeOf(assertion)).toBe('401 invalid_client');
  });

  test('is let in once by each assertion, even by ten requests at the same moment', async () => {
    const assertion = await sign();
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => outcomeOf(assertion)));
    expect(outcomes.filter((outcome) => outcome === 'in')).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(['in', '401 invalid_client']));
    expect(await outcomeOf(assertion)).toBe('401 invalid_client');
    // The name is this client's: another may use the same.
    const other = await register({ jwks: { keys: [key.publicJwk] } });
    const { jti } = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
    expect(await outcomeOf(sign({ jti }, {}, { clientId: other, key }))).toBe('in');
  });

  test('is told that its assertion was used, also where the request brings a DPoP proof', async () => {
    const form = { grant_type: 'client_credentials', client_assertion_type: TYPE, client_assertion: await sign() };
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(form, { dpop: 'not-a-proof' })));
    const errors = answers.map(({ status, body }) => `${status} ${body.error}`).sort();
    expect(errors).toEqual(['400 invalid_dpop_proof', ...Array.from({ length: 9 }, () => '401 invalid_client')]);
  });

  test('that an assertion did not let in may use its name again: only what was right is remembered', async () => {
    const assertion = await sign({ jti: 'kept-for-later' });
    expect(await outcomeOf(assertion.replace(/.{4}$/, 'AAAA'))).toBe('401 invalid_client');
    expect(await outcomeOf(assertion)).toBe('in');
  });

  describe('with keys at its jwks_uri', () => {
    test('may rotate them: the new key works within a minute, and the old one no longer', async () => {
      const [first, second] = await Promise.all([makeKey(), makeKey()]);
      let keys = [first.publicJwk];
      const host = await serve((_request, response) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys })),
      );
      const id = await register({ jwks_uri: `${host.url}/jwks` });
      const by = (own: SigningKey) => sign({}, {}, { clientId: id, key: own });
      expect(await outcomeOf(by(first))).toBe('in');
      expect(await outcomeOf(by(first))).toBe('in');
      expect(host.requests).toBe(1);
      keys = [second.publicJwk];
      expect(await outcomeOf(by(second))).toBe('401 invalid_client');
      expect(host.requests).toBe(1);
      later(61);
      expect(await outcomeOf(by(second))).toBe('in');
      expect(await outcomeOf(by(first))).toBe('401 invalid_client');
      expect(host.requests).toBe(2);
    });

    test('that it took back is let in with them no longer, though it never used another', async () => {
      const old = await makeKey();
      let keys = [old.publicJwk];
      // However long its host says that they may be kept.
      const headers = { 'cache-control': 'public, max-age=99999999', expires: 'Fri, 01 Jan 2100 00:00:00 GMT' };
      const host = await serve((_request, response) => response.writeHead(200, headers).end(JSON.stringify({ keys })));
      const id = await register({ jwks_uri: host.url });
      expect(await outcomeOf(sign({}, {}, { clientId: id, key: old }))).toBe('in');
      keys = [(await makeKey()).publicJwk];
      later(3600 + 601);
      expect(await outcomeOf(sign({}, {}, { clientId: id, key: old }))).toBe('401 invalid_client');
    });

    test('goes on while their host is away, for ten minutes', async () => {
      const own = await makeKey();
      let up = true;
      const host = await serve((_request, response) => {
        if (up) response.end(JSON.stringify({ keys: [own.publicJwk] }));
        else response.writeHead(503).end();
      });
      const id = await register({ jwks_uri: host.url });
      const outcome = () => outcomeOf(sign({}, {}, { clientId: id, key: own }));
      expect(await outcome()).toBe('in');
      up = false;
      later(600);
      expect(await outcome()).toBe('in');
      later(661);
      expect(await outcome()).toBe('401 invalid_client');
      up = true;
      // A failure is remembered for a moment.
      expect(await outcome()).toBe('401 invalid_client');
      later(672);
      expect(await outcome()).toBe('in');
    });

    test('is refused where the address gives no keys, and the address is asked once in ten seconds', async () => {
      const own = await makeKey();
      const elsewhere = await serve((_request, response) => response.end(JSON.stringify({ keys: [own.publicJwk] })));
      const answers: Parameters<typeof listenHttp>[0][] = [
        (_request, response) => response.writeHead(404).end(JSON.stringify({ keys: [own.publicJwk] })),
        (_request, response) => response.writeHead(302, { location: elsewhere.url }).end(),
        (_request, response) => response.end('<html></html>'),
        (_request, response) => response.end(' '.repeat(70_000)),
        (_request, response) => response.end(JSON.stringify([own.publicJwk])),
        (_request, response) => response.end(JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] })),
        (_request, response) => void response.destroy(),
      ];
      for (const [index, answer] of answers.entries()) {
        const host = await serve(answer);
        const id = await register({ jwks_uri: host.url });
        for (let attempt = 0; attempt < 3; attempt++) {
          expect(await outcomeOf(sign({}, {}, { clientId: id, key: own })), String(index)).toBe('401 invalid_client');
        }
        expect(host.requests, String(index)).toBe(1);
      }
      expect(elsewhere.requests).toBe(0);
    });

    test('that registered itself is never answered from this machine or a private network', async () => {
      const own = await makeKey();
      const host = await serve((_request, response) => response.end(JSON.stringify({ keys: [own.publicJwk] })));
      for (const uri of [host.url, host.url.replace('http:', 'https:'), host.url.replace('127.0.0.1', 'localhost')]) {
        const id = await register({ jwks_uri: uri }, 'registered');
        expect(await outcomeOf(sign({}, {}, { clientId: id, key: own })), uri).toBe('401 invalid_client');
      }
      expect(host.connections).toBe(0);
    });
  });
});
