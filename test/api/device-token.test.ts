/** Programs without cookies, and pages of other origins, are known devices by a header, so that no stranger locks them out. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi, createApiPerson, mailTokenTo } from '../support/json-api.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { times } from '../support/storage.js';

const TOKEN = /^[\w-]{22}(\.[\w-]{22})+$/;
const NEW_PASSWORD = `${PASSWORD} anew`;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    env: { LIMIT_FAILED_LOGINS_PER_MINUTE: '1000', FIRST_PARTY_ORIGINS: 'https://app.example.org' },
  });
});
afterAll(() => server?.close());

const login = (email: string, { password = PASSWORD, device, path = '/auth/login', headers = {} }: Login = {}) =>
  callApi(server, 'POST', path, {
    body: { email, password },
    headers: { ...headers, ...(device === undefined ? {} : { 'x-device-token': device }) },
  });
type Login = { password?: string; device?: string | undefined; path?: string; headers?: Record<string, string> };
const deviceOf = ({ headers }: { headers: Headers }) => headers.get('x-device-token') ?? '';
const lock = (email: string) => Promise.all(times(5, (index) => login(email, { password: `wrong ${index}` })));

describe.each(['/auth', '/v2/auth'])('a device token of %s', (prefix) => {
  const path = `${prefix}/login`;

  it('lets the program in that signed in before, however often strangers guess', async () => {
    const { email } = await createPerson(server);
    const first = await login(email, { path });
    expect(deviceOf(first)).toMatch(TOKEN);
    expect(first.text).not.toContain(deviceOf(first));
    await lock(email);
    expect(await login(email, { path })).toMatchObject({ status: 403, body: { code: 'login.locked' } });
    const known = await login(email, { path, device: deviceOf(first) });
    expect(known.status).toBe(200);
    expect(deviceOf(known)).toBe(deviceOf(first));
  });

  it('comes with a new password too, changed or reset, and the one before is known no more', async () => {
    const { email, token } = await createApiPerson(server);
    const inStyle = (one: string, other: string) => (prefix === '/auth' ? one : other);
    const before = deviceOf(await login(email));
    const changed = await callApi(server, 'POST', `${prefix}/password/change`, {
      token,
      body: { [inStyle('current_password', 'currentPassword')]: PASSWORD, [inStyle('new_password', 'newPassword')]: NEW_PASSWORD },
    });
    expect([changed.status, changed.body]).toEqual([200, prefix === '/auth' ? { success: true } : { data: { success: true } }]);
    await callApi(server, 'POST', '/auth/password-reset/request', { body: { email } });
    await lock(email);
    expect((await login(email, { path, password: NEW_PASSWORD, device: before })).status).toBe(403);
    expect((await login(email, { path, password: NEW_PASSWORD, device: deviceOf(changed) })).status).toBe(200);

    const reset = await callApi(server, 'POST', `${prefix}/password-reset/confirm`, {
      body: { token: await mailTokenTo(server, email), [inStyle('new_password', 'newPassword')]: `${NEW_PASSWORD} still` },
    });
    expect(reset.status).toBe(200);
    await lock(email);
    expect((await login(email, { path, password: `${NEW_PASSWORD} still`, device: deviceOf(changed) })).status).toBe(403);
    expect((await login(email, { path, password: `${NEW_PASSWORD} still`, device: deviceOf(reset) })).status).toBe(200);
  });
});

describe('a device token', () => {
  it('is no credential: it signs nobody in, and has a counter of its own for wrong passwords', async () => {
    const { email } = await createPerson(server);
    const device = deviceOf(await login(email));
    const guesses = await Promise.all(times(5, (index) => login(email, { password: `wrong ${index}`, device })));
    expect(guesses.map(({ status }) => status)).not.toContain(200);
    expect(guesses.map(deviceOf)).toEqual(times(5, () => ''));
    expect((await login(email, { device })).status).toBe(403);
    expect((await login(email)).status).toBe(200);
  });

  it('of somebody else, or one that is none, is that of an unknown device', async () => {
    const [{ email }, other] = [await createPerson(server), await createPerson(server)];
    const others = deviceOf(await login(other.email));
    await lock(email);
    for (const device of [others, 'x', `${others}, ${others}`, 'A'.repeat(4000), '..', `${'A'.repeat(22)}.${'A'.repeat(22)}`])
      expect((await login(email, { device })).status, device.slice(0, 60)).toBe(403);
  });

  it('in the header counts, whatever the cookie says', async () => {
    const { email } = await createPerson(server);
    const first = await login(email);
    const cookie = first.headers
      .getSetCookie()
      .map((each) => each.split(';')[0])
      .join('; ');
    await lock(email);
    expect((await login(email, { headers: { cookie }, device: 'x' })).status).toBe(403);
    expect((await login(email, { headers: { cookie } })).status).toBe(200);
    expect((await login(email, { headers: { cookie: 'device=x' }, device: deviceOf(first) })).status).toBe(200);
  });

  it('may be sent and read by pages of allowed origins', async () => {
    const { email } = await createPerson(server);
    const origin = 'https://app.example.org';
    const preflight = await callApi(server, 'OPTIONS', '/auth/login', { headers: { origin, 'access-control-request-method': 'POST' } });
    expect(preflight.headers.get('access-control-allow-headers')).toContain('X-Device-Token');
    const answer = await login(email, { headers: { origin } });
    expect(answer.headers.get('access-control-expose-headers')).toContain('X-Device-Token');
  });

  it('is told of in the description of each call that gives one', async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { description?: string }>>;
    };
    for (const prefix of ['/auth', '/v2/auth'])
      for (const path of ['login', 'password/change', 'password-reset/confirm', 'email/verify'])
        expect(paths[`${prefix}/${path}`]?.post?.description, path).toContain('X-Device-Token');
  });
});
