/** Signing in, staying signed in and signing out over the JSON API. */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { databases } from '../support/database.js';
import { type Answered, type Call, callApi, createApiPerson, type Json, signInByApi } from '../support/json-api.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

const codeOf = ({ status, body }: Answered) => [status, body.code];

describe.each(databases)('the JSON API on %s', (provider) => {
  let server: TestServer;
  /** accounts that need more than a password */
  const stronger = new Set<string>();
  beforeAll(async () => {
    server = await startTestServer({ provider, requiresInteraction: async (accountId) => stronger.has(accountId) });
  });
  afterAll(() => server?.close());
  afterEach(() => void vi.useRealTimers());

  const call = (method: string, path: string, options?: Call) => callApi(server, method, path, options);
  const login = (body: Json, headers: Record<string, string> = {}) => call('POST', '/auth/login', { body, headers });
  const refresh = (refreshToken: string) => call('POST', '/auth/refresh', { body: { refresh_token: refreshToken } });
  /** As a service that the operator made asks. */
  const isActive = async (token: string) => {
    const { client, clientSecret } = await server.services.clients.create(
      { client_name: 'a service', profile: 'service', scope: 'openid' },
      { source: 'operator' },
    );
    const authorization = `Basic ${Buffer.from(`${client.id}:${clientSecret}`).toString('base64')}`;
    const response = await fetch(`${server.url}/introspect`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ token }),
    });
    return ((await response.json()) as { active: boolean }).active;
  };

  test('signs in by address in any case, or by username, with tokens that any service verifies through the JWKS', async () => {
    const { account, email } = await createPerson(server, { username: `ann_${provider}` });
    for (const who of [{ email: email.toUpperCase() }, { username: `ANN_${provider}` }]) {
      const { status, body, headers } = await login({ ...who, password: PASSWORD });
      expect([status, headers.get('cache-control'), body.token_type, body.expires_in]).toEqual([200, 'no-store', 'Bearer', 900]);
      expect(body.user).toMatchObject({ id: account.id, email, role: 'user', roles: ['user'], is_active: true, is_verified: true });
      const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', server.url));
      const { payload } = await jwtVerify(String(body.access_token), keys, { issuer: server.url, audience: `${server.url}/api` });
      expect(payload).toMatchObject({ sub: account.id, scope: body.scope });
    }
  });

  test('gives a challenge with every 401, and says which code it is', async () => {
    const wrong = await login({ email: 'nobody@example.com', password: PASSWORD });
    expect([...codeOf(wrong), wrong.headers.get('www-authenticate')]).toEqual([
      401,
      'login.invalid_credentials',
      'Bearer realm="latchkey"',
    ]);
    const stale = await call('GET', '/auth/me', { token: 'stale' });
    expect([...codeOf(stale), stale.headers.get('www-authenticate')]).toEqual([
      401,
      'auth.invalid_token',
      `Bearer realm="latchkey", error="invalid_token", resource_metadata="${server.url}/.well-known/oauth-protected-resource/api"`,
    ]);
  });

  test('never lets an account in that needs more than a password, and says where to go on', async () => {
    const { account, email } = await createPerson(server);
    stronger.add(account.id);
    const { status, body, headers } = await login({ email, password: PASSWORD });
    expect([status, body.code, body.browser_url]).toEqual([403, 'login.interaction_required', `${server.url}/account`]);
    expect(headers.getSetCookie()).toEqual([]);
    expect(JSON.stringify(body)).not.toContain('token');
    expect(codeOf(await login({ email, password: 'wrong' }))).toEqual([401, 'login.invalid_credentials']);
    expect(await server.services.sessions.list(account.id)).toEqual([]);
  });

  test('refuses a disabled account at once, its tokens too', async () => {
    const { account, email, token, refreshToken } = await createApiPerson(server);
    await server.services.identity.accounts.disable(account.id);
    expect(codeOf(await login({ email, password: PASSWORD }))).toEqual([403, 'login.disabled']);
    expect(codeOf(await call('GET', '/auth/me', { token }))).toEqual([401, 'auth.invalid_token']);
    expect(codeOf(await refresh(refreshToken))).toEqual([401, 'refresh.invalid_token']);
    expect((await call('GET', '/auth/status', { token })).body).toMatchObject({ authenticated: false, user: null });
  });

  test('locks an account for unknown devices, and lets the device in that signed in before', async () => {
    const { email } = await createPerson(server);
    const given = (await login({ email, password: PASSWORD })).headers.getSetCookie();
    for (const cookie of given) expect(cookie).toMatch(/^device(\.sig)?=.*; samesite=lax; httponly$/i);
    for (let tries = 0; tries < 5; tries++) {
      expect((await login({ email, password: 'wrong' })).headers.getSetCookie()).toEqual([]);
    }
    const locked = await login({ email, password: PASSWORD });
    expect(codeOf(locked)).toEqual([403, 'login.locked']);
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(800);
    const cookie = given.map((each) => each.split(';')[0]).join('; ');
    expect((await login({ email, password: PASSWORD }, { cookie })).status).toBe(200);
  });

  test('signs out: the refresh token is dead at once, the access token here and by introspection', async () => {
    const { token, refreshToken, email } = await createApiPerson(server);
    const other = await signInByApi(server, email);
    expect(await isActive(token)).toBe(true);
    const { status, body } = await call('POST', '/auth/logout', { token });
    expect([status, body]).toEqual([200, { success: true }]);
    expect(codeOf(await call('GET', '/auth/me', { token }))).toEqual([401, 'auth.invalid_token']);
    expect(codeOf(await refresh(refreshToken))).toEqual([401, 'refresh.invalid_token']);
    expect([await isActive(token), await isActive(refreshToken)]).toEqual([false, false]);
    expect((await call('GET', '/auth/me', { token: other.token })).status).toBe(200);
  });

  test('lists sign-ins with the one that asks marked, and ends another by its id, or all of them', async () => {
    const first = await createApiPerson(server);
    const second = await signInByApi(server, first.email);
    const { body } = await call('GET', '/auth/sessions', { token: second.token, headers: { 'user-agent': 'Shop/1.0' } });
    const sessions = body.sessions as { id: string; kind: string; current: boolean }[];
    expect(sessions.map(({ kind }) => kind)).toEqual(['api', 'api']);
    const current = sessions.filter((session) => session.current);
    expect(current).toHaveLength(1);
    expect((await call('GET', '/auth/status', { token: second.token })).body.session_id).toBe(current[0]?.id);
    const elsewhere = sessions.find((session) => !session.current)?.id;
    expect((await call('POST', '/auth/logout', { body: { session_id: elsewhere }, token: second.token })).status).toBe(200);
    expect((await call('GET', '/auth/me', { token: first.token })).status).toBe(401);
    expect((await refresh(first.refreshToken)).status).toBe(401);

    const third = await signInByApi(server, first.email);
    expect((await call('POST', '/auth/logout', { body: { all: true }, token: third.token })).status).toBe(200);
    for (const each of [second, third]) {
      expect((await call('GET', '/auth/me', { token: each.token })).status).toBe(401);
      expect((await refresh(each.refreshToken)).status).toBe(401);
    }
  });

  test('ends nothing of anybody else', async () => {
    const [victim, other] = [await createApiPerson(server), await createApiPerson(server)];
    const [session] = await server.services.sessions.list(victim.account.id);
    const { token } = other;
    expect(codeOf(await call('POST', '/auth/logout', { body: { session_id: session?.uid }, token }))).toEqual([404, 'sessions.not_found']);
    expect(codeOf(await call('DELETE', `/auth/sessions/${session?.uid}`, { token }))).toEqual([404, 'sessions.not_found']);
    expect((await call('GET', '/auth/me', { token: victim.token })).status).toBe(200);
    expect((await refresh(victim.refreshToken)).status).toBe(200);
    expect((await call('GET', '/auth/me', { token })).status).toBe(200);
  });

  test('changes a password: the sign-in that did it goes on, every other ends', async () => {
    const first = await createApiPerson(server);
    const second = await signInByApi(server, first.email);
    const body = { current_password: PASSWORD, new_password: `${PASSWORD} anew` };
    expect((await call('POST', '/auth/password/change', { body, token: second.token })).status).toBe(200);
    expect((await call('GET', '/auth/me', { token: second.token })).status).toBe(200);
    expect((await refresh(second.refreshToken)).status).toBe(200);
    expect((await call('GET', '/auth/me', { token: first.token })).status).toBe(401);
    expect((await login({ email: first.email, password: PASSWORD })).status).toBe(401);
    expect((await login({ email: first.email, password: body.new_password })).status).toBe(200);
  });

  test('answers a retried refresh with the same successor, and ends the sign-in at a late one', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { refreshToken } = await createApiPerson(server);
    const answers = await Promise.all(Array.from({ length: 5 }, () => refresh(refreshToken)));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    vi.setSystemTime(Date.now() + 11_000);
    expect(codeOf(await refresh(refreshToken))).toEqual([401, 'refresh.invalid_token']);
    expect((await refresh(String(answers[0]?.body.refresh_token))).status).toBe(401);
  });

  test('tells an API key without profile:read that it is good and until when, and nothing of its owner', async () => {
    const { email, token } = await createApiPerson(server);
    const body = { name: 'Writes', permissions: ['profile:update'] };
    const headers = { 'x-api-key': String((await call('POST', '/auth/api-keys', { body, token })).body.key) };
    const status = await call('GET', '/auth/status', { headers });
    expect([status.status, status.body]).toEqual([200, { authenticated: true, expires_at: null, session_id: null, user: null }]);
    expect((await call('GET', '/v2/auth/status', { headers })).text).not.toContain(email);
    expect((await call('GET', '/auth/me', { headers })).status).toBe(403);
  });

  test('takes an API key where its owner’s token is taken, within its permissions and no further', async () => {
    const { account, token } = await createApiPerson(server);
    const made = await call('POST', '/auth/api-keys', { body: { name: 'Reports', permissions: ['profile:read'] }, token });
    const key = { 'x-api-key': String(made.body.key) };
    expect((await call('GET', '/auth/me', { headers: key })).body.id).toBe(account.id);
    expect((await call('GET', '/auth/status', { headers: key })).body).toMatchObject({ authenticated: true, session_id: null });
    expect(codeOf(await call('PATCH', '/auth/me', { body: { first_name: 'A' }, headers: key }))).toEqual([
      403,
      'auth.insufficient_permission',
    ]);
    for (const [method, path] of [
      ['POST', '/auth/logout'],
      ['POST', '/auth/password/change'],
      ['POST', '/auth/email/change'],
      ['GET', '/auth/sessions'],
      ['DELETE', '/auth/sessions/x'],
      ['GET', '/auth/api-keys'],
      ['POST', '/auth/api-keys'],
    ] as const) {
      expect([path, ...codeOf(await call(method, path, { headers: key }))]).toEqual([path, 403, 'auth.api_key_not_allowed']);
    }
    const { id } = made.body.api_key as { id: string };
    expect((await call('DELETE', `/auth/api-keys/${id}`, { token })).status).toBe(204);
    expect(codeOf(await call('GET', '/auth/me', { headers: key }))).toEqual([401, 'auth.invalid_api_key']);
  });
});

test('a client with tokens of 2 and 4 minutes that refreshes 30 seconds early stays signed in for a day', async () => {
  const server = await startTestServer();
  try {
    await server.services.clients.update('latchkey-api', { access_token_ttl_seconds: 120, refresh_token_ttl_seconds: 240 });
    vi.useFakeTimers({ toFake: ['Date'] });
    let { refreshToken } = await createApiPerson(server);
    const refreshAfter = async (seconds: number) => {
      vi.setSystemTime(Date.now() + seconds * 1000);
      const { status, body } = await callApi(server, 'POST', '/auth/refresh', { body: { refresh_token: refreshToken } });
      expect([status, body.expires_in]).toEqual([200, 120]);
      refreshToken = String(body.refresh_token);
    };
    const begun = Date.now();
    // Before its access token ends; then, as rarely as it may, before its refresh token does.
    while (Date.now() < begun + 3_600_000) await refreshAfter(90);
    while (Date.now() < begun + 86_400_000) await refreshAfter(210);
    vi.setSystemTime(Date.now() + 241_000);
    expect((await callApi(server, 'POST', '/auth/refresh', { body: { refresh_token: refreshToken } })).status).toBe(401);
  } finally {
    vi.useRealTimers();
    await server.close();
  }
});
