import type { Scenarios, World } from './auth-scenarios.js';
import { type Call, callApi, createApiPerson } from './json-api.js';
import { createPerson, PASSWORD } from './people.js';

const NEW_PASSWORD = `${PASSWORD} anew`;
const NOBODY = '00000000-0000-4000-8000-000000000000';
let made = 0;
const freshAddress = () => `listed${++made}@example.com`;

/** Every answer of the calls for looking after accounts. @param world asked when a scenario runs */
export function userScenarios(world: () => World): Scenarios {
  const server = () => world().server;
  const call = (method: string, path: string, options: Call = {}) => callApi(server(), method, `/api${path}`, options);
  const signInAs = async (...roles: string[]) => (await createApiPerson(server(), { roles: [...roles, 'user'] })).token;
  const someone = async (roles: string[] = []) => (await createPerson(server(), { roles: [...roles, 'user'] })).account.id;
  const as = async (role: string, method: string, path: string, body?: unknown) =>
    call(method, path, { token: role === 'user' ? await signInAs() : await signInAs(role), ...(body === undefined ? {} : { body }) });

  /** Somebody who may do everything without being an administrator, beside the one administrator there is. */
  async function besideLastAdmin(method: string, path: string, body?: unknown) {
    const { client } = server().services.db;
    const { permissions } = (await server().services.identity.roles.list()).find(({ name }) => name === 'admin') ?? { permissions: [] };
    const role = `deputy${++made}`;
    await client.role.create({
      data: { name: role, description: '', permissions: { create: permissions.map((permission) => ({ permission })) } },
    });
    await client.accountRole.deleteMany({ where: { roleName: 'admin' } });
    const last = await someone(['admin']);
    return as(role, method, path.replace('{id}', last), body);
  }

  const scenarios: Scenarios = {
    'GET /users 200': () => as('manager', 'GET', '/users?limit=2&sort=email&order=desc&verified=true&status=active&role=user&q=p'),
    'GET /users 400': () => as('manager', 'GET', '/users?cursor=nothing'),
    'GET /users 401': () => call('GET', '/users'),
    'GET /users 403': () => as('user', 'GET', '/users'),
    'GET /users 422': () => as('manager', 'GET', '/users?limit=201&sort=password_hash'),
    'GET /users/statistics 200': () => as('manager', 'GET', '/users/statistics'),
    'GET /users/statistics 401': () => call('GET', '/users/statistics'),
    'GET /users/statistics 403': () => as('user', 'GET', '/users/statistics'),
    'GET /roles 200': () => as('manager', 'GET', '/roles'),
    'GET /roles 401': () => call('GET', '/roles'),
    'GET /roles 403': () => as('user', 'GET', '/roles'),

    'GET /audit 200': () => as('manager', 'GET', '/audit?limit=2&type=login.*&since=2026-01-01T00:00:00Z'),
    'GET /audit 400': () => as('manager', 'GET', '/audit?cursor=nothing'),
    'GET /audit 401': () => call('GET', '/audit'),
    'GET /audit 403': () => as('user', 'GET', '/audit'),
    'GET /audit 422': () => as('manager', 'GET', '/audit?type=nothing.here&since=yesterday'),

    'POST /users 201': () =>
      as('admin', 'POST', '/users', { email: freshAddress(), password: PASSWORD, roles: ['manager', 'user'], is_verified: true }),
    'POST /users 401': () => call('POST', '/users', { body: { email: freshAddress() } }),
    'POST /users 403': () => as('manager', 'POST', '/users', { email: freshAddress(), roles: ['manager'] }),
    'POST /users 409': async () => as('admin', 'POST', '/users', { email: (await createPerson(server())).email }),
    'POST /users 422': () => as('admin', 'POST', '/users', { email: freshAddress(), roles: ['emperor'] }),

    'GET /users/{id} 200': async () => as('manager', 'GET', `/users/${await someone()}`),
    'GET /users/{id} 401': async () => call('GET', `/users/${await someone()}`),
    'GET /users/{id} 403': async () => as('user', 'GET', `/users/${await someone()}`),
    'GET /users/{id} 404': () => as('manager', 'GET', `/users/${NOBODY}`),
    'PATCH /users/{id} 200': async () =>
      as('admin', 'PATCH', `/users/${await someone()}`, { email: freshAddress(), is_verified: true, full_name: 'Ann Lee', username: null }),
    'PATCH /users/{id} 401': () => call('PATCH', `/users/${NOBODY}`, { body: {} }),
    'PATCH /users/{id} 403': async () => as('manager', 'PATCH', `/users/${await someone(['admin'])}`, { email: freshAddress() }),
    'PATCH /users/{id} 404': () => as('admin', 'PATCH', `/users/${NOBODY}`, { last_name: 'Lee' }),
    'PATCH /users/{id} 409': async () => as('admin', 'PATCH', `/users/${await someone()}`, { email: (await createPerson(server())).email }),
    'PATCH /users/{id} 422': async () => as('admin', 'PATCH', `/users/${await someone()}`, { email: 'no address', roles: ['admin'] }),
    'DELETE /users/{id} 204': async () => as('admin', 'DELETE', `/users/${await someone()}`),
    'DELETE /users/{id} 401': () => call('DELETE', `/users/${NOBODY}`),
    'DELETE /users/{id} 403': async () => as('manager', 'DELETE', `/users/${await someone()}`),
    'DELETE /users/{id} 404': () => as('admin', 'DELETE', `/users/${NOBODY}`),
    'DELETE /users/{id} 409': () => besideLastAdmin('DELETE', '/users/{id}'),

    'POST /users/{id}/disable 409': () => besideLastAdmin('POST', '/users/{id}/disable'),
    'POST /users/{id}/revoke 204': async () => as('manager', 'POST', `/users/${await someone()}/revoke`),
    'PUT /users/{id}/roles 200': async () => as('admin', 'PUT', `/users/${await someone()}/roles`, { roles: ['manager'] }),
    'PUT /users/{id}/roles 409': () => besideLastAdmin('PUT', '/users/{id}/roles', { roles: ['user'] }),
    'PUT /users/{id}/roles 422': async () => as('admin', 'PUT', `/users/${await someone()}/roles`, { roles: ['emperor'] }),
    'PUT /users/{id}/password 204': async () => as('manager', 'PUT', `/users/${await someone()}/password`, { password: NEW_PASSWORD }),
    'PUT /users/{id}/password 409': async () => {
      const id = await someone();
      const token = await signInAs('manager');
      const { passwords, passwordChange } = server().services.identity;
      const hash = passwords.hash;
      // Somebody else changes it in between.
      passwords.hash = async (password) => {
        passwords.hash = hash;
        await passwordChange.set({ accountId: id, newPassword: `${NEW_PASSWORD} elsewhere` });
        return hash(password);
      };
      return call('PUT', `/users/${id}/password`, { token, body: { password: NEW_PASSWORD } });
    },
    'PUT /users/{id}/password 422': async () => as('manager', 'PUT', `/users/${await someone()}/password`, { password: 'password' }),
    'GET /users/{id}/sessions 200': async () => {
      const { account } = await createApiPerson(server());
      return as('manager', 'GET', `/users/${account.id}/sessions`);
    },
    'GET /users/{id}/sessions 403': async () => as('user', 'GET', `/users/${await someone()}/sessions`),
    'DELETE /users/{id}/sessions/{session_id} 204': async () => {
      const { account } = await createApiPerson(server());
      const [session] = await server().services.sessions.list(account.id);
      return as('manager', 'DELETE', `/users/${account.id}/sessions/${session?.uid}`);
    },
    'DELETE /users/{id}/sessions/{session_id} 403': async () => as('manager', 'DELETE', `/users/${await someone(['admin'])}/sessions/any`),
    'DELETE /users/{id}/sessions/{session_id} 404': async () => as('manager', 'DELETE', `/users/${await someone()}/sessions/nothing`),
  };
  for (const verb of ['disable', 'enable', 'unlock']) {
    scenarios[`POST /users/{id}/${verb} 200`] = async () => as('manager', 'POST', `/users/${await someone()}/${verb}`);
  }
  // What is told alike wherever one account is changed.
  const alike = [
    'POST disable',
    'POST enable',
    'POST unlock',
    'POST revoke',
    'PUT roles',
    'PUT password',
    'GET sessions',
    'DELETE sessions/{session_id}',
  ];
  for (const each of alike) {
    const [method = '', end = ''] = each.split(' ');
    const body = end === 'roles' ? { roles: ['user'] } : end === 'password' ? { password: NEW_PASSWORD } : undefined;
    const at = (id: string) => `/users/${id}/${end.replace('{session_id}', 'any')}`;
    const key = `${method} /users/{id}/${end}`;
    scenarios[`${key} 401`] ??= () => call(method, at(NOBODY), body === undefined ? {} : { body });
    scenarios[`${key} 403`] ??= async () => as('manager', method, at(await someone(['admin'])), body);
    scenarios[`${key} 404`] ??= () => as('admin', method, at(NOBODY), body);
  }
  return Object.fromEntries(Object.entries(scenarios).map(([key, run]) => [key.replace(' /', ' /api/'), run]));
}
