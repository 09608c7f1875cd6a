import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeClient } from '../../src/oidc/clients/index.js';
import { createSealer } from '../../src/platform/crypto/index.js';
import { openRegistry, type TestRegistry, webClient } from '../support/clients.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

const operator = { source: 'operator', actorId: 'somebody' } as const;
const pass = (seconds: number) => void vi.setSystemTime(Date.now() + seconds * 1000);

describe.each(databases)('clients on %s', (provider) => {
  let database: TestDatabase;
  let registry: TestRegistry;
  const others: TestRegistry[] = [];
  const otherProcess = async (deps: Parameters<typeof openRegistry>[1] = {}) => {
    const other = await openRegistry(database, deps);
    others.push(other);
    return other;
  };

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    database = await createTestDatabase(provider);
    registry = await openRegistry(database);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await Promise.all([registry, ...others.splice(0)].map((process) => process.close()));
    await database.drop();
  });

  it('are made with an id and a secret, which is told once and never again', async () => {
    const { clients, audited, logged } = registry;
    const { client, clientSecret } = await clients.create(webClient, operator);
    expect(client).toMatchObject({ name: 'An application', source: 'operator', profile: 'default', hasSecret: true, requirePkce: true });
    expect(clientSecret).toMatch(/^[\w-]{43}$/);
    const shown = [await clients.find(client.id), await clients.list(), describeClient(client), client, audited, logged];
    expect(JSON.stringify(shown)).not.toContain(clientSecret);
    expect(audited).toMatchObject([{ type: 'client.created', actorId: 'somebody', clientId: client.id }]);
  });

  it('have their secrets sealed at rest, each for its own client', async () => {
    const { clients } = registry;
    const first = await clients.create({ ...webClient, client_secret: 'first-secret-in-clear' }, operator);
    const second = await clients.create(webClient, operator);
    await clients.rotateSecret(first.client.id);
    const raw = JSON.stringify(await database.db.client.$queryRawUnsafe('SELECT * FROM clients'));
    for (const secret of ['first-secret-in-clear', second.clientSecret]) expect(raw).not.toContain(secret);
    // Whoever can write to the table cannot give one client another's secret.
    const row = await database.db.client.client.findUniqueOrThrow({ where: { id: second.client.id } });
    await database.db.client.client.update({ where: { id: first.client.id }, data: { secret: row.secret } });
    const { clients: fresh, logged } = await otherProcess();
    expect(await fresh.findProviderMetadata(first.client.id)).toBeUndefined();
    expect(JSON.stringify(logged)).toContain(first.client.id);
    expect((await fresh.findProviderMetadata(second.client.id))?.client_secret).toBe(second.clientSecret);
  });

  it('are not opened by another sealing key', async () => {
    const { client } = await registry.clients.create(webClient, operator);
    const { clients } = await otherProcess({ sealer: createSealer(Buffer.alloc(32, 9)) });
    expect(await clients.findProviderMetadata(client.id)).toBeUndefined();
  });

  it('keep the secret before a rotation good until the grace time ends, and no longer', async () => {
    const { clients } = registry;
    const { client, clientSecret: first = '' } = await clients.create(webClient, operator);
    const rotated = await clients.rotateSecret(client.id, { graceSeconds: 3600 });
    expect((await clients.findProviderMetadata(client.id))?.client_secret).toBe(rotated.clientSecret);
    expect(rotated.previousSecretExpiresAt.getTime()).toBe(Date.now() + 3600_000);
    pass(3599);
    expect(await clients.isPreviousSecret(client.id, first)).toBe(true);
    expect(await clients.isPreviousSecret(client.id, rotated.clientSecret)).toBe(false);
    expect(await clients.isPreviousSecret(client.id, '')).toBe(false);
    expect(await clients.isPreviousSecret('another', first)).toBe(false);
    pass(1);
    expect(await clients.isPreviousSecret(client.id, first)).toBe(false);
  });

  it('lose the secret before at once with no grace time, and the one before that with every rotation', async () => {
    const { clients } = registry;
    const { client, clientSecret: first = '' } = await clients.create(webClient, operator);
    const { clientSecret: second } = await clients.rotateSecret(client.id);
    await clients.rotateSecret(client.id, { graceSeconds: 0 });
    for (const secret of [first, second]) expect(await clients.isPreviousSecret(client.id, secret)).toBe(false);
    await expect(clients.rotateSecret(client.id, { graceSeconds: -1 })).rejects.toMatchObject({ code: 'clients.invalid' });
  });

  it('that two operators rotate at the same moment end with one secret and one predecessor', async () => {
    const { clients } = registry;
    const other = await otherProcess();
    const { client } = await clients.create(webClient, operator);
    const rotations = await Promise.all([clients.rotateSecret(client.id), other.clients.rotateSecret(client.id)]);
    await registry.changes.poll();
    const current = (await clients.findProviderMetadata(client.id))?.client_secret;
    const predecessor = rotations.map(({ clientSecret }) => clientSecret).find((secret) => secret !== current) ?? '';
    expect(rotations.some(({ clientSecret }) => clientSecret === current)).toBe(true);
    expect(await clients.isPreviousSecret(client.id, predecessor)).toBe(true);
  });

  it('without a secret have none to rotate, and get one when they begin to need it', async () => {
    const { clients } = registry;
    const { client, clientSecret } = await clients.create({ ...webClient, profile: 'spa' }, operator);
    expect(clientSecret).toBeUndefined();
    await expect(clients.rotateSecret(client.id)).rejects.toMatchObject({ code: 'clients.no_secret' });
    const updated = await clients.update(client.id, { profile: 'default', token_endpoint_auth_method: 'client_secret_post' });
    expect(updated.clientSecret).toMatch(/^[\w-]{43}$/);
    const back = await clients.update(client.id, { token_endpoint_auth_method: 'none' });
    expect(back.client.hasSecret).toBe(false);
    expect(await database.db.client.client.findUnique({ where: { id: client.id } })).toMatchObject({ secret: null, previousSecret: null });
  });

  it('are served from memory, and a change is seen at once here and within a poll in another process', async () => {
    const { clients } = registry;
    const other = await otherProcess();
    const { client } = await clients.create(webClient, operator);
    await other.changes.poll();
    expect((await other.clients.find(client.id))?.name).toBe('An application');
    await database.db.client.client.update({ where: { id: client.id }, data: { name: 'Behind the back' } });
    await clients.find(client.id);
    expect((await other.clients.find(client.id))?.name).toBe('An application');
    await clients.update(client.id, { client_name: 'Renamed' });
    expect((await clients.find(client.id))?.name).toBe('Renamed');
    await other.changes.poll();
    expect((await other.clients.find(client.id))?.name).toBe('Renamed');
    await clients.delete(client.id);
    await other.changes.poll();
    expect(await other.clients.find(client.id)).toBeNull();
  });

  it('that are not found are looked for again: a new one works at once in every process', async () => {
    const other = await otherProcess();
    expect(await other.clients.find('later')).toBeNull();
    await registry.clients.create({ ...webClient, client_id: 'later' }, operator);
    expect(await other.clients.find('later')).not.toBeNull();
  });

  it('read before a change are not kept after it', async () => {
    const { clients } = registry;
    const { client } = await clients.create(webClient, operator);
    await registry.changes.poll();
    const reading = clients.find(client.id);
    await clients.update(client.id, { client_name: 'Renamed' });
    await reading;
    expect((await clients.find(client.id))?.name).toBe('Renamed');
  });

  it('with an id that is taken are refused, also when two are made at the same moment', async () => {
    const other = await otherProcess();
    const outcomes = await Promise.allSettled(
      [registry, other].map(({ clients }) => clients.create({ ...webClient, client_id: 'same' }, operator)),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'clients.id_taken', status: 409 } });
  });

  it('are changed member by member, and what is left must still hold together', async () => {
    const { clients } = registry;
    const { client } = await clients.create(
      { ...webClient, scope: 'openid orders:read', default_resource: 'https://api.example' },
      operator,
    );
    const { client: updated } = await clients.update(client.id, { scope: null, access_token_ttl_seconds: 120, first_party: true });
    expect(updated).toMatchObject({ scope: null, accessTokenTtlSeconds: 120, firstParty: true, defaultResource: 'https://api.example' });
    expect((await clients.update(client.id, { access_token_ttl_seconds: null })).client.accessTokenTtlSeconds).toBeNull();
    const before = await clients.find(client.id);
    for (const patch of [
      { redirect_uris: [] },
      { profile: 'spa' },
      { client_id: 'other' },
      { default_resource: 'https://other.example' },
    ]) {
      await expect(clients.update(client.id, patch)).rejects.toMatchObject({ code: 'clients.invalid', status: 422 });
    }
    expect(await clients.find(client.id)).toEqual(before);
    await expect(clients.update('unknown', {})).rejects.toMatchObject({ code: 'clients.not_found' });
  });

  it('that register themselves cannot make themselves first-party or leave PKCE', async () => {
    const registered = { source: 'registered' } as const;
    for (const members of [{ first_party: true }, { require_pkce: false }]) {
      await expect(registry.clients.create({ ...webClient, ...members }, registered)).rejects.toMatchObject({ code: 'clients.invalid' });
    }
    await registry.clients.create(webClient, registered);
  });

  it('are deleted with whatever they were given, before and after', async () => {
    const { clients, revoked, audited } = registry;
    const { client } = await clients.create(webClient, operator);
    await clients.delete(client.id, { actorId: 'somebody' });
    expect(revoked).toEqual([client.id, client.id]);
    expect(await database.db.client.client.count()).toBe(0);
    expect(audited.map(({ type }) => type)).toEqual(['client.created', 'client.deleted']);
    await expect(clients.delete(client.id)).rejects.toMatchObject({ code: 'clients.not_found' });
    await expect(clients.delete('a\u0000b')).rejects.toMatchObject({ code: 'clients.not_found' });
  });

  it('stay when what they were given cannot be ended', async () => {
    const { clients } = await otherProcess({ grants: { revokeByClient: () => Promise.reject(new Error('database is away')) } });
    const { client } = await clients.create(webClient, operator);
    await expect(clients.delete(client.id)).rejects.toThrow('database is away');
    expect(await clients.find(client.id)).not.toBeNull();
  });

  it('are listed in pages, each once, in the order in which they were made', async () => {
    const { clients } = registry;
    for (let index = 0; index < 5; index++) await clients.create({ ...webClient, client_id: `c${index}` }, operator);
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await clients.list({ limit: 2, ...(cursor ? { cursor } : {}) });
      ids.push(...page.clients.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor);
    expect(ids).toEqual(['c0', 'c1', 'c2', 'c3', 'c4']);
    for (const bad of ['x', '', Buffer.from('1e999 a').toString('base64url'), Buffer.from('5').toString('base64url')]) {
      await expect(clients.list({ cursor: bad })).rejects.toMatchObject({ code: 'clients.invalid' });
    }
  });

  it('are never found by an id that no client can have', async () => {
    for (const id of ['', '\u0000', 'a b', '"', 'ä', 'a'.repeat(100_000), '__proto__']) expect(await registry.clients.find(id)).toBeNull();
  });
});
