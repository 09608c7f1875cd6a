import { decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MAX_LAG_MS } from '../../src/platform/changes/index.js';
import { createDatabaseUrl, databases } from '../support/database.js';
import { API, clients, type DeclaredClient } from '../support/declarations.js';
import { createRelyingParty, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const monotonic = performance.now.bind(performance);
let passedMs = 0;
/** Longer than a copy in memory is trusted: the clock by which that is judged goes on, and nothing else happens. */
const passTheLag = () => {
  passedMs += MAX_LAG_MS + 100;
  vi.spyOn(performance, 'now').mockImplementation(() => monotonic() + passedMs);
};

describe.each(databases)('a process that does not hear of changes (%s)', (provider) => {
  let database: Awaited<ReturnType<typeof createDatabaseUrl>>;
  let proxy: Awaited<ReturnType<typeof startTcpProxy>>;
  let healthy: TestServer;
  let stalled: TestServer;
  let target: TestServer;
  beforeAll(async () => {
    database = await createDatabaseUrl(provider, 'server');
    proxy = await startTcpProxy(() => [{ host: 'localhost', port: target.config.port }]);
    const start = () => startDeclaredServer({ databaseUrl: database.url, env: { ISSUER_URL: `http://127.0.0.1:${proxy.port}` } });
    [healthy, stalled] = [await start(), await start()];
    // Its timer never fires again.
    await stalled.services.changes.stop();
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await healthy.close();
    await stalled.close();
    await proxy.close();
    await database.drop();
  });

  /** One request, on a connection of its own, to one of the two. */
  const ask = async (server: TestServer, path: string, form: Record<string, string>, client: DeclaredClient = clients.shop) => {
    target = server;
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: {
        connection: 'close',
        authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`,
      },
      body: new URLSearchParams(form),
    });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  const kidFrom = async (server: TestServer) => {
    target = healthy;
    const { tokens } = await obtainTokens(healthy, await createRelyingParty(healthy, 'shop'), {
      parameters: { resource: API, scope: 'openid orders:read' },
    });
    const { body } = await ask(server, '/token', {
      grant_type: 'refresh_token',
      refresh_token: String(tokens.refresh_token),
      resource: API,
    });
    return { token: String(body.access_token), kid: decodeProtectedHeader(String(body.access_token)).kid };
  };
  const activeKid = () => healthy.services.signingKeys.current().active[0]?.kid;

  it('never signs with a key that has retired', async () => {
    expect((await kidFrom(stalled)).kid).toBe(activeKid());
    await healthy.services.signingKeys.rotate({ force: true });
    passTheLag();
    expect((await kidFrom(stalled)).kid).toBe(activeKid());
  });

  it('never rejects a token that a fresh key has signed, even at once', async () => {
    // Twice: the key that signs now was not even published when it looked last.
    await healthy.services.signingKeys.rotate({ force: true });
    await healthy.services.signingKeys.rotate({ force: true });
    const { token, kid } = await kidFrom(healthy);
    expect(stalled.services.signingKeys.current().jwks.keys.map((key) => key.kid)).not.toContain(kid);
    expect((await ask(stalled, '/introspect', { token })).body).toMatchObject({ active: true });
  });

  it('takes no secret of a client that is gone', async () => {
    const form = { grant_type: 'client_credentials', scope: 'orders:read', resource: API };
    expect((await ask(stalled, '/token', form, clients.worker)).status).toBe(200);
    await healthy.services.clients.delete(clients.worker.client_id);
    passTheLag();
    expect(await ask(stalled, '/token', form, clients.worker)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('that cannot take a change over signs nothing at all, and says so', async () => {
    const { tokens } = await obtainTokens(healthy, await createRelyingParty(healthy, 'shop'));
    const unsubscribe = stalled.services.signingKeys.onChange(() => {
      throw new Error('the keys cannot be taken over');
    });
    await healthy.services.signingKeys.rotate({ force: true });
    passTheLag();
    const form = { grant_type: 'refresh_token', refresh_token: String(tokens.refresh_token) };
    expect(await ask(stalled, '/token', form)).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    unsubscribe();
    expect((await ask(stalled, '/token', form)).status).toBe(200);
  });
});
