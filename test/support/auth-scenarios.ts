import { Browserless } from './browserless.js';
import { type Answered, type Call, callApi, createApiPerson, mailTokenTo } from './json-api.js';
import { createPerson, PASSWORD } from './people.js';
import type { TestServer } from './server.js';

/** How each documented answer comes about: `METHOD path status`. */
export type Scenarios = Record<string, () => Promise<Answered>>;

export type World = {
  server: TestServer;
  /** one where nobody may register */
  closed: TestServer;
};

const NEW_PASSWORD = `${PASSWORD} anew`;
/** With an offset, as a client may write it. */
const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString().replace('Z', '+00:00');
let made = 0;
const bystanders = new WeakMap<TestServer, ReturnType<typeof createApiPerson>>();
const freshAddress = () => `api${++made}@example.com`;

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const camelKeys = (body: object) => Object.fromEntries(Object.entries(body).map(([name, value]) => [camel(name), value]));

/** Every answer of the calls for accounts, in one of the two styles. @param world asked when a scenario runs */
export function authScenarios(prefix: '/auth' | '/v2/auth', world: () => World): Scenarios {
  const server = () => world().server;
  const inStyle = (body: unknown) =>
    prefix === '/v2/auth' && typeof body === 'object' && body !== null && !Array.isArray(body) ? camelKeys(body) : body;
  const call = (method: string, path: string, { body, ...rest }: Call = {}, at = server()) =>
    callApi(at, method, prefix + path, { ...rest, ...(body === undefined ? {} : { body: inStyle(body) }) });
  const post = (path: string, body: unknown, token?: string) => call('POST', path, { body, ...(token ? { token } : {}) });
  const person = () => createApiPerson(server());
  /** For what changes nothing of a person. */
  const anybody = () => {
    const known = bystanders.get(server()) ?? person();
    bystanders.set(server(), known);
    return known;
  };
  const withoutRole = async () => {
    const someone = await person();
    await server().services.identity.roles.revoke(someone.account.id, 'user');
    return someone;
  };
  /** An account that was made by the API and waits for its confirmation. */
  const registered = async () => {
    const email = freshAddress();
    const { status } = await callApi(server(), 'POST', '/auth/register', { body: { email, password: PASSWORD } });
    if (status !== 201) throw new Error(`not registered: ${status}`);
    return email;
  };
  /** The token of a registration that was begun on our pages. */
  const begunOnPages = async () => {
    const email = freshAddress();
    const browser = new Browserless();
    await browser.submit(await browser.open(`${server().url}/register`), '/register', { email, password: PASSWORD });
    return mailTokenTo(server(), email);
  };
  const resetToken = async () => {
    const { email } = await createPerson(server());
    await post('/password-reset/request', { email });
    return mailTokenTo(server(), email);
  };

  /** Somebody who has asked for another address. */
  const changing = async () => {
    const newEmail = freshAddress();
    await post('/email/change', { current_password: PASSWORD, new_email: newEmail }, (await person()).token);
    return { newEmail, token: await mailTokenTo(server(), newEmail) };
  };
  const withKey = async () => {
    const someone = await anybody();
    const { identity } = server().services;
    const { apiKey } = await identity.apiKeys.create({ accountId: someone.account.id, name: 'A key', permissions: ['profile:read'] });
    return { ...someone, id: apiKey.id };
  };

  const scenarios: Scenarios = {
    'POST /register 201': () => post('/register', { email: freshAddress(), password: PASSWORD, first_name: 'Ann', full_name: null }),
    'POST /register 403': () => call('POST', '/register', { body: { email: freshAddress(), password: PASSWORD } }, world().closed),
    'POST /register 409': async () => post('/register', { email: (await createPerson(server())).email, password: PASSWORD }),
    'POST /register 422': () => post('/register', { email: 'nobody', password: PASSWORD, first_name: 'a\nb' }),

    'POST /login 200': async () => post('/login', { email: (await createPerson(server())).email, password: PASSWORD }),
    'POST /login 401': () => post('/login', { email: freshAddress(), password: PASSWORD }),
    'POST /login 403': async () => {
      const { account, email } = await createPerson(server());
      await server().services.identity.accounts.disable(account.id);
      return post('/login', { email, password: PASSWORD });
    },
    'POST /login 422': () => post('/login', { email: 'a@example.com', username: 'a', password: PASSWORD }),

    'POST /refresh 200': async () => post('/refresh', { refresh_token: (await person()).refreshToken }),
    'POST /refresh 401': () => post('/refresh', { refresh_token: 'nothing' }),
    'POST /refresh 422': () => post('/refresh', {}),

    'GET /me 200': async () => call('GET', '/me', { token: (await anybody()).token }),
    'GET /me 401': () => call('GET', '/me'),
    'GET /me 403': async () => call('GET', '/me', { token: (await withoutRole()).token }),
    'PATCH /me 200': async () => call('PATCH', '/me', { body: { last_name: 'Lee', username: '' }, token: (await person()).token }),
    'PATCH /me 401': () => call('PATCH', '/me', { body: {}, token: 'bad' }),
    'PATCH /me 403': async () => call('PATCH', '/me', { body: {}, token: (await withoutRole()).token }),
    'PATCH /me 409': async () => {
      const username = `name${++made}`;
      await createPerson(server(), { username });
      return call('PATCH', '/me', { body: { username }, token: (await anybody()).token });
    },
    'PATCH /me 422': async () => call('PATCH', '/me', { body: { last_name: 1 }, token: (await anybody()).token }),

    'POST /email/verify 200': async () => post('/email/verify', { token: await mailTokenTo(server(), await registered()) }),
    'POST /email/verify 400': () => post('/email/verify', { token: 'nothing' }),
    'POST /email/verify 401': async () => post('/email/verify', { token: await begunOnPages() }),
    'POST /email/verify 403': async () => {
      const token = await begunOnPages();
      for (let tries = 0; tries < 5; tries++) await post('/email/verify', { token, password: 'wrong' });
      return post('/email/verify', { token, password: 'wrong' });
    },
    'POST /email/verify 422': () => post('/email/verify', { token: 1 }),
    'POST /email/resend 200': async () => post('/email/resend', { email: await registered() }),
    'POST /email/resend 422': () => post('/email/resend', {}),

    'GET /status 200': async () => call('GET', '/status', { token: (await anybody()).token }),

    'POST /logout 200': async () => call('POST', '/logout', { token: (await person()).token }),
    'POST /logout 401': () => call('POST', '/logout'),
    'POST /logout 404': async () => post('/logout', { session_id: 'nothing' }, (await anybody()).token),
    'POST /logout 422': async () => post('/logout', { session_id: 'x', all: true }, (await anybody()).token),

    'GET /sessions 200': async () => call('GET', '/sessions', { token: (await anybody()).token }),
    'GET /sessions 401': () => call('GET', '/sessions'),
    'DELETE /sessions/{id} 204': async () => {
      const { account, token } = await person();
      const [session] = await server().services.sessions.list(account.id);
      return call('DELETE', `/sessions/${session?.uid}`, { token });
    },
    'DELETE /sessions/{id} 401': () => call('DELETE', '/sessions/nothing'),
    'DELETE /sessions/{id} 404': async () => call('DELETE', '/sessions/nothing', { token: (await anybody()).token }),

    'POST /password/change 200': async () =>
      post('/password/change', { current_password: PASSWORD, new_password: NEW_PASSWORD }, (await person()).token),
    'POST /password/change 401': async () =>
      post('/password/change', { current_password: 'wrong', new_password: NEW_PASSWORD }, (await person()).token),
    'POST /password/change 409': async () => {
      const { account, token } = await person();
      const { passwords } = server().services.identity;
      const hash = passwords.hash;
      // Somebody else changes it after the current one was found right.
      passwords.hash = async (password) => {
        passwords.hash = hash;
        await server().services.identity.passwordChange.set({ accountId: account.id, newPassword: `${NEW_PASSWORD} elsewhere` });
        return hash(password);
      };
      return post('/password/change', { current_password: PASSWORD, new_password: NEW_PASSWORD }, token);
    },
    'POST /password/change 422': async () =>
      post('/password/change', { current_password: PASSWORD, new_password: 'password' }, (await anybody()).token),

    'POST /password-reset/request 200': () => post('/password-reset/request', { email: freshAddress() }),
    'POST /password-reset/request 422': () => post('/password-reset/request', { email: null }),
    'POST /password-reset/confirm 200': async () =>
      post('/password-reset/confirm', { token: await resetToken(), new_password: NEW_PASSWORD }),
    'POST /password-reset/confirm 400': () => post('/password-reset/confirm', { token: 'nothing', new_password: NEW_PASSWORD }),
    'POST /password-reset/confirm 422': async () => post('/password-reset/confirm', { token: await resetToken(), new_password: 'short' }),

    'POST /email/change 200': async () =>
      post('/email/change', { current_password: PASSWORD, new_email: freshAddress() }, (await person()).token),
    'POST /email/change 401': async () =>
      post('/email/change', { current_password: 'wrong', new_email: freshAddress() }, (await person()).token),
    'POST /email/change 422': async () =>
      post('/email/change', { current_password: PASSWORD, new_email: 'nobody' }, (await anybody()).token),
    'POST /email/change/confirm 200': async () => post('/email/change/confirm', { token: (await changing()).token }),
    'POST /email/change/confirm 400': () => post('/email/change/confirm', { token: 'nothing' }),
    'POST /email/change/confirm 409': async () => {
      const { token, newEmail } = await changing();
      await createPerson(server(), { email: newEmail });
      return post('/email/change/confirm', { token });
    },
    'POST /email/change/confirm 422': () => post('/email/change/confirm', { token: '' }),

    'POST /api-keys 201': async () =>
      post('/api-keys', { name: 'Reports', permissions: ['profile:read'], expires_at: tomorrow() }, (await person()).token),
    'POST /api-keys 401': () => post('/api-keys', { name: 'Reports', permissions: ['profile:read'] }),
    'POST /api-keys 409': async () => {
      const { account, token } = await person();
      const key = { accountId: account.id, name: 'One of many', permissions: ['profile:read'] };
      for (let count = 0; count < 50; count++) await server().services.identity.apiKeys.create(key);
      return post('/api-keys', { name: 'One too many', permissions: ['profile:read'] }, token);
    },
    'POST /api-keys 422': async () => post('/api-keys', { name: 'Mine', permissions: ['client:delete'] }, (await anybody()).token),
    'GET /api-keys 200': async () => call('GET', '/api-keys', { token: (await withKey()).token }),
    'GET /api-keys 401': () => call('GET', '/api-keys'),
    'DELETE /api-keys/{id} 204': async () => {
      const { token, id } = await withKey();
      return call('DELETE', `/api-keys/${id}`, { token });
    },
    'DELETE /api-keys/{id} 401': () => call('DELETE', '/api-keys/nothing'),
    'DELETE /api-keys/{id} 404': async () => call('DELETE', `/api-keys/${(await withKey()).id}`, { token: (await person()).token }),
  };
  // Where an access token is needed, a key is refused, whatever it is.
  const tokenOnly = ['POST /logout', 'GET /sessions', 'DELETE /sessions/{id}', 'POST /password/change', 'POST /email/change'];
  for (const at of [...tokenOnly, 'POST /api-keys', 'GET /api-keys', 'DELETE /api-keys/{id}']) {
    const [method = '', path = ''] = at.split(' ');
    scenarios[`${at} 403`] = () => call(method, path.replace('{id}', 'x'), { headers: { 'x-api-key': 'lk_any' } });
  }
  return Object.fromEntries(Object.entries(scenarios).map(([key, run]) => [key.replace(' /', ` ${prefix}/`), run]));
}
