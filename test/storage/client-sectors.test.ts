import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSectorFetch } from '../../src/oidc/provider-fetch.js';
import { createOutbound } from '../../src/platform/outbound/index.js';
import { openRegistry, type TestRegistry } from '../support/clients.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';
import { type Listening, listenHttps } from '../support/listening.js';
import { certificate } from '../support/tls.js';

const [one, two, three] = ['https://one.example.com/cb', 'https://two.example.com/cb', 'https://three.example.com/cb'];

describe.each(databases)('a sector_identifier_uri on %s', (provider) => {
  let database: TestDatabase;
  let registry: TestRegistry;
  let host: Listening;
  let sector: string;
  let answer: { status: number; body: string };
  beforeAll(async () => {
    database = await createTestDatabase(provider);
    host = await listenHttps((_request, response) => response.writeHead(answer.status).end(answer.body));
    sector = `https://keys.example.com:${host.port}/sector.json`;
    const outbound = createOutbound({
      allow: ['keys.example.com'],
      development: false,
      log: { warn: () => {} },
      resolve: async (name) => (name === 'keys.example.com' ? ['127.0.0.1'] : []),
      ca: certificate,
    });
    registry = await openRegistry(database, { fetchSector: createSectorFetch({ outbound }) });
  });
  beforeEach(() => {
    answer = { status: 200, body: JSON.stringify([one, two]) };
  });
  afterAll(async () => {
    await registry.close();
    await host.close();
    await database.drop();
  });

  const metadata = (more: object = {}) => ({ subject_type: 'pairwise', sector_identifier_uri: sector, redirect_uris: [one, two], ...more });
  const create = (more: object = {}, source: 'operator' | 'registered' = 'operator') => registry.clients.create(metadata(more), { source });
  const fault = (message: string) => ({
    code: 'clients.invalid',
    details: [{ path: 'sector_identifier_uri', message: expect.stringContaining(message) }],
  });

  it('is asked once, when a client is made, and must list every redirect URI', async () => {
    const before = host.requests;
    const { client } = await create();
    expect(client.metadata).toMatchObject({ subject_type: 'pairwise', sector_identifier_uri: sector });
    await registry.clients.findProviderMetadata(client.id);
    await registry.clients.update(client.id, { client_name: 'Another name' });
    expect(host.requests).toBe(before + 1);
    await expect(create({ redirect_uris: [one, three] })).rejects.toMatchObject(fault(`does not list ${three}`));
  });

  it('is asked again when redirect URIs change, and the change is refused if it does not know them', async () => {
    const { client } = await create({ redirect_uris: [one] });
    await expect(registry.clients.update(client.id, { redirect_uris: [one, three] })).rejects.toMatchObject(fault('does not list'));
    answer.body = JSON.stringify([one, two, three]);
    expect((await registry.clients.update(client.id, { redirect_uris: [one, three] })).client.redirectUris).toEqual([one, three]);
  });

  it.each([
    ['an error', { status: 404, body: JSON.stringify([one, two]) }],
    ['no JSON', { status: 200, body: '<html>' }],
    ['an object', { status: 200, body: '{}' }],
    ['numbers', { status: 200, body: '[1]' }],
    ['too much', { status: 200, body: JSON.stringify([one, two, 'a'.repeat(70_000)]) }],
  ])('that answers with %s makes no client', async (_title, bad) => {
    answer = bad;
    await expect(create()).rejects.toMatchObject(fault('cannot be read'));
  });

  it('inside the network is asked for the operator’s clients only', async () => {
    const before = host.connections;
    await expect(create({}, 'registered')).rejects.toMatchObject(fault('cannot be read'));
    expect(host.connections).toBe(before);
  });

  it('of a declared client is taken at its word while it is away, but not against what it says', async () => {
    const declared = (redirectUris: string[]) => [
      { client_id: 'declared', client_secret: 'a-secret', ...metadata({ redirect_uris: redirectUris }) },
    ];
    answer.status = 503;
    const first = await registry.clients.applyDeclared(declared([one]));
    expect(first.created).toEqual(['declared']);
    expect(first.warnings).toEqual([
      { path: 'CLIENTS_FILE[0].sector_identifier_uri', message: expect.stringContaining('taken as you declared') },
    ]);
    const before = host.requests;
    expect(await registry.clients.applyDeclared(declared([one]))).toMatchObject({ unchanged: ['declared'], warnings: [] });
    expect(host.requests).toBe(before);
    answer.status = 200;
    await expect(registry.clients.applyDeclared(declared([one, three]))).rejects.toMatchObject({
      details: [{ path: 'CLIENTS_FILE[0].sector_identifier_uri', message: expect.stringContaining('does not list') }],
    });
    expect((await registry.clients.find('declared'))?.redirectUris).toEqual([one]);
  });

  it('that changes tells the operator that subjects do', async () => {
    const { client } = await create();
    const { warnings } = await registry.clients.update(client.id, { subject_type: 'public' });
    expect(warnings).toEqual([{ path: 'subject_type', message: expect.stringContaining('another subject') }]);
    expect((await registry.clients.update(client.id, { subject_type: 'public', client_name: 'x' })).warnings).toEqual([]);
  });
});

describe('a client with pairwise subjects', () => {
  let database: TestDatabase;
  let registry: TestRegistry;
  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
    registry = await openRegistry(database);
  });
  afterAll(async () => {
    await registry.close();
    await database.drop();
  });
  const pathsOf = async (metadata: object) => {
    const outcome = await registry.clients
      .create({ subject_type: 'pairwise', ...metadata }, { source: 'operator' })
      .catch((error: unknown) => error);
    return ((outcome as { details?: { path: string }[] }).details ?? []).map(({ path }) => path);
  };

  it('needs no sector_identifier_uri with one host, and one with several', async () => {
    expect(await pathsOf({ redirect_uris: [one, `${one}/two`] })).toEqual([]);
    expect(await pathsOf({ redirect_uris: [one, two] })).toEqual(['sector_identifier_uri']);
    expect(await pathsOf({ redirect_uris: [one, one.replace('.com', '.com:8443')] })).toEqual(['sector_identifier_uri']);
  });

  it('has a host of its own: what runs on people’s machines shares its own with everybody’s', async () => {
    for (const uri of ['com.example.app:/cb', 'http://127.0.0.1/cb', 'http://localhost/cb']) {
      expect(await pathsOf({ profile: 'native', redirect_uris: [uri] }), uri).toEqual(['sector_identifier_uri']);
    }
  });

  it('signs people in', async () => {
    expect(await pathsOf({ profile: 'service' })).toEqual(['subject_type']);
  });

  it('names its sector by https', async () => {
    expect(await pathsOf({ redirect_uris: [one], sector_identifier_uri: 'http://localhost:3000/sector' })).toEqual([
      'sector_identifier_uri',
    ]);
  });
});
