import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openRegistry, type TestRegistry, webClient } from '../support/clients.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

const shop = { ...webClient, client_id: 'shop', client_secret: 'shop-secret' };
const spa = { client_id: 'spa', profile: 'spa', redirect_uris: ['http://localhost:5173/cb'] };
const nothing = { created: [], updated: [], unchanged: [], vanished: [], warnings: [] };

describe.each(databases)('declared clients on %s', (provider) => {
  let database: TestDatabase;
  let registry: TestRegistry;
  const others: TestRegistry[] = [];
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
  const apply = (list: unknown) => registry.clients.applyDeclared(list);
  const secretOf = async (id: string) => (await registry.clients.findProviderMetadata(id))?.client_secret;

  it('are made once: declaring them again changes nothing', async () => {
    expect(await apply([shop, spa])).toEqual({ ...nothing, created: ['shop', 'spa'] });
    const rows = await database.db.client.client.findMany();
    vi.setSystemTime(Date.now() + 1000);
    expect(await apply([shop, spa])).toEqual({ ...nothing, unchanged: ['shop', 'spa'] });
    expect(await apply([spa, Object.fromEntries(Object.entries(shop).reverse())])).toEqual({ ...nothing, unchanged: ['spa', 'shop'] });
    expect(await database.db.client.client.findMany()).toEqual(rows);
  });

  it('are made once by processes that start at the same moment', async () => {
    for (let index = 0; index < 3; index++) others.push(await openRegistry(database));
    const reports = await Promise.all([registry, ...others].map(({ clients }) => clients.applyDeclared([shop, spa])));
    expect(reports.flatMap(({ created }) => created).sort()).toEqual(['shop', 'spa']);
    expect(reports.flatMap(({ updated }) => updated)).toEqual([]);
    expect(await database.db.client.client.count()).toBe(2);
  });

  it('follow the declaration where it changed, and only there', async () => {
    await apply([shop, spa]);
    expect(await apply([{ ...shop, client_name: 'Shop', first_party: true, require_pkce: false }, spa])).toEqual({
      ...nothing,
      updated: ['shop'],
      unchanged: ['spa'],
    });
    expect(await registry.clients.find('shop')).toMatchObject({ name: 'Shop', firstParty: true, requirePkce: false, source: 'declared' });
  });

  it('that vanish from the declaration are reported and stay', async () => {
    await apply([shop, spa]);
    expect(await apply([spa])).toEqual({ ...nothing, unchanged: ['spa'], vanished: ['shop'] });
    expect(await registry.clients.find('shop')).not.toBeNull();
    await registry.clients.delete('shop');
    expect((await apply([spa])).vanished).toEqual([]);
  });

  it('change nothing at all when one of them is faulty', async () => {
    await apply([shop]);
    const attempt = apply([{ ...shop, client_name: 'Renamed' }, spa, { ...spa, client_id: 'bad', redirect_uris: ['javascript:alert(1)'] }]);
    await expect(attempt).rejects.toMatchObject({
      code: 'clients.invalid',
      message: expect.stringMatching(/^CLIENTS_FILE\[2\]\.redirect_uris\[0\]: must not use the scheme javascript:$/),
    });
    expect((await registry.clients.list()).clients.map(({ name }) => name)).toEqual(['An application']);
  });

  it('get the new secret of the declaration, and the one before stays good for the grace time', async () => {
    await apply([shop]);
    expect((await apply([{ ...shop, client_secret: 'a-newer-secret' }])).updated).toEqual(['shop']);
    expect(await secretOf('shop')).toBe('a-newer-secret');
    expect(await registry.clients.isPreviousSecret('shop', 'shop-secret')).toBe(true);
    vi.setSystemTime(Date.now() + 86_400_000);
    expect(await registry.clients.isPreviousSecret('shop', 'shop-secret')).toBe(false);
  });

  it('keep a secret that was rotated since the file was written, and say so at every start', async () => {
    await apply([shop]);
    const { clientSecret } = await registry.clients.rotateSecret('shop');
    for (let start = 0; start < 2; start++) {
      vi.setSystemTime(Date.now() + 86_400_000);
      const report = await apply([shop]);
      expect(report).toMatchObject({ unchanged: ['shop'], warnings: [{ path: 'CLIENTS_FILE[0].client_secret' }] });
      expect(await secretOf('shop')).toBe(clientSecret);
    }
    expect((await apply([{ ...shop, client_secret: clientSecret }])).warnings).toEqual([]);
  });

  it('take over a client of the same id that an operator made, but never one of the server itself', async () => {
    await registry.clients.create({ ...webClient, client_id: 'shop' }, { source: 'operator' });
    expect((await apply([shop])).updated).toEqual(['shop']);
    expect(await registry.clients.find('shop')).toMatchObject({ source: 'declared' });
    await registry.clients.create({ ...webClient, client_id: 'own' }, { source: 'built_in' });
    await expect(apply([shop, { ...shop, client_id: 'own' }])).rejects.toThrow("CLIENTS_FILE[1].client_id: is the server's own client");
  });

  it('with members or scopes that nobody knows are made, with a warning that says where', async () => {
    const { warnings } = await apply([{ ...shop, redirect_urls: [], scope: 'openid orders:read rockets:launch' }]);
    expect(warnings).toEqual([
      { path: 'CLIENTS_FILE[0].redirect_urls', message: expect.stringContaining('ignored') },
      { path: 'CLIENTS_FILE[0].scope', message: expect.stringContaining('rockets:launch') },
    ]);
  });

  it('with a secret shorter than the installation asks for are refused', async () => {
    const strict = await openRegistry(database, { settings: { minSecretLength: 32 } });
    others.push(strict);
    await expect(strict.clients.applyDeclared([shop])).rejects.toThrow('CLIENTS_FILE[0].client_secret: must have at least 32 characters');
  });

  it('may be a thousand', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => ({ ...shop, client_id: `shop-${index}` }));
    expect((await apply(many)).created).toHaveLength(1000);
    expect((await apply(many)).unchanged).toHaveLength(1000);
  });
});
