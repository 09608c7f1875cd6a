import { describe, expect, test } from 'vitest';
import { createDatabaseUrl, databases } from '../support/database.js';
import { callApi } from '../support/json-api.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { startTestServer } from '../support/server.js';

describe.each(databases)('limits on %s', (provider) => {
  test('and locks hold for every server over one database, and for the next one after a restart', async () => {
    const database = await createDatabaseUrl(provider, 'server');
    const start = () => startTestServer({ databaseUrl: database.url, env: { LIMIT_RESETS_PER_HOUR: '2' } });
    const first = await start();
    const second = await start();
    const { email } = await createPerson(first);
    const signIn = (server: typeof first, password: string) => callApi(server, 'POST', '/auth/login', { body: { email, password } });
    const reset = (server: typeof first) => callApi(server, 'POST', '/auth/password-reset/request', { body: { email } });
    for (let failure = 0; failure < 5; failure++) await signIn(failure % 2 ? first : second, 'not the password');
    for (const server of [first, second]) {
      const answer = await signIn(server, PASSWORD);
      expect([answer.status, answer.body.code]).toEqual([403, 'login.locked']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect([(await reset(first)).status, (await reset(second)).status, (await reset(first)).status]).toEqual([200, 200, 429]);
    await first.close();
    await second.close();

    const restarted = await start();
    expect((await signIn(restarted, PASSWORD)).body.code).toBe('login.locked');
    const refused = await reset(restarted);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await restarted.close();
    await database.drop();
  });
});
