/** The two styles as clients are written to them, word for word. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { type Call, callApi, mailTokenTo } from '../support/json-api.js';
import { PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.close());

const call = (method: string, path: string, options?: Call) => callApi(server, method, path, options);
const post = (path: string, body: unknown, token?: string) => call('POST', path, { body, ...(token ? { token } : {}) });
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test('/auth speaks snake_case and answers tokens as RFC 6749 does', async () => {
  const registered = await post('/auth/register', { email: 'Ann@Example.com', password: PASSWORD, first_name: 'Ann', role: 'admin' });
  expect(registered.status).toBe(201);
  expect(registered.body).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    email: 'ann@example.com',
    username: null,
    first_name: 'Ann',
    last_name: null,
    full_name: null,
    role: 'user',
    roles: ['user'],
    is_active: true,
    is_verified: false,
    created_at: expect.stringMatching(ISO),
  });
  const again = await post('/auth/register', { email: 'ann@example.com', password: PASSWORD });
  expect([again.status, again.body.code, again.body.errors]).toEqual([
    409,
    'accounts.email_taken',
    [{ path: 'email', message: 'This address already has an account.' }],
  ]);

  const signedIn = await post('/auth/login', { email: 'ann@example.com', password: PASSWORD });
  expect(Object.keys(signedIn.body).sort()).toEqual(['access_token', 'expires_in', 'refresh_token', 'scope', 'token_type', 'user']);
  expect(signedIn.body.user).toEqual(registered.body);
  const refreshed = await post('/auth/refresh', { refresh_token: signedIn.body.refresh_token });
  expect(Object.keys(refreshed.body).sort()).toEqual(Object.keys(signedIn.body).sort());
  const token = String(refreshed.body.access_token);
  const changed = await call('PATCH', '/auth/me', { body: { last_name: 'Lee', first_name: null }, token });
  expect(changed.body).toMatchObject({ first_name: null, last_name: 'Lee', email: 'ann@example.com' });
  const status = await call('GET', '/auth/status', { token });
  expect(status.body).toMatchObject({ authenticated: true, expires_at: expect.stringMatching(ISO), user: { last_name: 'Lee' } });
  const weak = await post('/auth/password/change', { current_password: PASSWORD, new_password: 'password' }, token);
  expect([weak.status, weak.body.errors]).toMatchObject([422, [{ path: 'new_password' }]]);
  const wrong = await post('/auth/password/change', { current_password: 'wrong', new_password: 'x' }, token);
  expect([wrong.status, wrong.body.errors]).toMatchObject([401, [{ path: 'current_password' }]]);
});

test('/v2/auth speaks camelCase inside data, and answers a session with its account', async () => {
  const account = {
    id: expect.any(String),
    email: 'bob@example.com',
    username: 'bob',
    firstName: 'Bob',
    lastName: null,
    fullName: null,
    role: 'user',
    roles: ['user'],
    isActive: true,
    isVerified: false,
    createdAt: expect.stringMatching(ISO),
  };
  const session = { account, token: expect.any(String), refreshToken: expect.any(String), expiresAt: expect.stringMatching(ISO) };
  const registered = await post('/v2/auth/register', { email: 'bob@example.com', password: PASSWORD, username: 'bob', firstName: 'Bob' });
  expect([registered.status, registered.body]).toEqual([201, { data: session }]);
  const signedIn = await post('/v2/auth/login', { username: 'bob', password: PASSWORD });
  expect([signedIn.status, signedIn.body]).toEqual([200, { data: session }]);
  const { token, refreshToken, expiresAt } = signedIn.body.data as { token: string; refreshToken: string; expiresAt: string };
  expect(Math.abs(Date.parse(expiresAt) - Date.now() - 900_000)).toBeLessThan(60_000);
  const refreshed = await post('/v2/auth/refresh', { refreshToken });
  expect([refreshed.status, refreshed.body]).toEqual([200, { data: session }]);
  expect((await call('GET', '/v2/auth/me', { token })).body).toEqual({ data: account });
  const wrong = await post('/v2/auth/password/change', { currentPassword: 'wrong', newPassword: `${PASSWORD} anew` }, token);
  expect([wrong.status, wrong.body.code, wrong.body.errors]).toMatchObject([
    401,
    'password_change.wrong_current',
    [{ path: 'currentPassword' }],
  ]);
  const changed = await post('/v2/auth/password/change', { currentPassword: PASSWORD, newPassword: `${PASSWORD} anew` }, token);
  expect([changed.status, changed.body]).toEqual([200, { data: { success: true } }]);
  const missing = await post('/v2/auth/password/change', {}, token);
  expect((missing.body.errors as { path: string }[]).map(({ path }) => path)).toEqual(['currentPassword', 'newPassword']);
  expect((await post('/v2/auth/logout', { sessionId: 'nothing' }, token)).status).toBe(404);
  expect((await post('/v2/auth/logout', {}, token)).body).toEqual({ data: { success: true } });
  expect((await call('GET', '/v2/auth/me', { token })).status).toBe(401);
  expect((await call('GET', '/v2/health')).body).toEqual({ data: { status: 'ok' } });
});

describe('the mail to a person who registered over the API', () => {
  const register = async (email: string) => void (await post('/auth/register', { email, password: PASSWORD }));
  const isVerified = async (email: string) => (await server.services.identity.accounts.findByEmail(email))?.emailVerifiedAt !== null;

  test('carries a token that confirms the address once', async () => {
    await register('carol@example.com');
    const token = await mailTokenTo(server, 'carol@example.com');
    const answers = await Promise.all(Array.from({ length: 5 }, () => post('/auth/email/verify', { token })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400]);
    expect((await post('/auth/email/verify', { token })).body.code).toBe('token.already_used');
    expect(await isVerified('carol@example.com')).toBe(true);
  });

  test('links to our page, which asks for the password first', async () => {
    await register('dan@example.com');
    const [link = ''] = await server.linksTo('dan@example.com');
    const browser = new Browserless();
    const page = await browser.open(link);
    expect(page.body).toContain('name="password"');
    await browser.submit(page, '/register/verify', { password: 'not the password' });
    expect(await isVerified('dan@example.com')).toBe(false);
    await browser.submit(page, '/register/verify', { password: PASSWORD });
    expect(await isVerified('dan@example.com')).toBe(true);
  });

  test('is sent again when it is asked for, with a token that works', async () => {
    await register('eve@example.com');
    expect((await post('/auth/email/resend', { email: 'EVE@example.com' })).body).toEqual({ success: true });
    expect((await server.linksTo('eve@example.com')).length).toBe(2);
    expect((await post('/auth/email/verify', { token: await mailTokenTo(server, 'eve@example.com') })).status).toBe(200);
  });

  test('leaves a registration that was begun on our pages to its password', async () => {
    const browser = new Browserless();
    await browser.submit(await browser.open(`${server.url}/register`), '/register', { email: 'fay@example.com', password: PASSWORD });
    const token = await mailTokenTo(server, 'fay@example.com');
    expect((await post('/auth/email/verify', { token })).body.code).toBe('registration.password_required');
    expect((await post('/auth/email/verify', { token, password: PASSWORD })).status).toBe(200);
    expect((await post('/auth/login', { email: 'fay@example.com', password: PASSWORD })).status).toBe(200);
  });
});

test('a forgotten password is replaced with the token of a mail, which ends every sign-in', async () => {
  await post('/auth/register', { email: 'gil@example.com', password: PASSWORD });
  const before = await post('/auth/login', { email: 'gil@example.com', password: PASSWORD });
  expect((await post('/auth/password-reset/request', { email: 'gil@example.com' })).body).toEqual({ success: true });
  const token = await mailTokenTo(server, 'gil@example.com');
  const weak = await post('/auth/password-reset/confirm', { token, new_password: 'short' });
  expect([weak.status, weak.body.errors]).toMatchObject([422, [{ path: 'new_password' }]]);
  expect((await post('/auth/password-reset/confirm', { token, new_password: `${PASSWORD} anew` })).status).toBe(200);
  expect((await post('/auth/password-reset/confirm', { token, new_password: `${PASSWORD} anew` })).body.code).toBe('token.already_used');
  expect((await call('GET', '/auth/me', { token: String(before.body.access_token) })).status).toBe(401);
  expect((await post('/auth/login', { email: 'gil@example.com', password: `${PASSWORD} anew` })).body.user).toMatchObject({
    is_verified: true,
  });
});
