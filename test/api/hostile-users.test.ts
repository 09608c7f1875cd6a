import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi, createApiPerson } from '../support/json-api.js';
import { createPerson } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

let server: TestServer;
let token: string;
beforeAll(async () => {
  server = await startTestServer();
  ({ token } = await createApiPerson(server, { roles: ['admin', 'user'] }));
});
afterAll(() => server?.close());

const call = (method: string, path: string, body?: unknown) =>
  callApi(server, method, `/api${path}`, { token, ...(body === undefined ? {} : { body }) });

describe('hostile input to the calls for accounts', () => {
  it.each(['%00', 'a%00b', 'x'.repeat(10_000), '%27%20OR%201=1', '..%2f..%2fetc', '%F0%9F%98%80', '%ED%A0%80', '%', '*'])(
    'the id %.40s is nobody',
    async (id) => {
      for (const [method, end] of [
        ['GET', ''],
        ['PATCH', ''],
        ['DELETE', ''],
        ['POST', '/disable'],
        ['GET', '/sessions'],
      ] as const) {
        const { status, body } = await call(method, `/users/${id}${end}`, method === 'PATCH' ? {} : undefined);
        expect([status, typeof body.code], `${method} ${end}`).toEqual([
          expect.toSatisfy((told: number) => told === 400 || told === 404),
          'string',
        ]);
      }
    },
  );

  it.each([
    'limit=-1',
    'limit=0',
    'limit=201',
    'limit=1.5',
    'limit=NaN',
    'limit=',
    'limit=1&limit=2',
    'limit=99999999999999999999',
    'status=gone',
    'verified=yes',
    'sort=password_hash',
    'order=sideways',
    'cursor=',
    'cursor=1.AAAA',
    `cursor=${'A'.repeat(8000)}`,
    'cursor=%00',
    'q=%00',
    'q=%ED%A0%80%0A',
    `q=${'x'.repeat(255)}`,
    `role=${'x'.repeat(65)}`,
    'q=a&q=b',
  ])('the query %.60s is refused', async (query) => {
    const { status, body } = await call('GET', `/users?${query}`);
    expect([400, 422]).toContain(status);
    expect(body.code).toMatch(/^[a-z_]+\.[a-z_]+$/);
  });

  it('wildcards and quotes are letters like any other', async () => {
    for (const q of ['%25', '_', "'", '"', '\\', '%25%25', "' OR '1'='1"]) {
      expect((await call('GET', `/users?q=${q}`)).body, q).toEqual({ users: [], next_cursor: null });
    }
  });

  it('a body of any kind is refused or taken, never answered with a failure of ours', async () => {
    const { account } = await createPerson(server);
    const member = fc.constantFrom('email', 'password', 'username', 'first_name', 'full_name', 'is_verified', 'roles', 'id', '__proto__');
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.array(fc.string({ unit: 'binary' })),
    );
    const body = fc.oneof(fc.dictionary(member, value), fc.jsonValue());
    const at = fc.constantFrom(
      ['POST', '/users'],
      ['PATCH', `/users/${account.id}`],
      ['PUT', `/users/${account.id}/roles`],
      ['PUT', `/users/${account.id}/password`],
    );
    await fc.assert(
      fc.asyncProperty(at, body, async ([method = '', path = ''], sent) => {
        const { status, body: told } = await call(method, path, sent);
        expect(status).toBeLessThan(500);
        if (status >= 400) expect(told.code).toEqual(expect.any(String));
      }),
      { seed: 20261121, numRuns: 150 },
    );
  });
});
