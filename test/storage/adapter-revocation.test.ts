import type { AdapterPayload } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomId } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { artifactKinds, examplePayload, grantKinds, lasting, openTestStore, settle, type TestStore, times } from '../support/storage.js';

const ROUNDS = 40;

describe.each(databases)('what was revoked stays revoked on %s', (provider) => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore(provider);
  });
  afterAll(() => store.drop());

  const save = async (kind: string, over: AdapterPayload = {}) => {
    const id = randomId();
    await store.adapter(kind).upsert(id, examplePayload(kind, id, over), 600);
    return id;
  };
  /** Artifacts that work although their grant does not. */
  const livingUnderDeadGrants = () =>
    store.db.client.$queryRaw<unknown[]>`SELECT a.id_hash FROM artifacts a JOIN grants g ON g.id = a.grant_id
      WHERE a.revoked_at IS NULL AND g.revoked_at IS NOT NULL`;

  it.each([...artifactKinds.filter((kind) => kind !== 'ReplayDetection'), 'Session' as const, 'Grant' as const])(
    '%s is not revived by a request in flight that saves it again, and the request is told',
    async (kind) => {
      const id = await save(kind);
      const inFlight = (await store.adapter(kind).find(id)) ?? {};
      await store.adapter(kind).destroy(id);
      await expect(store.adapter(kind).upsert(id, inFlight, 600)).rejects.toMatchObject({ expose: true });
      expect(await store.adapter(kind).find(id)).toBeUndefined();
    },
  );

  it('a grant with a new id is saved, also while another one is being revoked', async () => {
    const dying = await store.addGrant();
    const [, born] = await Promise.all([store.adapter('Grant').destroy(dying), store.addGrant()]);
    expect(await store.adapter('Grant').find(born)).toMatchObject({ jti: born });
    expect(await store.adapter('Grant').find(dying)).toBeUndefined();
  });

  it.each([...grantKinds, 'Grant' as const])(
    'revoking by grant through %s ends the grant and every kind of artifact under it',
    async (through) => {
      const grantId = await store.addGrant();
      const others = await store.addGrant();
      const ids = await Promise.all(grantKinds.map((kind) => save(kind, { grantId })));
      const survivor = await save('RefreshToken', { grantId: others });
      await store.adapter(through).revokeByGrantId(grantId);
      for (const [index, kind] of grantKinds.entries()) expect(await store.adapter(kind).find(ids[index] ?? '')).toBeUndefined();
      expect(await store.adapter('Grant').find(grantId)).toBeUndefined();
      expect(await store.adapter('RefreshToken').find(survivor)).toBeDefined();
    },
  );

  it('a grant that is revoked takes no interaction with it: that is a conversation, not a right', async () => {
    const grantId = await store.addGrant();
    const id = await save('Interaction', { grantId });
    await store.adapter('Grant').destroy(grantId);
    expect(await store.adapter('Interaction').find(id)).toMatchObject({ grantId });
  });

  describe.each(grantKinds)('%s', (kind) => {
    it('is saved only under a grant that exists, is not revoked and has not expired', async () => {
      const dead = await store.addGrant();
      await store.adapter('Grant').destroy(dead);
      const expired = randomId();
      await store.adapter('Grant').upsert(expired, { accountId: 'person', clientId: 'app', ...lasting(-1) }, -1);
      for (const grantId of [dead, expired, randomId()]) {
        const id = randomId();
        const saving = store.adapter(kind).upsert(id, examplePayload(kind, id, { grantId }), 600);
        await expect(saving).rejects.toMatchObject({ message: 'invalid_grant', statusCode: 400 });
        expect(await store.adapter(kind).find(id)).toBeUndefined();
      }
    });
  });

  it('a token that is saved while its grant ends is never alive afterwards', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const grantId = await store.addGrant();
      await settle([
        ...times(3, () => save('RefreshToken', { grantId, gty: 'authorization_code refresh_token' })),
        store.adapter('RefreshToken').revokeByGrantId(grantId),
        ...times(3, () => save('AccessToken', { grantId })),
        store.adapter('Grant').destroy(grantId),
        save('AuthorizationCode', { grantId }),
      ]);
    }
    expect(await livingUnderDeadGrants()).toEqual([]);
    expect(await store.db.client.grant.count({ where: { revokedAt: { not: null } } })).toBeGreaterThanOrEqual(ROUNDS);
  });

  it('a grant that is saved while it ends is dead afterwards', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const grantId = await store.addGrant();
      await settle([store.addGrant(grantId), store.adapter('Grant').destroy(grantId), store.addGrant(grantId)]);
      expect(await store.adapter('Grant').find(grantId)).toBeUndefined();
    }
  });

  it('ending everything of an account, each grant and the client at once ends all of it and blocks nobody', async () => {
    const grants = await Promise.all(times(20, () => store.addGrant(randomId(), { accountId: 'crowded', clientId: 'crowded-app' })));
    await Promise.all(
      grants.flatMap((grantId) => times(2, () => save('RefreshToken', { grantId, accountId: 'crowded', clientId: 'crowded-app' }))),
    );
    const { errors } = await settle([
      ...grants.map((grantId) => store.adapter('Grant').destroy(grantId)),
      ...times(3, () => store.sessions.endAll('crowded')),
      ...times(3, () => store.grants.revokeByClient('crowded-app')),
      ...times(3, () => store.grants.revokeByAccountAndClient('crowded', 'crowded-app')),
    ]);
    expect(errors).toEqual([]);
    expect(await store.db.client.artifact.count({ where: { accountId: 'crowded', revokedAt: null } })).toBe(0);
    expect(await store.db.client.grant.count({ where: { accountId: 'crowded', revokedAt: null } })).toBe(0);
  });

  it('a refresh that races with the end of everything leaves no living token', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const accountId = randomId();
      const grantId = await store.addGrant(randomId(), { accountId });
      const used = await save('RefreshToken', { grantId, accountId });
      const refresh = async () => {
        await store.adapter('RefreshToken').consume(used);
        await save('RefreshToken', { grantId, accountId, gty: 'authorization_code refresh_token' });
        await save('AccessToken', { grantId, accountId, gty: 'authorization_code refresh_token' });
      };
      await settle([refresh(), store.sessions.endAll(accountId)]);
      expect(await store.db.client.artifact.count({ where: { accountId, revokedAt: null } })).toBe(0);
    }
  });
});
