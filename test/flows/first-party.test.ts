/** Tokens for applications with their own sign-in form, before any JSON API: what they are, and that they live and die like all others. */
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { databases } from '../support/database.js';
import { createPerson } from '../support/people.js';
import { startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const GRANT_TYPE = 'urn:latchkey:grant-type:first-party';

describe.each(databases)('tokens of the first-party API on %s', (provider) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
  });
  afterAll(() => server?.close());
  afterEach(() => void vi.useRealTimers());

  type Person = Awaited<ReturnType<typeof createPerson>>;
  const signIn = ({ account }: Person) =>
    server.app.firstParty.signIn({
      accountId: account.id,
      generation: account.signInGeneration,
      amr: ['pwd'],
      ip: '192.0.2.7',
      userAgent: 'Shop/1.0',
    });
  const refresh = (refreshToken: string) => server.app.firstParty.refresh({ refreshToken, ip: '192.0.2.7' });
  const authenticate = (accessToken: string) => server.app.firstParty.authenticate(accessToken);
  const post = async (path: string, parameters: Record<string, string>, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.url}${path}`, { method: 'POST', body: new URLSearchParams(parameters), headers });
    return { status: response.status, body: (await response.json().catch(() => ({}))) as Record<string, unknown> };
  };
  const basic = (id: string, secret: string) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` });
  /** As a service that the operator made asks. */
  const isActive = async (token: string) => {
    const { client, clientSecret } = await server.services.clients.create(
      { client_name: 'a service', profile: 'service', scope: 'openid' },
      { source: 'operator' },
    );
    return (await post('/introspect', { token }, basic(client.id, clientSecret ?? ''))).body.active;
  };

  test('are RFC 9068 JWTs for our own APIs that any service verifies through the JWKS, with roles and permissions', async () => {
    const person = await createPerson(server);
    await server.services.identity.roles.grant(person.account.id, 'manager');
    const tokens = await signIn(person);
    const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', server.url));
    const { payload } = await jwtVerify(tokens.accessToken, keys, { issuer: server.url, audience: `${server.url}/api`, typ: 'at+jwt' });
    expect(payload).toMatchObject({ sub: person.account.id, client_id: 'latchkey-api', scope: 'account', roles: ['manager', 'user'] });
    expect(payload.permissions).toContain('user:read');
    expect(payload.permissions).not.toContain('role:grant');
    expect(tokens).toMatchObject({ accountId: person.account.id, expiresInSeconds: 900, scope: 'account' });
    expect(await isActive(tokens.accessToken)).toBe(true);
    expect(await isActive(tokens.refreshToken)).toBe(true);
  });

  test('show a change of roles at the next refresh', async () => {
    const person = await createPerson(server);
    const before = await signIn(person);
    await server.services.identity.roles.grant(person.account.id, 'admin');
    expect(decodeJwt(before.accessToken).roles).toEqual(['user']);
    const after = await refresh(before.refreshToken);
    expect(decodeJwt(after.accessToken).roles).toEqual(['admin', 'user']);
    expect(decodeJwt(after.accessToken).permissions).toContain('key:rotate');
    await server.services.identity.roles.revoke(person.account.id, 'admin');
    expect(decodeJwt((await refresh(after.refreshToken)).accessToken).roles).toEqual(['user']);
  });

  test('rotate by the rule of every refresh token: 50 parallel refreshes have one successor, a late one ends the sign-in', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const person = await createPerson(server);
    const first = await signIn(person);
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(first.refreshToken)));
    expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    const [{ refreshToken, accessToken } = first] = answers;
    expect(await authenticate(accessToken)).not.toBeNull();
    vi.setSystemTime(Date.now() + 11_000);
    await expect(refresh(first.refreshToken)).rejects.toMatchObject({ code: 'refresh.invalid_token', status: 401 });
    await expect(refresh(refreshToken)).rejects.toMatchObject({ code: 'refresh.invalid_token' });
    expect(await authenticate(accessToken)).toBeNull();
    expect(await isActive(accessToken)).toBe(false);
  });

  test('are refused at once by our own APIs when the grant behind them has ended, whatever ended it', async () => {
    const endings: Record<string, (person: Person, sessionId: string) => Promise<unknown>> = {
      'sign-out of the session': ({ account }, sessionId) => server.services.sessions.end(sessionId, { accountId: account.id }),
      'sign-out everywhere': ({ account }) => server.services.sessions.endAll(account.id),
      'a new password': ({ account }) =>
        server.services.identity.passwordChange.set({ accountId: account.id, newPassword: 'another horse battery staple 43' }),
      'a disabled account': ({ account }) => server.services.identity.accounts.disable(account.id),
      'a deleted account': ({ account }) => server.services.identity.accounts.delete(account.id),
      'a revoked grant': (_person, sessionId) => server.services.grants.revoke(sessionId),
    };
    for (const [what, end] of Object.entries(endings)) {
      const person = await createPerson(server);
      const tokens = await signIn(person);
      expect(await authenticate(tokens.accessToken), what).toMatchObject({ accountId: person.account.id, sessionId: tokens.sessionId });
      await end(person, tokens.sessionId);
      expect(await authenticate(tokens.accessToken), what).toBeNull();
      expect(await isActive(tokens.accessToken), what).toBe(false);
      expect(await isActive(tokens.refreshToken), what).toBe(false);
      await expect(refresh(tokens.refreshToken), what).rejects.toMatchObject({ code: 'refresh.invalid_token' });
    }
  });

  test('are not given for a sign-in that was checked before everything of the account was ended', async () => {
    const person = await createPerson(server);
    await server.services.sessions.endAll(person.account.id);
    await expect(signIn(person)).rejects.toMatchObject({ code: 'login.superseded', status: 401 });
    expect(await server.services.grants.listByAccount(person.account.id)).toEqual([]);
  });

  test('that are given while everything of the account is ended work nowhere', async () => {
    for (let round = 0; round < 6; round += 1) {
      const person = await createPerson(server);
      const [given] = await Promise.allSettled([signIn(person), server.services.sessions.endAll(person.account.id)]);
      expect(await server.services.sessions.list(person.account.id)).toEqual([]);
      if (given.status === 'rejected') expect(given.reason).toMatchObject({ code: 'login.superseded' });
      else expect(await authenticate(given.value.accessToken)).toBeNull();
    }
  });

  test('stand in the list of sessions, each sign-in once, and can be ended alone or be the one that is kept', async () => {
    const person = await createPerson(server);
    const [one, two] = [await signIn(person), await signIn(person)];
    await refresh(one.refreshToken);
    const listed = await server.services.sessions.list(person.account.id);
    expect(listed.map(({ uid }) => uid).sort()).toEqual([one.sessionId, two.sessionId].sort());
    expect(listed[0]).toMatchObject({ kind: 'api', ip: '192.0.2.7', userAgent: 'Shop/1.0' });
    await server.services.sessions.endAll(person.account.id, { exceptSessionUid: two.sessionId });
    expect((await server.services.sessions.list(person.account.id)).map(({ uid }) => uid)).toEqual([two.sessionId]);
    expect(await authenticate(one.accessToken)).toBeNull();
    expect(await authenticate(two.accessToken)).not.toBeNull();
    const stranger = await createPerson(server);
    expect(await server.services.sessions.end(two.sessionId, { accountId: stranger.account.id })).toBe(false);
    expect(await server.services.sessions.end(two.sessionId, { accountId: person.account.id })).toBe(true);
    expect(await server.services.sessions.end(two.sessionId, { accountId: person.account.id })).toBe(false);
  });

  test('cannot be had from outside: the grant is unknown to everybody, named nowhere, and the client speaks for nobody', async () => {
    const metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as { grant_types_supported: string[] };
    expect(metadata.grant_types_supported).not.toContain(GRANT_TYPE);
    const { client, clientSecret } = await server.services.clients.create(
      { client_name: 'a service', profile: 'service', scope: 'openid', first_party: true },
      { source: 'operator' },
    );
    const own = basic(client.id, clientSecret ?? '');
    const unknown = await post('/token', { grant_type: 'urn:example:no-such-grant' }, own);
    expect(await post('/token', { grant_type: GRANT_TYPE }, own)).toEqual(unknown);
    expect(unknown).toMatchObject({ status: 400, body: { error: 'unsupported_grant_type' } });
    // Even with its secret, which nobody has.
    const builtIn = await server.services.clients.findProviderMetadata('latchkey-api');
    const inside = basic('latchkey-api', String(builtIn?.client_secret));
    expect(await post('/token', { grant_type: GRANT_TYPE }, inside)).toEqual(unknown);
    const person = await createPerson(server);
    const tokens = await signIn(person);
    for (const headers of [{}, basic('latchkey-api', 'guess')]) {
      const parameters = { grant_type: 'refresh_token', refresh_token: tokens.refreshToken, client_id: 'latchkey-api' };
      expect(await post('/token', parameters, headers)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
      expect(await post('/revoke', { token: tokens.refreshToken, client_id: 'latchkey-api' }, headers)).toMatchObject({ status: 401 });
    }
    expect(await authenticate(tokens.accessToken)).not.toBeNull();
  });

  test('are for first-party applications alone: no other can name our own APIs as resource, and no program for itself', async () => {
    const audience = `${server.url}/api`;
    const { client, clientSecret } = await server.services.clients.create(
      { client_name: 'a service', profile: 'service', scope: 'account', first_party: true },
      { source: 'operator' },
    );
    const parameters = { grant_type: 'client_credentials', resource: audience, scope: 'account' };
    const refused = await post('/token', parameters, basic(client.id, clientSecret ?? ''));
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
    const asked = await fetch(
      `${server.url}/authorize?${new URLSearchParams({
        client_id: 'shop',
        response_type: 'code',
        redirect_uri: (await server.services.clients.find('shop'))?.redirectUris[0] ?? '',
        scope: 'openid account',
        resource: audience,
        state: 's',
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: 'S256',
      })}`,
      { redirect: 'manual' },
    );
    expect(asked.headers.get('location')).toContain('error=invalid_target');
  });

  test('of other kinds are nothing to our own APIs', async () => {
    const person = await createPerson(server);
    const tokens = await signIn(person);
    const [header, payload, signature] = tokens.accessToken.split('.');
    const jti = String(decodeJwt(tokens.accessToken).jti);
    for (const token of [
      '',
      'x',
      jti,
      tokens.refreshToken,
      `${header}.${payload}.`,
      `${header}.${payload}.${signature}x`,
      'a'.repeat(10_000),
    ])
      expect(await authenticate(token)).toBeNull();
  });
});
