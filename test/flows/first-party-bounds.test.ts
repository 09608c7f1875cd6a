/** Sign-ins over the JSON API: how many there are, and that those of our own applications in browsers are worth as much. */
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { MAX_API_SIGN_INS } from '../../src/oidc/sessions/index.js';
import { databases } from '../support/database.js';
import { callApi } from '../support/json-api.js';
import { createPerson } from '../support/people.js';
import { createRelyingParty, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { times } from '../support/storage.js';

describe.each(databases)('sign-ins of one account over the JSON API on %s', (provider) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
  });
  afterAll(() => server?.close());
  afterEach(() => void vi.useRealTimers());

  const signIn = ({ account }: Awaited<ReturnType<typeof createPerson>>) =>
    server.app.firstParty.signIn({ accountId: account.id, generation: account.signInGeneration, amr: ['pwd'] });
  const isGood = async ({ accessToken }: { accessToken: string }) => (await server.app.firstParty.authenticate(accessToken)) !== null;

  test('are bounded: of more, the one that was not used for longest ends, and that is noted', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const later = () => void vi.setSystemTime(Date.now() + 1000);
    const [person, other] = [await createPerson(server), await createPerson(server)];
    const [oldest, next] = [await signIn(person), await signIn(person)];
    const others = await signIn(other);
    for (let made = 2; made < MAX_API_SIGN_INS; made += 1) {
      later();
      await signIn(person);
    }
    later();
    // Used last of all, though made first.
    const used = await server.app.firstParty.refresh({ refreshToken: oldest.refreshToken });
    expect(await isGood(next)).toBe(true);
    later();
    const newest = await signIn(person);
    expect([await isGood(next), await isGood(used), await isGood(newest), await isGood(others)]).toEqual([false, true, true, true]);
    await expect(server.app.firstParty.refresh({ refreshToken: next.refreshToken })).rejects.toMatchObject({
      code: 'refresh.invalid_token',
    });
    expect(await server.services.sessions.list(person.account.id)).toHaveLength(MAX_API_SIGN_INS);
    const events = await server.services.db.client.auditEvent.findMany({ where: { subjectId: person.account.id, type: 'session.ended' } });
    expect(events.map(({ detail }) => JSON.parse(detail ?? ''))).toEqual([{ reason: 'too_many', count: 1 }]);
  });

  test('are no more than that after many at the same moment, and each that is left works', async () => {
    const person = await createPerson(server);
    const made = await Promise.allSettled(times(MAX_API_SIGN_INS + 10, () => signIn(person)));
    const listed = (await server.services.sessions.list(person.account.id)).map(({ uid }) => uid);
    expect(listed.length).toBeLessThanOrEqual(MAX_API_SIGN_INS);
    expect(listed.length).toBeGreaterThan(0);
    for (const each of made) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'login.superseded' });
      else expect(await isGood(each.value)).toBe(listed.includes(each.value.sessionId));
    }
  });

  test('are listed a page of each kind at most, also of somebody who has thousands of browser sessions', async () => {
    const person = await createPerson(server);
    const at = new Date();
    const expiresAt = new Date(at.getTime() + 3_600_000);
    const session = { accountId: person.account.id, payload: '', lastSeenAt: at, createdAt: at, expiresAt };
    await server.services.db.client.session.createMany({
      data: times(300, (index) => ({ ...session, uid: `${person.account.id}-${index}`, idHash: `${person.account.id}-${index}` })),
    });
    await signIn(person);
    const listed = await server.services.sessions.list(person.account.id);
    expect(listed.filter(({ kind }) => kind === 'browser')).toHaveLength(100);
    expect(listed.filter(({ kind }) => kind === 'api')).toHaveLength(1);
    // What is not listed ends all the same.
    await server.services.sessions.endAll(person.account.id);
    expect(await server.services.db.client.session.count({ where: { accountId: person.account.id, revokedAt: null } })).toBe(0);
  });

  test('of a first-party application in a browser are as good: its token makes API keys while its grant lives', async () => {
    await server.services.clients.update('ours', { scope: 'openid profile email account' });
    const ours = await createRelyingParty(server, 'ours');
    const resource = `${server.url}/api`;
    const { tokens } = await obtainTokens(server, ours, { parameters: { scope: 'openid account', resource } });
    const { access_token: token } = await oidc.refreshTokenGrant(ours.config, tokens.refresh_token ?? '', { resource });
    const makeKey = () => callApi(server, 'POST', '/auth/api-keys', { token, body: { name: 'mine', permissions: ['profile:read'] } });
    expect(await makeKey()).toMatchObject({ status: 201 });
    expect((await callApi(server, 'POST', '/auth/logout', { token })).status).toBe(200);
    expect(await makeKey()).toMatchObject({ status: 401, body: { code: 'auth.invalid_token' } });
  });
});
