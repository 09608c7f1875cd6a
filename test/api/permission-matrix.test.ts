/**
 * Who may call what: every call that needs credentials, by everybody there is. A new endpoint without a row here fails.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, type Permission, permissions } from '../../src/identity/index.js';
import { callApi } from '../support/json-api.js';
import { PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

const NEW_PASSWORD = `${PASSWORD} anew`;

/** Who has signed in, and to whose account they do it: `user`, `manager` and `admin` to a stranger's, `owner` to their own. */
const people = ['user', 'owner', 'manager', 'manager on admin', 'admin'] as const;
type Person = (typeof people)[number];
const everybody = [...people];

type Row = {
  /** the status for whoever may */
  ok: number;
  allow: readonly Person[];
  /** API keys of an administrator that have this one permission and may */
  keys: readonly Permission[];
  body?: (number: number) => object;
  /** ends or changes the caller's own sign-in, so everybody signs in anew */
  fresh?: true;
};

const looksAfter = ['manager', 'admin'] as const;
const own = (row: Omit<Row, 'allow'>): Row => ({ ...row, allow: everybody });

const table: Record<string, Row> = {
  'GET /api/users': { ok: 200, allow: ['manager', 'manager on admin', 'admin'], keys: ['user:read'] },
  'GET /api/users/statistics': { ok: 200, allow: ['manager', 'manager on admin', 'admin'], keys: ['user:read'] },
  'GET /api/roles': { ok: 200, allow: ['manager', 'manager on admin', 'admin'], keys: ['user:read'] },
  'GET /api/audit': { ok: 200, allow: ['manager', 'manager on admin', 'admin'], keys: ['audit:read'] },
  'POST /api/users': {
    ok: 201,
    allow: ['manager', 'manager on admin', 'admin'],
    keys: ['user:create'],
    body: (number) => ({ email: `made${number}@example.com` }),
  },
  'GET /api/users/{id}': { ok: 200, allow: ['owner', 'manager', 'manager on admin', 'admin'], keys: ['user:read'] },
  'PATCH /api/users/{id}': {
    ok: 200,
    allow: ['owner', 'manager', 'admin'],
    keys: ['user:update'],
    body: () => ({ first_name: 'New' }),
  },
  'DELETE /api/users/{id}': { ok: 204, allow: ['admin'], keys: [] },
  'POST /api/users/{id}/disable': { ok: 200, allow: looksAfter, keys: [] },
  'POST /api/users/{id}/enable': { ok: 200, allow: looksAfter, keys: ['user:update'] },
  'POST /api/users/{id}/unlock': { ok: 200, allow: looksAfter, keys: ['user:update'] },
  'POST /api/users/{id}/revoke': { ok: 204, allow: ['owner', 'manager', 'admin'], keys: [], fresh: true },
  'PUT /api/users/{id}/roles': { ok: 200, allow: ['admin'], keys: ['role:grant'], body: () => ({ roles: ['user'] }) },
  'PUT /api/users/{id}/password': { ok: 204, allow: looksAfter, keys: [], body: () => ({ password: NEW_PASSWORD }) },
  'GET /api/users/{id}/sessions': { ok: 200, allow: ['owner', 'manager', 'manager on admin', 'admin'], keys: [] },
  'DELETE /api/users/{id}/sessions/{session_id}': { ok: 204, allow: ['owner', 'manager', 'admin'], keys: [], fresh: true },
};
for (const prefix of ['/auth', '/v2/auth']) {
  const inStyle = (body: Record<string, string>) =>
    prefix === '/auth'
      ? body
      : Object.fromEntries(
          Object.entries(body).map(([name, value]) => [name.replace(/_./g, ([, letter = '']) => letter.toUpperCase()), value]),
        );
  Object.assign(table, {
    [`GET ${prefix}/me`]: own({ ok: 200, keys: ['profile:read'] }),
    [`PATCH ${prefix}/me`]: own({ ok: 200, keys: ['profile:update'], body: () => inStyle({ last_name: 'Lee' }) }),
    [`POST ${prefix}/logout`]: own({ ok: 200, keys: [], fresh: true }),
    [`POST ${prefix}/password/change`]: own({
      ok: 200,
      keys: [],
      body: () => inStyle({ current_password: PASSWORD, new_password: NEW_PASSWORD }),
      fresh: true,
    }),
    [`GET ${prefix}/sessions`]: own({ ok: 200, keys: [] }),
    [`DELETE ${prefix}/sessions/{id}`]: own({ ok: 204, keys: [], fresh: true }),
    [`POST ${prefix}/email/change`]: own({
      ok: 200,
      keys: [],
      body: (number) => inStyle({ current_password: PASSWORD, new_email: `new${number}@example.com` }),
    }),
    [`GET ${prefix}/api-keys`]: own({ ok: 200, keys: [] }),
    [`POST ${prefix}/api-keys`]: own({ ok: 201, keys: [], body: () => ({ name: 'Mine', permissions: ['profile:read'] }) }),
    [`DELETE ${prefix}/api-keys/{id}`]: own({ ok: 204, keys: [] }),
  });
}

