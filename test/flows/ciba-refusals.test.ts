import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Asker, answer, askerOf, CIBA_GRANT, createAsker, openQuestion } from '../support/asking.js';
import { API, clients } from '../support/declarations.js';
import { createPerson } from '../support/people.js';
import { refusalOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe('an application that asks a person (CIBA) is refused', () => {
  let server: TestServer;
  let bank: Asker;
  beforeAll(async () => {
    server = await startDeclaredServer();
    bank = await createAsker(server);
  });
  afterAll(() => server?.close());

  /** A question that its person has allowed. */
  const allowed = async () => {
    const person = await createPerson(server);
    const { auth_req_id: id } = await bank.ask({ login_hint: person.email });
    const { browser, page } = await openQuestion(server, person);
    await answer(browser, page);
    return { id };
  };

  test("another client's auth_req_id", async () => {
    const { id } = await allowed();
    const other = await createAsker(server);
    expect(await other.poll(id)).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect((await bank.poll(id)).status).toBe(200);
  });

  test.each([
    ['markup', '<b>Order</b>'],
    ['control characters', 'Order\u00004711'],
    ['a line of its own', 'Order\n4711'],
    ['text that turns direction', 'Order \u202e1174'],
    ['an address', 'see evil.example'],
    ['a scheme', 'https://evil'],
    ['too much', 'x'.repeat(65)],
    ['nothing but spaces', '   '],
  ])('a binding message with %s', async (_what, message) => {
    const refused = await bank.refused({ login_hint: 'a@example.com', binding_message: message });
    expect(refused).toMatchObject({ status: 400, error: 'invalid_binding_message' });
  });

  test.each<[string, Record<string, string>, string]>([
    ['nobody meant', {}, 'invalid_request'],
    ['two ways to mean somebody', { login_hint: 'a@example.com', id_token_hint: 'x' }, 'invalid_request'],
    ['an ID token that is none', { id_token_hint: 'x.y.z' }, 'invalid_request'],
    ['a login_hint_token', { login_hint_token: 'x' }, 'invalid_request'],
    ['a user_code', { login_hint: 'a@example.com', user_code: '1234' }, 'invalid_request'],
    ['a request_context', { login_hint: 'a@example.com', request_context: '{}' }, 'invalid_request'],
    ['single claims', { login_hint: 'a@example.com', claims: '{"userinfo":{"email":null}}' }, 'invalid_request'],
    ['details', { login_hint: 'a@example.com', authorization_details: '[{"type":"a"}]' }, 'invalid_authorization_details'],
    [
      'a class of sign-ins that nobody reaches',
      { login_hint: 'a@example.com', scope: 'openid orders:read', resource: API, acr_values: 'urn:none' },
      'unmet_authentication_requirements',
    ],
    ['a hint with control characters', { login_hint: 'a\u0000b' }, 'invalid_request'],
    ['a hint without end', { login_hint: 'a'.repeat(300) }, 'invalid_request'],
    ['no openid', { login_hint: 'a@example.com', scope: 'orders:read', resource: API }, 'invalid_request'],
    ['a scope it may not have', { login_hint: 'a@example.com', scope: 'openid roles' }, 'invalid_scope'],
    ['a resource it may not have', { login_hint: 'a@example.com', resource: 'https://opaque.example.com' }, 'invalid_target'],
  ])('%s', async (_what, parameters, error) => {
    expect(await bank.refused(parameters)).toMatchObject({ status: 400, error });
  });

  test('an ID token of another application as a hint', async () => {
    const { id } = await allowed();
    const { id_token: idToken } = await bank.collect(id);
    const other = await createAsker(server);
    expect(await other.refused({ id_token_hint: String(idToken) })).toMatchObject({ status: 400, error: 'invalid_request' });
  });

  test('a client without the grant, and a wrong secret', async () => {
    const shop = await askerOf(server, 'shop', clients.shop.client_secret);
    expect(await shop.refused({ login_hint: 'a@example.com' })).toMatchObject({ status: 400, error: 'invalid_request' });
    const wrong = await askerOf(server, bank.clientId, 'not the secret');
    expect(await wrong.refused({ login_hint: 'a@example.com' })).toMatchObject({ status: 401, error: 'invalid_client' });
    const config = await oidc.discovery(new URL(server.url), bank.clientId, undefined, oidc.ClientSecretBasic('no'), {
      execute: [oidc.allowInsecureRequests],
    });
    const call = oidc.genericGrantRequest(config, CIBA_GRANT, { auth_req_id: 'x' });
    expect(await refusalOf(call)).toMatchObject({ error: 'invalid_client', status: 401 });
  });

  describe('a request that must be signed', () => {
    let keys: Awaited<ReturnType<typeof generateKeyPair>>;
    let signing: Asker;
    beforeAll(async () => {
      keys = await generateKeyPair('ES256', { extractable: true });
      const jwks = { keys: [await exportJWK(keys.publicKey)] };
      signing = await createAsker(server, { jwks, backchannel_authentication_request_signing_alg: 'ES256' });
    });
    const now = () => Math.floor(Date.now() / 1000);
    const sign = (claims: Record<string, unknown> = {}, { key = keys.privateKey, alg = 'ES256' } = {}) =>
      new SignJWT({
        ...{ iss: signing.clientId, aud: server.url, iat: now(), nbf: now(), exp: now() + 60, jti: randomUUID() },
        ...{ scope: 'openid', login_hint: 'a@example.com', ...claims },
      })
        .setProtectedHeader({ alg })
        .sign(key);
    const send = async (request: string) => {
      const body = new URLSearchParams({ request });
      const authorization = `Basic ${Buffer.from(`${signing.clientId}:${signing.secret}`).toString('base64')}`;
      const response = await fetch(`${server.url}/backchannel`, { method: 'POST', headers: { authorization }, body });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };

    test('is taken once, as it was signed', async () => {
      const person = await createPerson(server);
      const request = await sign({ login_hint: person.email, binding_message: 'Signed 1' });
      expect((await send(request)).status).toBe(200);
      expect((await openQuestion(server, person)).page.body).toContain('Signed 1');
      expect(await send(request)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      const parallel = await sign({ login_hint: person.email });
      const answers = await Promise.all(Array.from({ length: 10 }, () => send(parallel)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    });

    test('and is not', async () => {
      expect(await signing.refused({ login_hint: 'a@example.com' })).toMatchObject({ status: 400, error: 'invalid_request' });
    });

    test.each<[string, () => Promise<string>]>([
      ['by another key', async () => sign({}, { key: (await generateKeyPair('ES256')).privateKey })],
      ['by another algorithm', async () => sign({}, { key: (await generateKeyPair('PS256')).privateKey, alg: 'PS256' })],
      ['by nobody', async () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await sign()).split('.')[1]}.`],
      ['for another server', () => sign({ aud: 'https://other.example' })],
      ['for another client', () => sign({ iss: bank.clientId })],
      ['without an id', () => sign({ jti: undefined })],
      ['without a beginning', () => sign({ nbf: undefined })],
      ['long ago', () => sign({ exp: now() - 3600 })],
      ['for ever', () => sign({ exp: now() + 86_400 })],
    ])('and was signed %s', async (_how, make) => {
      const refused = await send(await make());
      expect(refused.status).toBe(400);
      expect(refused.body.error).toMatch(/^invalid_request/);
    });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['of no secret', { token_endpoint_auth_method: 'none' }, 'grant_types'],
    ['of push', { backchannel_token_delivery_mode: 'push' }, 'backchannel_token_delivery_mode'],
    ['of ping without an address', { backchannel_token_delivery_mode: 'ping' }, 'backchannel_client_notification_endpoint'],
    ['of user codes', { backchannel_user_code_parameter: true }, 'backchannel_user_code_parameter'],
    [
      'signed requests without keys',
      { backchannel_authentication_request_signing_alg: 'ES256' },
      'backchannel_authentication_request_signing_alg',
    ],
    [
      'of the profile fapi2',
      { profile: 'fapi2', jwks_uri: 'https://a.example/jwks', token_endpoint_auth_method: 'private_key_jwt' },
      'grant_types',
    ],
    ['of the profile service', { profile: 'service' }, 'grant_types'],
    ['that makes itself', {}, 'grant_types'],
  ])('a client %s', async (_what, metadata, path) => {
    const source = Object.keys(metadata).length === 0 ? 'registered' : 'operator';
    const call = server.services.clients.create(
      { client_name: 'Bank', grant_types: [CIBA_GRANT], redirect_uris: [], ...metadata },
      { source },
    );
    await expect(call).rejects.toMatchObject({
      code: 'clients.invalid',
      details: expect.arrayContaining([expect.objectContaining({ path })]),
    });
  });
});
