import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabaseUrl } from '../support/database.js';
import { createPerson } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

const OWN = ['latchkey-api', 'latchkey-account'];

describe("the server's own clients", () => {
  let server: TestServer;
  let database: Awaited<ReturnType<typeof createDatabaseUrl>>;
  beforeAll(async () => {
    database = await createDatabaseUrl('sqlite', 'server');
    server = await startTestServer({ databaseUrl: database.url });
  });
  afterAll(async () => {
    await server?.close();
    await database?.drop();
  });

  const refusal = { code: 'clients.built_in', status: 409 };

  it.each(OWN)('%s cannot be deleted, nor given another secret, nor anything but other lifetimes', async (id) => {
    const { clients } = server.services;
    await expect(clients.delete(id)).rejects.toMatchObject(refusal);
    await expect(clients.rotateSecret(id)).rejects.toMatchObject(refusal);
    for (const patch of [
      { token_endpoint_auth_method: 'none' },
      { token_endpoint_auth_method: 'client_secret_post' },
      { client_secret: 'a-secret-that-somebody-else-knows-now' },
      { first_party: false },
      { redirect_uris: ['https://elsewhere.example.com/callback'] },
      { scope: 'openid profile email' },
      { access_token_ttl_seconds: 60, client_name: 'Somebody else' },
    ])
      await expect(clients.update(id, patch), JSON.stringify(patch)).rejects.toMatchObject(refusal);
    const { client } = await clients.update(id, { access_token_ttl_seconds: 120 });
    expect(client.accessTokenTtlSeconds).toBe(120);
  });

  it('are laid out anew at a start, whatever stands in the table, but for the lifetimes an operator gave them', async () => {
    const { db } = server.services;
    await db.client.client.update({
      where: { id: 'latchkey-api' },
      data: { tokenEndpointAuthMethod: 'none', secret: null, firstParty: false, accessTokenTtlSeconds: 120 },
    });
    const second = await startTestServer({ databaseUrl: database.url });
    try {
      const client = await second.services.clients.find('latchkey-api');
      expect(client).toMatchObject({ tokenEndpointAuthMethod: 'client_secret_basic', firstParty: true, accessTokenTtlSeconds: 120 });
      const { account } = await createPerson(second);
      const { id: accountId, signInGeneration: generation } = account;
      const tokens = await second.app.firstParty.signIn({ accountId, generation, amr: ['pwd'] });
      expect(tokens.expiresInSeconds).toBe(120);
    } finally {
      await second.close();
    }
  });

  it('are left alone by a start that finds them right', async () => {
    const count = () => server.services.db.client.auditEvent.count({ where: { type: 'client.updated' } });
    const before = await count();
    const third = await startTestServer({ databaseUrl: database.url, env: { ISSUER_URL: server.url, PORT: new URL(server.url).port } });
    await third.close();
    const address = await count();
    const fourth = await startTestServer({ databaseUrl: database.url, env: { ISSUER_URL: server.url, PORT: new URL(server.url).port } });
    await fourth.close();
    expect(await count()).toBe(address);
    expect(address).toBeGreaterThanOrEqual(before);
  });
});