type SignedIn = { account: Account; token: string; sessionId: string };

describe('who may call what', () => {
  let server: TestServer;
  let passwordHash: string;
  let number = 0;
  let callers: Record<Person, SignedIn>;
  let admin: SignedIn;
  let disabled: SignedIn;
  let dead: SignedIn;
  const keys = new Map<Permission, string>();

  const create = (roles: readonly string[] = ['user']) =>
    server.services.identity.accounts.create({ email: `m${++number}@example.com`, passwordHash, verified: true, roles });
  const rolesOf = (person: Person) =>
    person.startsWith('manager') ? ['manager', 'user'] : person === 'admin' ? ['admin', 'user'] : ['user'];
  async function signIn(account: Account): Promise<SignedIn> {
    const { accessToken, sessionId } = await server.app.firstParty.signIn({
      accountId: account.id,
      generation: account.signInGeneration,
      amr: ['pwd'],
      ip: '192.0.2.1',
      userAgent: undefined,
    });
    return { account, token: accessToken, sessionId };
  }
  /** Nobody makes one for a disabled account. */
  const keyOf = (accountId: string) =>
    server.services.identity.apiKeys.create({ accountId, name: 'Mine', permissions: ['profile:read'] }).then(
      ({ apiKey }) => apiKey.id,
      () => 'none',
    );
  const signInAs = async (person: Person) => signIn(await create(rolesOf(person)));

  beforeAll(async () => {
    server = await startTestServer();
    passwordHash = await server.services.identity.passwords.hash(PASSWORD);
    callers = Object.fromEntries(
      await Promise.all(people.map(async (person) => [person, await signInAs(person)] as const)),
    ) as typeof callers;
    admin = await signInAs('admin');
    [disabled, dead] = [await signInAs('admin'), await signInAs('admin')];
    await server.services.db.client.account.update({ where: { id: disabled.account.id }, data: { status: 'disabled' } });
    await server.services.sessions.end(dead.sessionId, { accountId: dead.account.id });
    for (const permission of permissions) {
      const { key } = await server.services.identity.apiKeys.create({
        accountId: admin.account.id,
        name: permission,
        permissions: [permission],
      });
      keys.set(permission, key);
    }
  });
  afterAll(() => server?.close());

  it('is said for every call that needs credentials', async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { security?: object[] }>>;
    };
    const guarded = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { security = [] }]) => security.length > 0 && security.every((way) => Object.keys(way).length > 0))
        .map(([method]) => `${method.toUpperCase()} ${path}`),
    );
    expect(Object.keys(table).sort()).toEqual(guarded.sort());
  });

  /** The status of a call by somebody, to an account with a living sign-in of its own. */
  async function call(
    at: string,
    { body }: Row,
    target: SignedIn | undefined,
    self: SignedIn | undefined,
    credentials: object,
  ): Promise<number> {
    const [method = '', pattern = ''] = at.split(' ');
    const isApi = pattern.startsWith('/api/');
    const subject = isApi ? target : self;
    const path = pattern
      .replace('{session_id}', subject?.sessionId ?? 'none')
      .replace('api-keys/{id}', `api-keys/${subject && pattern.includes('api-keys/{id}') ? await keyOf(subject.account.id) : 'none'}`)
      .replace('{id}', (isApi ? subject?.account.id : subject?.sessionId) ?? 'none');
    const { status } = await callApi(server, method, path, { ...credentials, ...(body ? { body: body(++number) } : {}) });
    return status;
  }

  it.each(Object.keys(table))('%s', async (at) => {
    const row = table[at] as Row;
    const takesTarget = at.includes('/api/users/{id}');
    const target = async () => (takesTarget ? signIn(await create()) : undefined);
    const told: Record<string, number> = {};
    const expected: Record<string, number> = {};

    for (const person of people) {
      const self = row.fresh ? await signInAs(person) : callers[person];
      const on = person === 'owner' ? self : person === 'manager on admin' ? admin : await target();
      told[person] = await call(at, row, on, self, { token: self.token });
      expected[person] = row.allow.includes(person) ? row.ok : 403;
    }
    for (const [permission, key] of keys) {
      told[`key ${permission}`] = await call(at, row, await target(), undefined, { headers: { 'x-api-key': key } });
      expected[`key ${permission}`] = row.keys.includes(permission) ? row.ok : 403;
    }
    for (const [name, self] of Object.entries({ disabled, dead })) {
      told[name] = await call(at, row, callers.user, self, { token: self.token });
      expected[name] = 401;
    }
    told.nobody = await call(at, row, callers.user, callers.user, {});
    told['a made-up token'] = await call(at, row, callers.user, callers.user, { token: 'e30.e30.e30' });
    told['a made-up key'] = await call(at, row, callers.user, callers.user, { headers: { 'x-api-key': `lk_00000000_${'A'.repeat(43)}` } });
    expected.nobody = 401;
    expected['a made-up token'] = 401;
    // Where no key is taken, none is looked at.
    expected['a made-up key'] = row.keys.length > 0 ? 401 : 403;
    expect(told).toEqual(expected);
  });
});
