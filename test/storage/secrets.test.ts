import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSecretStore } from '../../src/platform/crypto/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

describe.each(databases)('secrets on %s', (provider) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(provider);
  });
  afterAll(() => database.drop());

  it('are made once, even by processes that start at the same moment', async () => {
    const key = Buffer.alloc(32, 7);
    const stores = await Promise.all(Array.from({ length: 8 }, () => openSecretStore(database.db, key)));
    expect(new Set(stores.map((store) => store.hmacPepper.toString('hex'))).size).toBe(1);
    const sealed = stores[0]?.sealer.seal('value', 'place') ?? '';
    expect(stores[7]?.sealer.open(sealed, 'place')).toBe('value');
    expect(() => stores[7]?.sealer.open(sealed, 'another place')).toThrow('does not open');
  });

  it('do not open under another key-encryption key, and the error says what to do', async () => {
    await expect(openSecretStore(database.db, Buffer.alloc(32, 8))).rejects.toMatchObject({ code: 'secrets.wrong_key' });
  });
});
