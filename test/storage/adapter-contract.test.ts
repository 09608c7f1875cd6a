import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomId, sha256 } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import {
  allKinds,
  allText,
  artifactKinds,
  examplePayload,
  lasting,
  openTestStore,
  singleUseKinds,
  type TestStore,
} from '../support/storage.js';

const hostileIds: [string, string][] = [
  ['empty', ''],
  ['10 kB', 'x'.repeat(10_240)],
  ['unicode', 'ключ-钥匙-🔑-\u202e'],
  ['NUL', 'a\0b'],
  ['half a surrogate pair', 'a\ud800b'],
  ['SQL', `' OR '1'='1' --`],
  ['a prototype name', '__proto__'],
];

describe.each(databases)('the store on %s', (provider) => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore(provider);
  });
  afterAll(() => store.drop());

  it('has exactly the 15 models of oidc-provider', () => {
    for (const kind of allKinds) expect(() => store.factory(kind)).not.toThrow();
    expect(() => store.factory('IdToken')).toThrow(TypeError);
    expect(() => store.factory('constructor')).toThrow(TypeError);
  });

  describe.each(allKinds)('%s', (kind) => {
    it('is found again as it was saved, with its jti', async () => {
      const id = randomId();
      const payload = examplePayload(kind, id);
      await store.adapter(kind).upsert(id, payload, 600);
      const found = await store.adapter(kind).find(id);
      expect(found).toMatchObject(kind === 'Client' ? { client_id: id } : { ...payload, jti: id });
      expect(found).not.toHaveProperty('consumed');
    });

    it('saved again takes the new content', async () => {
      if (kind === 'ReplayDetection') return;
      const id = randomId();
      await store.adapter(kind).upsert(id, examplePayload(kind, id), 600);
      await store.adapter(kind).upsert(id, examplePayload(kind, id, { acr: 'changed' }), 600);
      expect(await store.adapter(kind).find(id)).toMatchObject({ acr: 'changed' });
    });

    it('is not found once it was destroyed, and destroying what is not there is no failure', async () => {
      const id = randomId();
      await store.adapter(kind).upsert(id, examplePayload(kind, id), 600);
      await store.adapter(kind).destroy(id);
      expect(await store.adapter(kind).find(id)).toBeUndefined();
      if (kind !== 'Interaction') await store.adapter(kind).destroy(randomId());
    });

    it.each(hostileIds)('an id that is %s is a clean miss', async (_name, id) => {
      const adapter = store.adapter(kind);
      expect(await adapter.find(id)).toBeUndefined();
      expect(await adapter.findByUid(id)).toBeUndefined();
      expect(await adapter.findByUserCode(id)).toBeUndefined();
      await adapter.revokeByGrantId(id);
      if (kind !== 'Interaction') await adapter.destroy(id);
    });

    it('is not found under an id that differs in case, or by a part or a wildcard', async () => {
      const id = `aB${randomId()}`;
      await store.adapter(kind).upsert(id, examplePayload(kind, id), 600);
      for (const wrong of [id.toLowerCase(), id.slice(0, -1), `${id} `, '%', `${id.slice(0, 5)}%`]) {
        expect(await store.adapter(kind).find(wrong)).toBeUndefined();
      }
    });
  });

  describe.each([...artifactKinds, 'Session' as const])('%s, whose id is a bearer value', (kind) => {
    it('a hash is never accepted as an id', async () => {
      const id = randomId();
      await store.adapter(kind).upsert(id, examplePayload(kind, id), 600);
      expect(await store.adapter(kind).find(sha256(id))).toBeUndefined();
    });

    it('find returns an expired row that is still there', async () => {
      const id = randomId();
      await store.adapter(kind).upsert(id, examplePayload(kind, id, lasting(-5)), -5);
      expect(await store.adapter(kind).find(id)).toMatchObject({ exp: expect.any(Number) });
    });
  });

  it.each(artifactKinds)('%s is not found as any other kind', async (kind) => {
    const id = randomId();
    await store.adapter(kind).upsert(id, examplePayload(kind, id), 600);
    for (const other of allKinds.filter((name) => name !== kind)) expect(await store.adapter(other).find(id)).toBeUndefined();
    for (const other of singleUseKinds.filter((name) => name !== kind)) await expect(store.adapter(other).consume(id)).rejects.toThrow();
    expect(await store.adapter(kind).find(id)).toBeDefined();
  });

  it('no value that lets anybody in stands in clear anywhere in the database', async () => {
    const secrets: string[] = [];
    const grantId = await store.addGrant();
    for (const kind of [...artifactKinds, 'Session' as const]) {
      const id = randomId();
      const payload = examplePayload(kind, id, kind === 'Interaction' ? {} : { grantId });
      await store.adapter(kind).upsert(id, payload, 600);
      secrets.push(id, String(payload.userCode ?? id), `state-secret-${id}`, `session-cookie-${id}`, `device-code-${id}`, `par-${id}`);
      secrets.push(`request-object-${id}`, `nonce-${id}`, `state-${id}`);
    }
    const text = (await allText(store.db)).replaceAll(/uid-[\w-]+/g, 'uid');
    expect(text).toContain(grantId);
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toContain('openid');
  });

  it('payloads that were swapped between rows do not open', async () => {
    const { client } = store.db;
    for (const kind of ['AccessToken', 'RefreshToken', 'Interaction', 'Session', 'Grant']) {
      const [mine, theirs] = [randomId(), randomId()];
      for (const id of [mine, theirs]) await store.adapter(kind).upsert(id, examplePayload(kind, id), 600);
      const { table, key, of } =
        kind === 'Session'
          ? { table: 'sessions', key: 'uid', of: (id: string) => `uid-${id}` }
          : kind === 'Grant'
            ? { table: 'grants', key: 'id', of: (id: string) => id }
            : { table: 'artifacts', key: 'id_hash', of: sha256 };
      const from = `(SELECT payload FROM ${table} WHERE ${key} = '${of(theirs)}')`;
      await client.$executeRawUnsafe(`UPDATE ${table} SET payload = ${from} WHERE ${key} = '${of(mine)}'`);
      expect(await store.adapter(kind).find(mine)).toBeUndefined();
      expect(await store.adapter(kind).find(theirs)).toBeDefined();
    }
    expect(store.unreadable.length).toBeGreaterThanOrEqual(5);
    expect(store.unreadable.join()).not.toContain('openid');
  });

  it('a session id written over that of another session opens neither', async () => {
    const [mine, theirs] = [randomId(), randomId()];
    for (const id of [mine, theirs]) await store.adapter('Session').upsert(id, examplePayload('Session', id), 600);
    await store.db.client.$executeRawUnsafe(`UPDATE sessions SET id_hash = 'gone' WHERE uid = 'uid-${mine}'`);
    await store.db.client.$executeRawUnsafe(`UPDATE sessions SET id_hash = '${sha256(mine)}' WHERE uid = 'uid-${theirs}'`);
    expect(await store.adapter('Session').find(mine)).toBeUndefined();
    expect(await store.adapter('Session').findByUid(`uid-${theirs}`)).toBeUndefined();
  });

  describe('a device code', () => {
    it('is found by its user code, with its jti from the payload', async () => {
      const id = randomId();
      const payload = examplePayload('DeviceCode', id);
      await store.adapter('DeviceCode').upsert(id, payload, 600);
      expect(await store.adapter('DeviceCode').findByUserCode(String(payload.userCode))).toMatchObject({ jti: id });
    });

    it('is not found by a hash of its user code, keyed or not', async () => {
      const id = randomId();
      const payload = examplePayload('DeviceCode', id);
      await store.adapter('DeviceCode').upsert(id, payload, 600);
      const stored = await store.db.client.artifact.findUniqueOrThrow({ where: { idHash: sha256(id) } });
      expect(stored.userCodeHash).not.toBe(sha256(String(payload.userCode)));
      expect(await store.adapter('DeviceCode').findByUserCode(String(stored.userCodeHash))).toBeUndefined();
      expect(await store.adapter('DeviceCode').findByUserCode(sha256(String(payload.userCode)))).toBeUndefined();
    });

    it('that drew a user code which is taken is asked to try again', async () => {
      const [first, second] = [randomId(), randomId()];
      await store.adapter('DeviceCode').upsert(first, examplePayload('DeviceCode', first, { userCode: 'SAMECODE' }), 600);
      const saving = store.adapter('DeviceCode').upsert(second, examplePayload('DeviceCode', second, { userCode: 'SAMECODE' }), 600);
      await expect(saving).rejects.toMatchObject({ message: 'temporarily_unavailable', statusCode: 400 });
      expect(await store.adapter('DeviceCode').findByUserCode('SAMECODE')).toMatchObject({ jti: first });
    });
  });

  it('a session is found by its uid, with its jti from the payload', async () => {
    const id = randomId();
    await store.adapter('Session').upsert(id, examplePayload('Session', id), 600);
    expect(await store.adapter('Session').findByUid(`uid-${id}`)).toMatchObject({ jti: id });
    expect(await store.adapter('Session').findByUid(id)).toBeUndefined();
  });

  it('a pushed request outlives its expiry by the life of an interaction, because it is consumed at the end', async () => {
    const id = randomId();
    await store.adapter('PushedAuthorizationRequest').upsert(id, examplePayload('PushedAuthorizationRequest', id, lasting(60)), 60);
    const stored = await store.db.client.artifact.findUniqueOrThrow({ where: { idHash: sha256(id) } });
    const payload = await store.adapter('PushedAuthorizationRequest').find(id);
    expect((stored.expiresAt?.getTime() ?? 0) / 1000 - Number(payload?.exp)).toBe(3600);
  });

  it('a deleted client takes its grants, tokens and consents with it', async () => {
    const [clientId, token] = [randomId(), randomId()];
    await store.adapter('Client').upsert(clientId, examplePayload('Client', clientId));
    const grantId = await store.addGrant(randomId(), { clientId });
    await store.adapter('ClientCredentials').upsert(token, examplePayload('ClientCredentials', token, { clientId }), 600);
    await store.adapter('Client').destroy(clientId);
    expect(await store.adapter('Client').find(clientId)).toBeUndefined();
    expect(await store.adapter('Grant').find(grantId)).toBeUndefined();
    expect(await store.adapter('ClientCredentials').find(token)).toBeUndefined();
  });
});
