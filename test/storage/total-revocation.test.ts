import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBackchannelRequests } from '../../src/oidc/adapter/index.js';
import { nowSeconds } from '../../src/platform/clock.js';
import { randomId } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { openRequest } from '../support/library-request.js';
import { examplePayload, openTestStore, settle, type TestStore, times } from '../support/storage.js';

const ROUNDS = 40;

describe.each(databases)('everything of somebody ended on %s', (provider) => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore(provider);
  });
  afterAll(() => store.drop());

  /** Rights of an account or client that still work. */
  async function living(where: { accountId: string } | { clientId: string }): Promise<number> {
    const { grant, session, artifact } = store.db.client;
    const ofPerson = 'accountId' in where ? await session.count({ where: { ...where, revokedAt: null } }) : 0;
    return (
      ofPerson +
      (await grant.count({ where: { ...where, revokedAt: null } })) +
      (await artifact.count({ where: { ...where, revokedAt: null } }))
    );
  }
  async function addAccount(): Promise<string> {
    const [id, at] = [randomId(), new Date()];
    await store.db.client.account.create({ data: { id, email: `${id}@example.com`, createdAt: at, updatedAt: at } });
    return id;
  }
  const generationOf = async (id: string) =>
    (await store.db.client.account.findUniqueOrThrow({ where: { id }, select: { signInGeneration: true } })).signInGeneration;
  /** On PostgreSQL: a statement of this database waits for a row that another transaction holds. */
  async function untilSomebodyWaits(): Promise<void> {
    const waiting = () => store.db.client.$queryRaw<unknown[]>`SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await expect.poll(async () => (await waiting()).length, { timeout: 10_000, interval: 10 }).toBeGreaterThan(0);
  }
  /** An interaction that nobody has answered. */
  async function ask(): Promise<string> {
    const id = randomId();
    await store.adapter('Interaction').upsert(id, examplePayload('Interaction', id, { session: undefined, result: undefined }), 600);
    return id;
  }
  const answer = (id: string, accountId: string, generation?: number) =>
    store
      .adapter('Interaction')
      .upsert(
        id,
        examplePayload('Interaction', id, { session: undefined, result: { login: { accountId, generation, ts: nowSeconds() } } }),
        600,
      );
  const grantIn = (accountId: string, sessionUid: string, over = {}) =>
    store.asRequest({ grantBasis: { sessionUid, ...over } }, () => store.addGrant(randomId(), { accountId }));

  it('a sign-in whose password was checked before is stored nowhere afterwards, and one after it is', async () => {
    const accountId = await addAccount();
    const before = await generationOf(accountId);
    await store.sessions.endAll(accountId);
    const id = await ask();
    await expect(answer(id, accountId, before)).rejects.toMatchObject({ error: 'invalid_request', expose: true });
    expect((await store.adapter('Interaction').find(id))?.result).toBeUndefined();
    await answer(id, accountId, await generationOf(accountId));
    expect((await store.adapter('Interaction').find(id))?.result?.login?.accountId).toBe(accountId);
  });

  it('a disabled account is given neither session nor grant, and a deleted one neither', async () => {
    const accountId = await addAccount();
    const uid = randomId();
    await store.db.client.account.update({ where: { id: accountId }, data: { status: 'disabled' } });
    const save = () => store.adapter('Session').upsert(uid, examplePayload('Session', uid, { accountId }), 600);
    const [id, other] = [await ask(), await ask()];
    for (const attempt of [() => answer(id, accountId), save, () => store.addGrant(randomId(), { accountId })])
      await expect(attempt()).rejects.toMatchObject({ expose: true });
    await store.db.client.account.delete({ where: { id: accountId } });
    for (const attempt of [() => answer(other, accountId), save, () => store.addGrant(randomId(), { accountId })])
      await expect(attempt()).rejects.toMatchObject({ expose: true });
    expect(await living({ accountId })).toBe(0);
  });

  it('a sign-in, its grants and its tokens that race with the end leave nothing alive', async () => {
    let stopped = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const accountId = await addAccount();
      const generation = await generationOf(accountId);
      const id = await ask();
      const [code, request] = [randomId(), await openRequest(store, randomId())];
      let grantId = '';
      // What the login page and then the library do, from the checked password to the tokens.
      const steps = [
        () => answer(id, accountId, generation),
        async () => {
          request.signIn(accountId, generation);
          grantId = await request.run(() => store.addGrant(randomId(), { accountId }));
        },
        () => {
          const payload = examplePayload('AuthorizationCode', code, { accountId, grantId, sessionUid: request.session.uid });
          return store.adapter('AuthorizationCode').upsert(code, payload, 60);
        },
        () => request.save(),
        () => store.adapter('AuthorizationCode').consume(code),
        ...['RefreshToken', 'AccessToken'].map((kind) => async () => {
          const token = randomId();
          await store.adapter(kind).upsert(token, examplePayload(kind, token, { accountId, grantId }), 600);
        }),
      ];
      // The end comes between two steps, or during one.
      const signIn = async () => {
        let end: Promise<void> | undefined;
        for (const [index, step] of steps.entries()) {
          if (index === round % steps.length) {
            end = store.sessions.endAll(accountId);
            if (round % 2 === 0) await end;
          }
          await step().catch(async (error: unknown) => {
            await end;
            throw error;
          });
        }
        await end;
      };
      const { won, errors } = await settle([signIn()]);
      expect(await living({ accountId }), `round ${round}`).toBe(0);
      for (const error of errors) expect(error).toMatchObject({ expose: true });
      stopped += 1 - won;
    }
    // Both happened: sign-ins that were stopped half-way, and some that were done first.
    expect(stopped).toBeGreaterThan(0);
  });

  it('a grant rests on a session that lives: one that is saved while everything ends is dead or refused', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const accountId = await addAccount();
      const cookie = randomId();
      await store.adapter('Session').upsert(cookie, examplePayload('Session', cookie, { accountId, uid: `uid-${cookie}` }), 600);
      const { errors } = await settle([
        ...times(4, () => grantIn(accountId, `uid-${cookie}`)),
        store.sessions.endAll(accountId),
        ...times(4, () => grantIn(accountId, `uid-${cookie}`)),
      ]);
      for (const error of errors) expect(error).toMatchObject({ name: 'SessionNotFound' });
      expect(await living({ accountId })).toBe(0);
      await expect(grantIn(accountId, `uid-${cookie}`)).rejects.toMatchObject({ name: 'SessionNotFound' });
    }
  });

  it('a grant that rests on a remembered consent does not outlive its withdrawal, however close they come', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const accountId = await addAccount();
      await store.addGrant(randomId(), { accountId });
      await store.consents.remember({ accountId, clientId: 'app', scopesByResource: new Map([['', ['openid']]]) });
      const grant = () => store.asRequest({ grantBasis: { consentTo: '' } }, () => store.addGrant(randomId(), { accountId }));
      await settle([...times(3, grant), store.grants.revokeByAccountAndClient(accountId, 'app'), ...times(3, grant)]);
      expect(await living({ accountId })).toBe(0);
      await expect(grant()).rejects.toMatchObject({ error: 'invalid_grant' });
    }
  });

  it('a device that is approved while everything ends gets nothing', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const accountId = await addAccount();
      const [device, cookie] = [randomId(), randomId()];
      const waiting = examplePayload('DeviceCode', device, { accountId: undefined, grantId: undefined, userCode: randomId(6) });
      await store.adapter('DeviceCode').upsert(device, waiting, 600);
      await store.adapter('Session').upsert(cookie, examplePayload('Session', cookie, { accountId, uid: `uid-${cookie}` }), 600);
      const approve = async () => {
        const grantId = await grantIn(accountId, `uid-${cookie}`);
        await store.adapter('DeviceCode').upsert(device, { ...waiting, accountId, grantId, sessionUid: `uid-${cookie}` }, 600);
      };
      await settle([approve(), store.sessions.endAll(accountId)]);
      expect(await living({ accountId })).toBe(0);
      expect((await store.adapter('DeviceCode').find(device))?.grantId).toBeUndefined();
    }
  });

  it.each(['everything', 'its grant'])('a backchannel request that is approved while %s ends gives nothing', async (what) => {
    const requests = createBackchannelRequests(store);
    for (let round = 0; round < ROUNDS; round++) {
      const accountId = await addAccount();
      const [jti, cookie] = [randomId(), randomId()];
      const sessionUid = `uid-${cookie}`;
      const asked = {
        ...examplePayload('BackchannelAuthenticationRequest', jti, { accountId, grantId: undefined, sessionUid: undefined }),
        jti,
      };
      await store.adapter('BackchannelAuthenticationRequest').upsert(jti, asked, 600);
      await store.adapter('Session').upsert(cookie, examplePayload('Session', cookie, { accountId, uid: sessionUid }), 600);
      const grantId = await grantIn(accountId, sessionUid);
      // In one transaction with what tells the application, as the page of the question has it.
      const approve = () =>
        requests.decide(
          asked,
          { sessionUid, grantId, authTime: nowSeconds() },
          (stored) => store.db.client.$executeRaw`SELECT 1 WHERE ${stored}`,
        );
      const end = () => (what === 'everything' ? store.sessions.endAll(accountId) : store.grants.revoke(grantId));
      const { errors } = await settle(round % 2 ? [approve(), end()] : [end(), approve()]);
      expect(errors).toEqual([]);
      const { grantId: given } = (await store.adapter('BackchannelAuthenticationRequest').find(jti)) ?? {};
      expect(given, `round ${round}`).toBeUndefined();
    }
  });

  it('a backchannel request whose approval by an older version is being stored, holding no grant, is ended as well', async () => {
    const requests = 'BackchannelAuthenticationRequest';
    const accountId = await addAccount();
    const [jti, cookie] = [randomId(), randomId()];
    const sessionUid = `uid-${cookie}`;
    const asked = examplePayload(requests, jti, { accountId, grantId: undefined, sessionUid: undefined });
    await store.adapter(requests).upsert(jti, asked, 600);
    await store.adapter('Session').upsert(cookie, examplePayload('Session', cookie, { accountId, uid: sessionUid }), 600);
    const grantId = await grantIn(accountId, sessionUid);
    let end: Promise<void> | undefined;
    await store.db.client.$transaction(async (tx) => {
      const approved = await tx.$executeRaw`UPDATE artifacts SET grant_id = ${grantId}, session_uid = ${sessionUid}
        WHERE account_id = ${accountId} AND kind = ${requests} AND revoked_at IS NULL`;
      expect(approved).toBe(1);
      end = store.sessions.endAll(accountId);
      if (provider === 'postgresql') await untilSomebodyWaits();
    });
    await end;
    expect(await living({ accountId })).toBe(0);
    expect(await store.adapter(requests).find(jti)).toBeUndefined();
  });

  it("a client's own token and its grants that race with its deletion leave nothing alive", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const clientId = `client-${randomId()}`;
      const accountId = await addAccount();
      const own = async () => {
        const id = randomId();
        await store.adapter('ClientCredentials').upsert(id, examplePayload('ClientCredentials', id, { clientId }), 600);
      };
      const granted = async () => {
        const grantId = await store.addGrant(randomId(), { accountId, clientId });
        const id = randomId();
        await store.adapter('RefreshToken').upsert(id, examplePayload('RefreshToken', id, { accountId, clientId, grantId }), 600);
      };
      await Promise.all([own(), granted()]);
      // As the registry does it.
      const remove = async () => {
        await store.grants.revokeByClient(clientId);
        await store.db.client.client.delete({ where: { id: clientId } });
        await store.grants.revokeByClient(clientId);
      };
      await settle([own(), granted(), remove(), own(), granted()]);
      expect(await living({ clientId })).toBe(0);
      await expect(own()).rejects.toMatchObject({ expose: true });
      await expect(granted()).rejects.toMatchObject({ expose: true });
    }
  });

  it('a client that begins anew is refused what was issued before, and given what is issued after', async () => {
    const clientId = `client-${randomId()}`;
    const save = (iat: number) => {
      const id = randomId();
      return store.adapter('ClientCredentials').upsert(id, examplePayload('ClientCredentials', id, { clientId, iat }), 600);
    };
    await save(nowSeconds());
    await store.grants.revokeByClient(clientId);
    await expect(save(nowSeconds() - 1)).rejects.toMatchObject({ expose: true });
    await save(nowSeconds() + 1);
  });

  it('one of 50 parallel answers to an interaction is stored, and the library may save it again', async () => {
    const id = await ask();
    const people = await Promise.all(times(50, addAccount));
    const { won, errors } = await settle(people.map((accountId) => answer(id, accountId, 0)));
    expect(won).toBe(1);
    for (const error of errors) expect(error).toMatchObject({ name: 'SessionNotFound' });
    const stored = (await store.adapter('Interaction').find(id))?.result?.login?.accountId;
    expect(people).toContain(stored);
  });
});
