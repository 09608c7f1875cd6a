import { generateKeyPairSync } from 'node:crypto';
import { errors } from 'oidc-provider';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { type Answer, clientOf, openBrowser, type ProviderUnderTest, startProvider } from '../support/provider-under-test.js';
import { allText, openTestStore, type TestStore, times } from '../support/storage.js';

const signerJwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const refused = { status: 400, body: { error: 'invalid_grant' } };

describe.each(databases)('the reuse window of refresh tokens on %s', (database) => {
  let store: TestStore;
  let server: ProviderUnderTest;
  beforeAll(async () => {
    store = await openTestStore(database);
    server = await startProvider(store, { clientIds: ['app', 'other-app', 'bound-app'], signerJwk });
    store.clients.set('bound-app', { ...store.clients.get('bound-app'), client_id: 'bound-app', profile: 'fapi2' });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    expect(server.failures).toEqual([]);
    store.reuses.length = 0;
  });
  afterAll(async () => {
    await server.stop();
    await store.drop();
  });

  const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
  const signIn = async (clientId = 'app') => {
    const redemption = await openBrowser(server).signIn(clientId, 'person', { scope: 'openid offline_access', prompt: 'consent' });
    return (await server.redeem(clientId, redemption)).body;
  };
  const refresh = (token: unknown, headers: Record<string, string> = {}) => server.refresh('app', token, headers);
  const rowOf = (token: unknown) => store.db.client.artifact.findUniqueOrThrow({ where: { idHash: sha256(String(token)) } });
  const successorsIn = (answers: Answer[]) => [...new Set(answers.map(({ body }) => body.refresh_token))];
  const expectAlive = async (token: unknown) => expect((await refresh(token)).status).toBe(200);

  it('a retry gets the same successor again, with a fresh access token and ID token', async () => {
    const { refresh_token: used } = await signIn();
    const answers = [await refresh(used), await refresh(used), await refresh(used)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(successorsIn(answers)).toHaveLength(1);
    expect(successorsIn(answers)).not.toContain(used);
    expect(new Set(answers.map(({ body }) => body.access_token)).size).toBe(3);
    for (const { body } of answers) {
      expect(body).toMatchObject({ id_token: expect.any(String), token_type: 'Bearer', scope: 'openid offline_access' });
      expect(await server.isActive(body.access_token, 'app')).toBe(true);
    }
    expect(store.reuses).toEqual([]);
  });

  it.each([2, 50])('%i parallel refreshes with one token all get the same successor, which is the only one', async (count) => {
    const { refresh_token: used } = await signIn();
    const before = await server.living('RefreshToken');
    const answers = await Promise.all(times(count, () => refresh(used)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const [successor, ...others] = successorsIn(answers);
    expect(others).toEqual([]);
    expect(await server.living('RefreshToken')).toBe(before);
    expect((await refresh(used)).body.refresh_token).toBe(successor);
    await expectAlive(successor);
  });

  it('a server over the same database answers with the same successor too', async () => {
    const other = await startProvider(store, { clientIds: ['app'], signerJwk });
    try {
      const { refresh_token: used } = await signIn();
      const both = [clientOf(server.issuer), clientOf(other.issuer)];
      const answers = await Promise.all(times(20, (index) => both[index % 2]?.refresh('app', used) as Promise<Answer>));
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      expect(successorsIn(answers)).toHaveLength(1);
    } finally {
      await other.stop();
    }
  });

  it('the window is counted from the first use: retries do not prolong it', async () => {
    const { refresh_token: used } = await signIn();
    const first = await refresh(used);
    later(4);
    expect((await refresh(used)).body.refresh_token).toBe(first.body.refresh_token);
    later(5);
    expect((await refresh(used)).body.refresh_token).toBe(first.body.refresh_token);
    later(2);
    expect(await refresh(used)).toMatchObject(refused);
  });

  it('a later use revokes the whole grant: introspection says so at once, and it is reported once', async () => {
    const { refresh_token: used, access_token: old } = await signIn();
    const { body: next } = await refresh(used);
    const { body: last } = await refresh(next.refresh_token);
    later(11);
    expect(await server.isActive(last.access_token, 'app')).toBe(true);
    expect(await refresh(used)).toMatchObject(refused);
    for (const token of [old, next.access_token, last.access_token, last.refresh_token])
      expect(await server.isActive(token, 'app')).toBe(false);
    expect(await refresh(last.refresh_token)).toMatchObject(refused);
    expect(await refresh(used)).toMatchObject(refused);
    const { grantId } = await rowOf(used);
    expect(store.reuses).toEqual([{ grantId, accountId: 'person', clientId: 'app', secondsSinceUse: 11 }]);
  });

  it('50 parallel late uses are all refused and leave nothing alive', async () => {
    const { refresh_token: used } = await signIn();
    const { body: next } = await refresh(used);
    later(11);
    const answers = await Promise.all(times(50, () => refresh(used)));
    for (const answer of answers) expect(answer).toMatchObject(refused);
    expect(await server.isActive(next.access_token, 'app')).toBe(false);
    expect(store.reuses.length).toBeGreaterThanOrEqual(1);
  });

  it('another client gets invalid_grant, inside and outside of the window, and that revokes nothing', async () => {
    const { refresh_token: used } = await signIn();
    const { body: next } = await refresh(used);
    expect(await server.refresh('other-app', used)).toMatchObject(refused);
    later(11);
    expect(await server.refresh('other-app', used)).toMatchObject(refused);
    expect(store.reuses).toEqual([]);
    await expectAlive(next.refresh_token);
  });

  it('a successor that was used already is told all the same, and leads to its own successor: one lineage, nobody signed out', async () => {
    const { refresh_token: used } = await signIn();
    const before = await server.living('RefreshToken');
    const { body: second } = await refresh(used);
    const { body: third } = await refresh(second.refresh_token);
    later(6);
    const retry = await refresh(used);
    expect(retry).toMatchObject({ status: 200, body: { refresh_token: second.refresh_token } });
    expect((await refresh(retry.body.refresh_token)).body.refresh_token).toBe(third.refresh_token);
    expect(await server.living('RefreshToken')).toBe(before);
    await expectAlive(third.refresh_token);
  });

  it('a used token is inactive to introspection inside the window, and revoking it ends the grant', async () => {
    const { refresh_token: used } = await signIn();
    const { body: next } = await refresh(used);
    expect(await server.isActive(used, 'app')).toBe(false);
    await server.post('/token/revocation', 'app', { token: String(used) });
    expect(await server.isActive(next.refresh_token, 'app')).toBe(false);
    expect(await refresh(used)).toMatchObject(refused);
    expect(await refresh(next.refresh_token)).toMatchObject(refused);
    expect(store.reuses).toEqual([]);
  });

  it('a token that expired since its first use is still answered inside the window', async () => {
    const { refresh_token: used } = await signIn();
    later(1197);
    const first = await refresh(used);
    later(6);
    expect((await refresh(used)).body).toMatchObject({ refresh_token: first.body.refresh_token, id_token: expect.any(String) });
  });

  it('a token that has expired revokes nothing when it comes after the window', async () => {
    const { refresh_token: used } = await signIn();
    later(900);
    const { body: next } = await refresh(used);
    later(400);
    expect(await refresh(used)).toMatchObject(refused);
    expect(store.reuses).toEqual([]);
    expect(await server.isActive(next.refresh_token, 'app')).toBe(true);
  });

  it('no successor stands in clear in the database, and after the window it does not stand there at all', async () => {
    const { refresh_token: used } = await signIn();
    const { body: next } = await refresh(used);
    const text = await allText(store.db);
    for (const secret of [used, next.refresh_token]) expect(text).not.toContain(secret);
    expect(await rowOf(used)).toMatchObject({ successor: expect.any(String), successorUntil: expect.any(Date) });
    await store.purge.run();
    expect((await refresh(used)).body.refresh_token).toBe(next.refresh_token);
    later(11);
    expect((await store.purge.run()).refresh_successors).toBeGreaterThanOrEqual(1);
    expect(await rowOf(used)).toMatchObject({ successor: null, successorUntil: null });
    expect(await store.db.client.artifact.count({ where: { NOT: { successor: null }, successorUntil: { lte: new Date() } } })).toBe(0);
    expect(await refresh(used)).toMatchObject(refused);
  });

  it('a sealed successor that was moved to another token opens nothing', async () => {
    const [mine, theirs] = [await signIn(), await signIn()];
    const { body: next } = await refresh(mine.refresh_token);
    await refresh(theirs.refresh_token);
    const { successor } = await rowOf(mine.refresh_token);
    await store.db.client.artifact.update({ where: { idHash: sha256(String(theirs.refresh_token)) }, data: { successor } });
    expect(await refresh(theirs.refresh_token)).toMatchObject(refused);
    await expectAlive(next.refresh_token);
  });

  /** A refresh that read the token unused and saves only after `meanwhile`. */
  const slowRefresh = (used: unknown, meanwhile: () => Promise<unknown>) => {
    const { adapter } = server.provider.RefreshToken;
    const save = adapter.upsert.bind(adapter);
    vi.spyOn(adapter, 'upsert').mockImplementationOnce(async (...saved) => {
      await meanwhile();
      return save(...saved);
    });
    return refresh(used);
  };

  it('a request that read the token unused and was slow gets the same successor, however slow', async () => {
    const { refresh_token: used } = await signIn();
    let first: unknown;
    const slow = await slowRefresh(used, async () => {
      first = (await refresh(used)).body.refresh_token;
      later(30);
    });
    expect(slow).toMatchObject({ status: 200, body: { refresh_token: first } });
    await expectAlive(first);
  });

  it('a request that was so slow that the successor is forgotten is refused and revokes nothing', async () => {
    const { refresh_token: used } = await signIn();
    let first: unknown;
    const slow = await slowRefresh(used, async () => {
      first = (await refresh(used)).body.refresh_token;
      later(30);
      await store.purge.run();
    });
    expect(slow).toMatchObject(refused);
    expect(store.reuses).toEqual([]);
    await expectAlive(first);
  });

  it.each(['RefreshToken', 'AccessToken'] as const)('a server that dies before it has made the new %s has used nothing', async (kind) => {
    const { refresh_token: used } = await signIn();
    vi.spyOn(server.provider[kind].adapter, 'upsert').mockRejectedValueOnce(new errors.TemporarilyUnavailable('down'));
    expect((await refresh(used)).status).not.toBe(200);
    expect((await rowOf(used)).consumedAt).toBeNull();
    later(60);
    await expectAlive(used);
  });

  it('a server that dies after using a token and before answering leaves its successor to the retry', async () => {
    const { refresh_token: used } = await signIn();
    server.provider.once('grant.success', () => {
      throw new errors.TemporarilyUnavailable('down');
    });
    expect((await refresh(used)).status).not.toBe(200);
    expect((await rowOf(used)).consumedAt).not.toBeNull();
    const successor = await store.db.client.artifact.findFirstOrThrow({
      where: { grantId: (await rowOf(used)).grantId, kind: 'RefreshToken', consumedAt: null },
    });
    const other = await startProvider(store, { clientIds: ['app'], signerJwk });
    const { body } = await clientOf(other.issuer).refresh('app', used);
    await other.stop();
    expect(sha256(String(body.refresh_token))).toBe(successor.idHash);
    await expectAlive(body.refresh_token);
  });

  it('a refresh that races with the end of its grant leaves nothing alive', async () => {
    for (let round = 0; round < 15; round++) {
      const { refresh_token: used } = await signIn();
      const { grantId } = await rowOf(used);
      const [, ...answers] = await Promise.all([store.adapter('Grant').destroy(String(grantId)), ...times(6, () => refresh(used))]);
      for (const { status, body } of answers as Answer[]) expect(status === 200 || body.error === 'invalid_grant').toBe(true);
      expect(await store.db.client.artifact.count({ where: { grantId, revokedAt: null } })).toBe(0);
    }
  });

  it('a client of the fapi2 profile keeps its refresh token', async () => {
    const { refresh_token: token } = await signIn('bound-app');
    for (const { status, body } of await Promise.all(times(5, () => server.refresh('bound-app', token)))) {
      expect({ status, token: body.refresh_token }).toEqual({ status: 200, token });
    }
    expect((await rowOf(token)).consumedAt).toBeNull();
  });

  it('a refresh that nobody contests costs the store two statements: the token, and its exchange for both new ones; so does a retry', async () => {
    const { refresh_token: used } = await signIn();
    const count = async (step: () => Promise<unknown>) => {
      const calls = [
        vi.spyOn(store.db, 'execute'),
        vi.spyOn(store.db, 'find'),
        vi.spyOn(store.db, 'query'),
        vi.spyOn(store.db.client, '$executeRaw'),
        vi.spyOn(store.db.client, '$queryRaw'),
        vi.spyOn(store.db.client, '$transaction'),
      ];
      await step();
      const statements = calls.map(({ mock }) => mock.calls.length);
      vi.restoreAllMocks();
      return statements;
    };
    expect(await count(() => refresh(used))).toEqual([1, 1, 0, 0, 0, 0]);
    expect(await count(() => refresh(used))).toEqual([1, 1, 0, 0, 0, 0]);
  });
});
