import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countSealedUnder, openSecretStore, resealSecrets } from '../../src/platform/crypto/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

describe.each(databases)('secrets on %s', (provider) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(provider);
  });
  afterAll(() => database.drop());

  it('are made once, even by processes that start at the same moment', async () => {
    const key = Buffer.alloc(32, 7);
    const stores = await Promise.all(Array.from({ length: 8 }, () => openSecretStore(database.db, { current: key })));
    expect(new Set(stores.map((store) => store.hmacPepper.export().toString('hex'))).size).toBe(1);
    const sealed = stores[0]?.sealer.seal('value', 'place') ?? '';
    expect(stores[7]?.sealer.open(sealed, 'place')).toBe('value');
    expect(() => stores[7]?.sealer.open(sealed, 'another place')).toThrow('does not open');
  });

  it('do not open under another key-encryption key, and the error says what to do', async () => {
    await expect(openSecretStore(database.db, { current: Buffer.alloc(32, 8) })).rejects.toMatchObject({ code: 'secrets.wrong_key' });
  });

  it('nothing is made under a wrong key, so the right one still opens everything', async () => {
    const { db } = database;
    const [lost] = await db.client.secret.findMany({ where: { name: 'dpop_nonce_secret' } });
    await db.client.secret.delete({ where: { name: 'dpop_nonce_secret' } });
    await expect(openSecretStore(db, { current: Buffer.alloc(32, 8) })).rejects.toMatchObject({ code: 'secrets.wrong_key' });
    expect(await db.client.secret.count()).toBe(4);
    await db.client.secret.create({ data: lost as NonNullable<typeof lost> });
  });

  it('are sealed anew under another key by one of many, and stay what they were; both keys open them until then', async () => {
    const { db } = database;
    const [before, after] = [Buffer.alloc(32, 7), Buffer.alloc(32, 9)];
    const was = await openSecretStore(db, { current: before });
    const rolling = await openSecretStore(db, { current: after, previous: before });
    expect(rolling.pairwiseSalt.equals(was.pairwiseSalt)).toBe(true);
    expect(await countSealedUnder(db, { current: after, previous: before })).toEqual({ current: 0, previous: 5 });
    await Promise.all(Array.from({ length: 8 }, () => resealSecrets(db, { current: after, previous: before })));
    expect(await countSealedUnder(db, { current: after })).toEqual({ current: 5, previous: 0 });
    expect(await resealSecrets(db, { current: after })).toEqual({ resealed: 0, total: 5 });
    const now = await openSecretStore(db, { current: after });
    for (const name of ['hmacPepper', 'pairwiseSalt', 'auditKey'] as const) expect(now[name].equals(was[name])).toBe(true);
    expect(now.dpopNonceSecret).toEqual(was.dpopNonceSecret);
    expect(now.sealer.open(was.sealer.seal('a payload', 'a row'), 'a row')).toBe('a payload');
    await expect(openSecretStore(db, { current: before })).rejects.toMatchObject({ code: 'secrets.wrong_key' });
  });
});
