/** Accounts keep the ids that another system gave them, and are no less accounts for it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callApi, createApiPerson, signInByApi } from '../support/json-api.js';
import { PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

let server: TestServer;
let admin: Awaited<ReturnType<typeof createApiPerson>>;
beforeAll(async () => {
  server = await startTestServer();
  admin = await createApiPerson(server, { roles: ['admin', 'user'] });
});
afterAll(() => server?.close());

async function importPerson(id: string, email: string) {
  const { identity } = server.services;
  const password_hash = await identity.passwords.hash(PASSWORD);
  async function* lines() {
    yield { line: 1, row: { id, email, email_verified: true, password_hash } };
  }
  return identity.userImport.run(lines());
}

it.each(['auth0|5f7c8ec7c33c6c004bbafe82', 'google-oauth2:117.2_3', '7'])(
  'an imported account with the id %s acts over the API and is administered by it',
  async (id) => {
    const email = `i${id.length}@example.com`;
    expect((await importPerson(id, email)).created).toBe(1);
    const person = await signInByApi(server, email);
    expect((await callApi(server, 'GET', '/auth/me', { token: person.token })).body.id).toBe(id);

    const path = `/api/users/${encodeURIComponent(id)}`;
    const call = async (method: string, rest: string, token: string, body?: object) =>
      (await callApi(server, method, path + rest, { token, ...(body ? { body } : {}) })).status;
    expect(await call('GET', '', person.token)).toBe(200);
    expect(await call('PATCH', '', person.token, { last_name: 'Lee' })).toBe(200);
    expect(await call('GET', '', admin.token)).toBe(200);
    expect(await call('GET', '/sessions', admin.token)).toBe(200);
    expect(await call('POST', '/revoke', admin.token)).toBe(204);
    expect((await callApi(server, 'GET', '/auth/me', { token: person.token })).status).toBe(401);
    expect(await call('POST', '/disable', admin.token)).toBe(200);
    expect(await call('DELETE', '', admin.token)).toBe(204);
  },
);

it('no account can be imported under a word that stands in the place of an id in an address of ours', async () => {
  const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: Record<string, object> };
  const words = Object.keys(paths).flatMap((path) => /^\/api\/users\/([^/{}]+)/.exec(path)?.[1] ?? []);
  expect(words).not.toEqual([]);
  for (const word of words) expect(await importPerson(word, 'word@example.com'), word).toMatchObject({ created: 0, rejected: 1 });
});
