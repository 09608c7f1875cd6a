import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi, createApiPerson, signInByApi } from '../support/json-api.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

const NEW_PASSWORD = `${PASSWORD} anew`;

let server: TestServer;
let admin: Awaited<ReturnType<typeof createApiPerson>>;
let manager: typeof admin;
beforeAll(async () => {
  server = await startTestServer();
  admin = await createApiPerson(server, { roles: ['admin', 'user'] });
  manager = await createApiPerson(server, { roles: ['manager', 'user'] });
});
afterAll(() => server?.close());

const call = (method: string, path: string, body?: unknown, token = admin.token) =>
  callApi(server, method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) });
const codeOf = async (answer: ReturnType<typeof call>) => {
  const { status, body } = await answer;
  return `${status} ${body.code ?? ''}`.trim();
};
const eventsOf = async (subjectId: string) =>
  (await server.services.db.client.auditEvent.findMany({ where: { subjectId }, orderBy: { occurredAt: 'asc' } })).map(({ type }) => type);

describe('looking after accounts', () => {
  it('makes, shows, changes and deletes one, and tells all of it but the password', async () => {
    const made = await call('POST', '/users', {
      email: 'Eve@Example.com',
      password: PASSWORD,
      username: 'eve',
      full_name: 'Eve',
      is_verified: true,
    });
    expect(made.status).toBe(201);
    const { id } = made.body as { id: string };
    expect(made.headers.get('location')).toBe(`/api/users/${id}`);
    expect(made.body).toEqual({
      id,
      email: 'eve@example.com',
      username: 'eve',
      first_name: null,
      last_name: null,
      full_name: 'Eve',
      role: 'user',
      roles: ['user'],
      is_active: true,
      is_verified: true,
      created_at: expect.any(String),
      status: 'active',
      email_verified_at: expect.any(String),
      locked_until: null,
      has_password: true,
      password_set_at: expect.any(String),
      updated_at: expect.any(String),
    });
    expect((await call('GET', `/users/${id}`)).body).toEqual(made.body);
    expect((await call('PATCH', `/users/${id}`, { username: null, last_name: 'Lee' })).body).toMatchObject({
      username: null,
      last_name: 'Lee',
      full_name: 'Eve',
    });
    expect((await call('PUT', `/users/${id}/roles`, { roles: ['user', 'manager'] })).body).toMatchObject({
      role: 'manager',
      roles: ['manager', 'user'],
    });
    await signInByApi(server, 'eve@example.com');
    await server.services.identity.apiKeys.create({ accountId: id, name: 'k', permissions: ['profile:read'] });
    expect(await codeOf(call('DELETE', `/users/${id}`))).toBe('204');
    expect(await codeOf(call('GET', `/users/${id}`))).toBe('404 accounts.not_found');
    expect(await codeOf(call('DELETE', `/users/${id}`))).toBe('404 accounts.not_found');
    const living = { grant: { revokedAt: null }, session: { revokedAt: null }, artifact: { revokedAt: null } };
    const anything = { accountRole: {}, apiKey: {}, consent: {}, signInDevice: {} };
    for (const [table, where] of Object.entries({ ...living, ...anything })) {
      const rows = server.services.db.client[table as 'apiKey'] as unknown as { count(query: object): Promise<number> };
      expect(await rows.count({ where: { accountId: id, ...where } }), table).toBe(0);
    }
  });

  it('lists everybody, page by page', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await call('GET', `/users?limit=1&sort=email${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      seen.push(...(body.users as { email: string }[]).map(({ email }) => email));
      cursor = body.next_cursor as string | null;
    }
    expect(seen).toEqual(seen.toSorted());
    expect(seen).toHaveLength(await server.services.db.client.account.count());
    const { body } = await call(
      'GET',
      `/users?q=${encodeURIComponent(admin.email.slice(0, 8).toUpperCase())}&role=admin&verified=true&status=active`,
    );
    expect((body.users as { email: string }[]).map(({ email }) => email)).toContain(admin.email);
  });

  it('ends what a disabled account holds at once, and gives none of it back', async () => {
    const person = await createApiPerson(server);
    const { key } = await server.services.identity.apiKeys.create({
      accountId: person.account.id,
      name: 'k',
      permissions: ['profile:read'],
    });
    const me = async () => [
      (await callApi(server, 'GET', '/auth/me', { token: person.token })).status,
      (await callApi(server, 'GET', '/auth/me', { headers: { 'x-api-key': key } })).status,
      (await callApi(server, 'POST', '/auth/refresh', { body: { refresh_token: person.refreshToken } })).status,
    ];
    expect((await call('POST', `/users/${person.account.id}/disable`)).body).toMatchObject({ is_active: false, status: 'disabled' });
    expect(await me()).toEqual([401, 401, 401]);
    expect((await call('POST', `/users/${person.account.id}/disable`)).status).toBe(200);
    expect((await call('POST', `/users/${person.account.id}/enable`)).body).toMatchObject({ is_active: true });
    expect((await call('POST', `/users/${person.account.id}/enable`)).status).toBe(200);
    expect(await me()).toEqual([401, 401, 401]);
    await signInByApi(server, person.email);
    const events = await eventsOf(person.account.id);
    expect(events.filter((type) => type === 'account.disabled' || type === 'account.enabled')).toEqual([
      'account.disabled',
      'account.enabled',
    ]);
  });

  it('revokes everything of an account: sign-ins, tokens and keys', async () => {
    const person = await createApiPerson(server);
    const { id } = person.account;
    const { key } = await server.services.identity.apiKeys.create({ accountId: id, name: 'k', permissions: ['profile:read'] });
    const { sessions } = (await call('GET', `/users/${id}/sessions`, undefined, manager.token)).body as {
      sessions: { id: string; current: boolean }[];
    };
    expect(sessions).toMatchObject([{ kind: 'api', current: false }]);
    expect(await codeOf(call('DELETE', `/users/${admin.account.id}/sessions/${sessions[0]?.id}`))).toBe('404 sessions.not_found');
    expect(await codeOf(call('POST', `/users/${id}/revoke`, undefined, manager.token))).toBe('204');
    expect(await codeOf(call('POST', `/users/${id}/revoke`, undefined, manager.token))).toBe('204');
    expect((await callApi(server, 'GET', '/auth/me', { token: person.token })).status).toBe(401);
    expect((await callApi(server, 'GET', '/auth/me', { headers: { 'x-api-key': key } })).status).toBe(401);
    expect((await call('GET', `/users/${id}/sessions`)).body).toEqual({ sessions: [] });
  });

  it('gives an account another address: the new one signs in, the old one does not, both are told', async () => {
    const { account, email } = await createPerson(server);
    const answer = await call('PATCH', `/users/${account.id}`, { email: 'Moved@example.com', is_verified: true });
    expect(answer.body).toMatchObject({ email: 'moved@example.com', is_verified: true });
    await signInByApi(server, 'moved@example.com');
    expect((await callApi(server, 'POST', '/auth/login', { body: { email, password: PASSWORD } })).status).toBe(401);
    await server.services.mailer.flush();
    const mails = (await server.services.mailer.mailbox?.list()) ?? [];
    expect(mails.filter(({ to }) => to === email).map(({ subject }) => subject)).toEqual([
      expect.stringContaining('another email address'),
    ]);
    expect(mails.filter(({ to }) => to === 'moved@example.com').map(({ subject }) => subject)).toContain(
      'This is the email address of your account at Latchkey now',
    );
  });

  it('sets a password that works at once, and ends whoever was signed in with the old one', async () => {
    const person = await createApiPerson(server);
    expect(await codeOf(call('PUT', `/users/${person.account.id}/password`, { password: NEW_PASSWORD }, manager.token))).toBe('204');
    expect((await callApi(server, 'GET', '/auth/me', { token: person.token })).status).toBe(401);
    await signInByApi(server, person.email, NEW_PASSWORD);
  });

  it('counts accounts', async () => {
    const { status, body } = await call('GET', '/users/statistics', undefined, manager.token);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      by_role: { admin: expect.any(Number) },
      created: { last_24_hours: expect.any(Number) },
      counted_at: expect.any(String),
    });
  });
});

describe('nobody gets beyond what they may', () => {
  it('a manager cannot take over an administrator, by whatever call', async () => {
    const path = `/users/${admin.account.id}`;
    const attempts: [string, string, object?][] = [
      ['PATCH', path, { email: 'evil@example.com', is_verified: true }],
      ['PATCH', path, { username: 'evil' }],
      ['PATCH', path, { is_verified: false }],
      ['PUT', `${path}/password`, { password: NEW_PASSWORD }],
      ['POST', `${path}/disable`],
      ['POST', `${path}/revoke`],
      ['POST', `${path}/unlock`],
      ['DELETE', `${path}/sessions/any`],
    ];
    for (const [method, at, body] of attempts) expect(await codeOf(call(method, at, body, manager.token)), at).toBe('403 users.outranked');
    const give = { email: 'accomplice@example.com', roles: ['admin'] };
    expect(await codeOf(call('POST', '/users', give, manager.token))).toBe('403 auth.insufficient_permission');
    expect(await codeOf(call('PUT', `/users/${manager.account.id}/roles`, { roles: ['admin'] }, manager.token))).toBe(
      '403 auth.insufficient_permission',
    );
    expect(await codeOf(call('DELETE', path, undefined, manager.token))).toBe('403 auth.insufficient_permission');
  });

  it('an administrator does not lock themselves out by the wrong id', async () => {
    const path = `/users/${admin.account.id}`;
    const attempts: [string, string, object?][] = [
      ['POST', `${path}/disable`],
      ['DELETE', path],
      ['PUT', `${path}/password`, { password: NEW_PASSWORD }],
      ['PATCH', path, { email: 'other@example.com' }],
    ];
    for (const [method, at, body] of attempts) expect(await codeOf(call(method, at, body)), at).toBe('403 users.own_account');
    // Sending back what is there is no change.
    expect((await call('PATCH', path, { email: admin.email, first_name: 'Ada' })).body).toMatchObject({ first_name: 'Ada' });
  });

  it('an API key reads and changes its owner’s own account with the permissions for that', async () => {
    const { account } = await createPerson(server);
    const { key } = await server.services.identity.apiKeys.create({
      accountId: account.id,
      name: 'own',
      permissions: ['profile:read', 'profile:update'],
    });
    const own = (method: string, body?: object) =>
      callApi(server, method, `/api/users/${account.id}`, { headers: { 'x-api-key': key }, ...(body ? { body } : {}) });
    expect((await own('PATCH', { first_name: 'Own' })).body).toMatchObject({ first_name: 'Own' });
    expect((await own('GET')).body).toMatchObject({ id: account.id, first_name: 'Own' });
    expect(await codeOf(own('DELETE'))).toBe('403 auth.api_key_not_allowed');
  });

  it('an API key never sets passwords, addresses or their confirmation, whatever it may', async () => {
    const { key } = await server.services.identity.apiKeys.create({
      accountId: admin.account.id,
      name: 'everything',
      permissions: (await server.services.identity.roles.list()).find(({ name }) => name === 'admin')?.permissions ?? [],
    });
    const { account } = await createPerson(server);
    const byKey = (method: string, path: string, body?: unknown) =>
      codeOf(callApi(server, method, `/api${path}`, { headers: { 'x-api-key': key }, ...(body === undefined ? {} : { body }) }));
    const path = `/users/${account.id}`;
    for (const body of [{ email: 'x@example.com' }, { is_verified: false }, { email: account.email }]) {
      expect(await byKey('PATCH', path, body)).toBe('403 auth.api_key_not_allowed');
    }
    expect(await byKey('POST', '/users', { email: 'bykey@example.com', password: PASSWORD })).toBe('403 auth.api_key_not_allowed');
    for (const [method, at] of [
      ['PUT', 'password'],
      ['GET', 'sessions'],
      ['DELETE', 'sessions/x'],
      ['POST', 'revoke'],
    ] as const) {
      expect(await byKey(method, `${path}/${at}`, method === 'PUT' ? { password: NEW_PASSWORD } : undefined)).toBe(
        '403 auth.api_key_not_allowed',
      );
    }
    expect(await byKey('PATCH', path, { first_name: 'K' })).toBe('200');
    expect(await byKey('POST', '/users', { email: 'bykey@example.com' })).toBe('201');
  });

  it('an API key ends nobody’s sign-ins, not by disabling and enabling an account or deleting it either', async () => {
    const person = await createApiPerson(server);
    const { key } = await server.services.identity.apiKeys.create({
      accountId: admin.account.id,
      name: 'all of it',
      permissions: ['user:update', 'user:delete', 'session:revoke', 'profile:update'],
    });
    const path = `/api/users/${person.account.id}`;
    for (const [method, at] of [
      ['POST', `${path}/disable`],
      ['POST', `${path}/revoke`],
      ['DELETE', path],
      ['DELETE', `${path}/sessions/any`],
    ] as const)
      expect(await codeOf(callApi(server, method, at, { headers: { 'x-api-key': key } })), at).toBe('403 auth.api_key_not_allowed');
    expect((await callApi(server, 'GET', '/auth/me', { token: person.token })).status).toBe(200);
  });

  it('a role that is taken is gone at the next call, with the same token', async () => {
    const person = await createApiPerson(server, { roles: ['manager', 'user'] });
    expect((await call('GET', '/users', undefined, person.token)).status).toBe(200);
    expect((await call('PUT', `/users/${person.account.id}/roles`, { roles: ['user'] })).status).toBe(200);
    expect(await codeOf(call('GET', '/users', undefined, person.token))).toBe('403 auth.insufficient_permission');
  });

  it('two administrators who demote each other at the same moment leave one', async () => {
    const alone = await startTestServer();
    try {
      await alone.services.db.client.accountRole.deleteMany({ where: { roleName: 'admin' } });
      const [one, other] = [await createApiPerson(alone, { roles: ['admin'] }), await createApiPerson(alone, { roles: ['admin'] })];
      const demote = (by: typeof one, whom: typeof one) =>
        callApi(alone, 'PUT', `/api/users/${whom.account.id}/roles`, { token: by.token, body: { roles: ['user'] } });
      const statuses = (await Promise.all([demote(one, other), demote(other, one)])).map(({ status }) => status).sort();
      expect([409, 403]).toContain(statuses[1]);
      expect(statuses[0]).toBe(200);
      expect(await alone.services.db.client.accountRole.count({ where: { roleName: 'admin' } })).toBe(1);
    } finally {
      await alone.close();
    }
  });
});
