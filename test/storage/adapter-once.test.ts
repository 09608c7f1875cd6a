import type { AdapterPayload } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomId, sha256 } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { examplePayload, grantKinds, lasting, openTestStore, settle, singleUseKinds, type TestStore, times } from '../support/storage.js';

describe.each(databases)('once means once on %s', (provider) => {
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

  describe.each(singleUseKinds)('%s', (kind) => {
    const refusal = kind === 'PushedAuthorizationRequest' ? 'invalid_request_uri' : 'invalid_grant';

    it('is consumed once; the second time is refused as the library would, and find shows when', async () => {
      const id = await save(kind);
      await store.adapter(kind).consume(id);
      const { consumed } = (await store.adapter(kind).find(id)) ?? {};
      expect(Math.abs(Number(consumed) - Date.now() / 1000)).toBeLessThan(5);
      await expect(store.adapter(kind).consume(id)).rejects.toMatchObject({ message: refusal, statusCode: 400, expose: true });
      expect(await store.adapter(kind).find(id)).toMatchObject({ consumed });
    });

    it('is consumed by one of 50 at the same moment', async () => {
      const id = await save(kind);
      const { won, errors } = await settle(times(50, () => store.adapter(kind).consume(id)));
      expect(won).toBe(1);
      expect(new Set(errors.map(({ message }) => message))).toEqual(new Set([refusal]));
    });

    it('stays consumed although a request in flight saves it again', async () => {
      const id = await save(kind);
      const inFlight = (await store.adapter(kind).find(id)) ?? {};
      await store.adapter(kind).consume(id);
      await store.adapter(kind).upsert(id, inFlight, 600);
      expect(await store.adapter(kind).find(id)).toHaveProperty('consumed');
      await expect(store.adapter(kind).consume(id)).rejects.toMatchObject({ message: refusal });
    });

    it('saved with consumed in its payload does not come back unused after its row was purged', async () => {
      const id = await save(kind);
      await store.adapter(kind).consume(id);
      const inFlight = (await store.adapter(kind).find(id)) ?? {};
      await store.db.client.artifact.delete({ where: { idHash: sha256(id) } });
      await store.adapter(kind).upsert(id, inFlight, 600);
      await expect(store.adapter(kind).consume(id)).rejects.toMatchObject({ message: refusal });
    });

    it('that was revoked or never existed cannot be consumed', async () => {
      const id = await save(kind);
      await store.adapter(kind).destroy(id);
      await expect(store.adapter(kind).consume(id)).rejects.toMatchObject({ message: refusal });
      await expect(store.adapter(kind).consume(randomId())).rejects.toMatchObject({ message: refusal });
      await expect(store.adapter(kind).consume('a\0b')).rejects.toMatchObject({ message: refusal });
    });
  });

  it.each(['AccessToken', 'Interaction', 'Grant', 'Session', 'Client'])('%s is nothing that is consumed', async (kind) => {
    await expect(store.adapter(kind).consume(randomId())).rejects.toThrow(TypeError);
  });

  it.each(grantKinds.filter((kind) => kind !== 'AccessToken'))(
    '%s used a second time, even in a race, revokes what it gave (RFC 6749 section 4.1.2)',
    async (kind) => {
      const grantId = await store.addGrant();
      const id = await save(kind, { grantId });
      const given = await save('AccessToken', { grantId });
      await settle([store.adapter(kind).consume(id), store.adapter(kind).consume(id)]);
      expect(await store.adapter('Grant').find(grantId)).toBeUndefined();
      expect(await store.adapter('AccessToken').find(given)).toBeUndefined();
    },
  );

  it.each(['AccessToken', 'RefreshToken'])(
    '%s of the first redemption, saved after the second one, answers but never lives',
    async (kind) => {
      const grantId = await store.addGrant();
      await store.adapter('Grant').destroy(grantId);
      const id = await save(kind, { grantId, gty: 'authorization_code' });
      expect(await store.adapter(kind).find(id)).toBeUndefined();
      expect(await store.db.client.artifact.count({ where: { grantId } })).toBe(0);
    },
  );

  it('a refused revoked token of somebody else does not end their grant: another kind, or no second use', async () => {
    const grantId = await store.addGrant();
    const id = await save('RefreshToken', { grantId });
    await settle([store.adapter('AuthorizationCode').consume(id), store.adapter('DeviceCode').consume(id)]);
    expect(await store.adapter('Grant').find(grantId)).toBeDefined();
    expect(await store.adapter('RefreshToken').find(id)).not.toHaveProperty('consumed');
  });

  describe('a replay id', () => {
    it('is saved by one of 50 at the same moment, the rest get an OAuth error', async () => {
      const id = randomId();
      const saves = times(50, () => store.adapter('ReplayDetection').upsert(id, examplePayload('ReplayDetection', id), 60));
      const { won, errors } = await settle(saves);
      expect(won).toBe(1);
      for (const error of errors) expect(error).toMatchObject({ message: 'invalid_grant', statusCode: 400, expose: true });
    });

    it('is refused again while its row is there, even when it has expired', async () => {
      const id = randomId();
      await store.adapter('ReplayDetection').upsert(id, examplePayload('ReplayDetection', id, lasting(-5)), -5);
      const again = store.adapter('ReplayDetection').upsert(id, examplePayload('ReplayDetection', id), 60);
      await expect(again).rejects.toMatchObject({ message: 'invalid_grant' });
    });
  });

  describe('an interaction', () => {
    it('is resumed by one of 50 at the same moment', async () => {
      const id = await save('Interaction');
      const { won, errors } = await settle(times(50, () => store.adapter('Interaction').destroy(id)));
      expect(won).toBe(1);
      for (const error of errors) expect(error).toMatchObject({ name: 'SessionNotFound', statusCode: 400 });
    });

    it('that was resumed takes no further submission', async () => {
      const id = await save('Interaction');
      const inFlight = (await store.adapter('Interaction').find(id)) ?? {};
      await store.adapter('Interaction').destroy(id);
      const saving = store.adapter('Interaction').upsert(id, { ...inFlight, result: { login: { accountId: 'thief' } } }, 600);
      await expect(saving).rejects.toMatchObject({ name: 'SessionNotFound' });
      expect(await store.adapter('Interaction').find(id)).toBeUndefined();
    });
  });

  describe('a device code', () => {
    const undecided = { accountId: undefined };
    it('approved by one person is not taken over by another whose request is in flight', async () => {
      const id = await save('DeviceCode', undecided);
      const inFlight = (await store.adapter('DeviceCode').find(id)) ?? {};
      const [mine, theirs] = [await store.addGrant(), await store.addGrant(randomId(), { accountId: 'other' })];
      await store.adapter('DeviceCode').upsert(id, { ...inFlight, accountId: 'person', grantId: mine }, 600);
      const late = store.adapter('DeviceCode').upsert(id, { ...inFlight, accountId: 'other', grantId: theirs }, 600);
      await expect(late).rejects.toMatchObject({ message: 'invalid_grant' });
      const abort = store.adapter('DeviceCode').upsert(id, { ...inFlight, error: 'access_denied' }, 600);
      await expect(abort).rejects.toMatchObject({ message: 'invalid_grant' });
      expect(await store.adapter('DeviceCode').find(id)).toMatchObject({ accountId: 'person', grantId: mine });
    });

    it('approved while its grant is being revoked is not approved', async () => {
      const id = await save('DeviceCode', undecided);
      const inFlight = (await store.adapter('DeviceCode').find(id)) ?? {};
      const grantId = await store.addGrant();
      await store.adapter('Grant').destroy(grantId);
      const approval = store.adapter('DeviceCode').upsert(id, { ...inFlight, accountId: 'person', grantId }, 600);
      await expect(approval).rejects.toMatchObject({ message: 'invalid_grant' });
      expect(await store.adapter('DeviceCode').find(id)).not.toHaveProperty('accountId');
    });

    it('refused by one person is not approved by another whose request is in flight, and may be refused again', async () => {
      const id = await save('DeviceCode', undecided);
      const inFlight = (await store.adapter('DeviceCode').find(id)) ?? {};
      const refusal = { ...inFlight, error: 'access_denied' };
      await store.adapter('DeviceCode').upsert(id, refusal, 600);
      const grantId = await store.addGrant();
      const approval = store.adapter('DeviceCode').upsert(id, { ...inFlight, accountId: 'person', grantId }, 600);
      await expect(approval).rejects.toMatchObject({ message: 'invalid_grant' });
      await store.adapter('DeviceCode').upsert(id, refusal, 600);
      expect(await store.adapter('DeviceCode').find(id)).toMatchObject({ error: 'access_denied' });
    });

    it('is not approved by a session that has been ended meanwhile', async () => {
      const id = await save('DeviceCode', undecided);
      const inFlight = (await store.adapter('DeviceCode').find(id)) ?? {};
      const session = randomId();
      await store.adapter('Session').upsert(session, examplePayload('Session', session), 600);
      await store.sessions.end(`uid-${session}`);
      const grantId = await store.addGrant();
      const approval = { ...inFlight, accountId: 'person', grantId, sessionUid: `uid-${session}` };
      await expect(store.adapter('DeviceCode').upsert(id, approval, 600)).rejects.toMatchObject({ message: 'invalid_grant' });
    });
  });
});
