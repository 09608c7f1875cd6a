import type { AdapterPayload } from 'oidc-provider';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { randomId, sha256 } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { artifactKinds, examplePayload, lasting, openTestStore, settle, type TestStore, times } from '../support/storage.js';

const MINUTE = 60;

describe.each(databases)('the purge on %s', (provider) => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore(provider);
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => store.drop());

  const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
  const save = async (kind: string, seconds: number, over: AdapterPayload = {}) => {
    const id = randomId();
    await store.adapter(kind).upsert(id, { ...examplePayload(kind, id, over), ...lasting(seconds) }, seconds);
    return id;
  };

  it('deletes what has expired from every table, in as many batches as it takes, and says how much', async () => {
    const at = new Date(Date.now() - 30 * 24 * 3600 * 1000);
    await Promise.all(times(55, () => save('AccessToken', -3600)));
    await Promise.all([save('Session', -3600), save('Grant', -3600), save('Interaction', -3600)]);
    await store.db.client.oneTimeToken.create({ data: { idHash: 'h', kind: 'password_reset', createdAt: at, expiresAt: at } });
    await store.db.client.limitCounter.create({ data: { key: 'k', count: 1, expiresAt: new Date(Date.now() - 1000) } });
    await store.db.client.account.create({ data: { id: 'a', email: 'a@example.com', createdAt: at, updatedAt: at } });
    await store.db.client.signInDevice.create({ data: { accountId: 'a', deviceHash: 'd', lastSeenAt: at, expiresAt: at } });
    await store.db.client.initialAccessToken.create({ data: { id: 'i', tokenHash: 't', createdAt: at, expiresAt: at } });
    await store.db.client.explanation.create({ data: { id: 'e', payload: 'p', createdAt: at, expiresAt: new Date(Date.now() - 1000) } });
    expect(await store.purge.run()).toEqual({
      artifacts: 56,
      refresh_successors: 0,
      grants: 1,
      sessions: 1,
      one_time_tokens: 1,
      sign_in_devices: 1,
      limit_counters: 1,
      explanations: 1,
      initial_access_tokens: 1,
    });
    expect(await store.purge.run()).toEqual({
      artifacts: 0,
      refresh_successors: 0,
      grants: 0,
      sessions: 0,
      one_time_tokens: 0,
      sign_in_devices: 0,
      limit_counters: 0,
      explanations: 0,
      initial_access_tokens: 0,
    });
  });

  it('leaves what lives, what never expires, and what expired a moment ago', async () => {
    const ids = await Promise.all([save('AccessToken', 600), save('AccessToken', -MINUTE)]);
    const forever = randomId();
    await store.adapter('RegistrationAccessToken').upsert(forever, { kind: 'RegistrationAccessToken', clientId: 'app' });
    await store.purge.run();
    for (const id of ids) expect(await store.adapter('AccessToken').find(id)).toBeDefined();
    expect(await store.adapter('RegistrationAccessToken').find(forever)).toBeDefined();
  });

  it.each([...artifactKinds, 'Session' as const, 'Grant' as const])('keeps the tombstone of a %s until its own expiry', async (kind) => {
    const id = await save(kind, 3600);
    const inFlight = { ...examplePayload(kind, id), ...lasting(7200) };
    await store.adapter(kind).destroy(id);
    later(3600 - MINUTE);
    await store.purge.run();
    await expect(store.adapter(kind).upsert(id, inFlight, 7200)).rejects.toThrow();
    expect(await store.adapter(kind).find(id)).toBeUndefined();
    // A pushed request is kept one interaction longer.
    later(90 * MINUTE);
    await store.purge.run();
    const left = await Promise.all([
      store.db.client.artifact.count({ where: { idHash: sha256(id) } }),
      store.db.client.session.count({ where: { uid: `uid-${id}` } }),
      store.db.client.grant.count({ where: { id } }),
    ]);
    expect(left).toEqual([0, 0, 0]);
  });

  it('leaves an expired pushed request for the interaction that will consume it', async () => {
    const id = await save('PushedAuthorizationRequest', MINUTE);
    later(50 * MINUTE);
    await store.purge.run();
    await store.adapter('PushedAuthorizationRequest').consume(id);
    later(30 * MINUTE);
    await store.purge.run();
    expect(await store.adapter('PushedAuthorizationRequest').find(id)).toBeUndefined();
  });

  it('goes on beside saves, uses and revocations without failing or harming any', async () => {
    await Promise.all(times(200, () => save('AccessToken', -3600)));
    const work = async () => {
      const grantId = await store.addGrant();
      await Promise.all(times(3, () => save('AccessToken', -3600, { grantId })));
      const token = await save('RefreshToken', 600, { grantId });
      await store.adapter('RefreshToken').consume(token);
      await store.adapter('Grant').destroy(grantId);
    };
    const { errors } = await settle([store.purge.run(), ...times(20, work), store.purge.run(), store.purge.run()]);
    expect(errors).toEqual([]);
    await store.purge.run();
    const before = new Date(Date.now() - 15 * MINUTE * 1000);
    expect(await store.db.client.artifact.count({ where: { expiresAt: { lt: before } } })).toBe(0);
  });
});
