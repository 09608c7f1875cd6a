import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openRegistry, type TestRegistry, webClient } from '../support/clients.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

const DAY = 86_400;

describe.each(databases)('clients that nobody here made, on %s', (provider) => {
  let database: TestDatabase;
  let registry: TestRegistry;
  let start: number;
  const at = (days: number) => void vi.setSystemTime(start + days * DAY * 1000);

  beforeEach(async () => {
    start = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: start });
    database = await createTestDatabase(provider);
    registry = await openRegistry(database);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await registry.close();
    await database.drop();
  });

  const register = async () => (await registry.clients.register(webClient)).client.id;
  const use = async (id: string) => {
    registry.clients.noteUse(id);
    await registry.clients.flushUses();
  };
  const rowOf = (id: string) => database.db.client.client.findUniqueOrThrow({ where: { id } });

  it('are deleted after a day unless somebody used them, with whatever they were given', async () => {
    const [unused, used] = [await register(), await register()];
    const { client: operators } = await registry.clients.create(webClient, { source: 'operator' });
    await use(used);
    at(0.99);
    expect(await registry.clients.deleteUnused()).toBe(0);
    at(1.01);
    expect(await registry.clients.deleteUnused()).toBe(1);
    expect(registry.revoked).toEqual([unused]);
    expect(await registry.clients.find(unused)).toBeNull();
    at(1000);
    await registry.clients.deleteUnused();
    expect(await registry.clients.find(operators.id)).not.toBeNull();
  });

  it('are deleted 90 days after they were last used', async () => {
    const id = await register();
    await use(id);
    at(80);
    await use(id);
    at(91);
    expect(await registry.clients.deleteUnused()).toBe(0);
    at(170.1);
    expect(await registry.clients.deleteUnused()).toBe(1);
  });

  it('have their use noted once a day by all processes together, and nobody else’s is', async () => {
    const other = await openRegistry(database);
    try {
      const id = await register();
      const { client: operators } = await registry.clients.create(webClient, { source: 'operator' });
      await use(id);
      const first = (await rowOf(id)).lastUsedAt;
      at(0.5);
      await use(id);
      other.clients.noteUse(id);
      other.clients.noteUse(operators.id);
      await other.clients.flushUses();
      expect((await rowOf(id)).lastUsedAt).toEqual(first);
      expect(await rowOf(operators.id)).toMatchObject({ lastUsedAt: null, unusedUntil: null });
      at(1.1);
      await use(id);
      expect((await rowOf(id)).lastUsedAt).toEqual(new Date(start + 1.1 * DAY * 1000));
    } finally {
      await other.close();
    }
  });

  it('that are used while they are being deleted are either there or gone, by all processes alike', async () => {
    const ids = await Promise.all(Array.from({ length: 110 }, register));
    at(1.01);
    const [deleted] = await Promise.all([registry.clients.deleteUnused(), ...ids.slice(0, 20).map(use)]);
    const left = await database.db.client.client.findMany();
    expect(left.length + deleted).toBe(110);
    for (const { lastUsedAt } of left) expect(lastUsedAt).not.toBeNull();
    expect(new Set(registry.revoked).size).toBe(deleted);
  });

  it('become the operator’s by being declared: nobody manages them any more, and they stay', async () => {
    const { client, managementToken = '' } = await registry.clients.register(webClient);
    await registry.clients.applyDeclared([{ ...webClient, client_id: client.id, client_secret: 'a-secret-of-22-characters' }]);
    await expect(registry.clients.findRegistration(client.id, managementToken)).rejects.toMatchObject({ code: 'clients.invalid_token' });
    at(1000);
    expect(await registry.clients.deleteUnused()).toBe(0);
    expect(await registry.clients.find(client.id)).toMatchObject({ source: 'declared' });
  });

  it('make no process forget the clients it knows when they register', async () => {
    const counter = () => database.db.client.changeCounter.findUnique({ where: { topic: 'clients' } });
    const before = await counter();
    await register();
    expect(await counter()).toEqual(before);
  });
});
