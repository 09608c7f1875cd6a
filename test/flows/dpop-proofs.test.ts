import { generateKeyPair } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDatabaseUrl, databases } from '../support/database.js';
import { API, clients } from '../support/declarations.js';
import { createDpopKey, nonceOf } from '../support/dpop.js';
import { startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { times } from '../support/storage.js';

const basic = ({ client_id, client_secret }: { client_id: string; client_secret: string }) =>
  `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
const invalidGrant = { status: 400, error: 'invalid_grant' };

// RFC 9449, section 4.
describe.each(databases)('a token that is asked for with a proof on %s', (provider) => {
  let server: TestServer;
  let nonce: string;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    nonce = await nonceOf(server);
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => server?.close());

  /** A token request of the worker with a proof, as it is. */
  const ask = (proof: string, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: API, scope: 'orders:read' }),
      headers: { authorization: basic(clients.worker), dpop: proof, ...headers },
    });
  const askForError = async (proof: string) => {
    const response = await ask(proof);
    return { status: response.status, error: ((await response.json()) as { error?: string }).error };
  };

  it('needs a nonce of this server in each proof, and every answer to a proof without one gives it (section 8)', async () => {
    const key = await createDpopKey();
    const response = await ask(await key.prove(`${server.url}/token`));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'use_dpop_nonce' });
    const given = String(response.headers.get('dpop-nonce'));
    expect((await ask(await key.prove(`${server.url}/token`, { nonce: given }))).status).toBe(200);
    for (const bad of ['x', given.slice(1), `${given}x`, 'A'.repeat(given.length)])
      expect(await askForError(await key.prove(`${server.url}/token`, { nonce: bad }))).toEqual({ status: 400, error: 'use_dpop_nonce' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6 * 60_000 });
    expect(await askForError(await key.prove(`${server.url}/token`, { nonce: given }))).toEqual({ status: 400, error: 'use_dpop_nonce' });
    const old = await askForError(await key.prove(`${server.url}/token`, { iat: Math.floor(Date.now() / 1000) - 3600 }));
    expect(old).toEqual({ status: 400, error: 'use_dpop_nonce' });
  });

  it('is not given for a proof that is not right in every part (section 4.3)', async () => {
    const [key, other] = [await createDpopKey(), await createDpopKey()];
    const htu = `${server.url}/token`;
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const exported = await crypto.subtle.exportKey('jwk', privateKey);
    const good = await key.prove(htu, { nonce });
    const [, body = ''] = good.split('.');
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const jwkOf = (proof: string) => JSON.parse(Buffer.from(proof.split('.')[0] ?? '', 'base64url').toString()).jwk;
    const proofs: Record<string, string> = {
      'another method': await key.prove(htu, { nonce, htm: 'GET' }),
      'no method': await key.prove(htu, { nonce, htm: undefined }),
      'another endpoint': await key.prove(`${server.url}/userinfo`, { nonce }),
      'another server': await key.prove('https://elsewhere.example.com/token', { nonce }),
      'no address': await key.prove(htu, { nonce, htu: undefined }),
      'an address that is none': await key.prove(htu, { nonce, htu: 'token' }),
      'no jti': await key.prove(htu, { nonce, jti: undefined }),
      'a jti that is no text': await key.prove(htu, { nonce, jti: 7 }),
      'no iat': await key.prove(htu, { nonce, iat: undefined }),
      'a nonce that is no text': await key.prove(htu, { nonce: { $ne: '' } }),
      'another type': await key.prove(htu, { nonce }, { typ: 'JWT' }),
      'the key of somebody else': await key.prove(htu, { nonce }, { jwk: jwkOf(await other.prove(htu)) }),
      'a private key shown': await key.prove(htu, { nonce }, { jwk: exported }),
      'no key': await key.prove(htu, { nonce }, { jwk: undefined }),
      'no signature': `${part({ alg: 'none', typ: 'dpop+jwt', jwk: jwkOf(good) })}.${body}.`,
      'a symmetric signature': `${part({ alg: 'HS256', typ: 'dpop+jwt', jwk: { kty: 'oct', k: 'AAAA' } })}.${body}.AAAA`,
      'an algorithm that is off': await (await createDpopKey('ES384')).prove(htu, { nonce }),
      'no JWT': 'e30',
      'two proofs in one': `${await key.prove(htu, { nonce })}, ${await key.prove(htu, { nonce })}`,
      'a signature cut short': good.slice(0, -8),
    };
    for (const [what, proof] of Object.entries(proofs))
      expect({ what, ...(await askForError(proof)) }).toEqual({ what, status: 400, error: 'invalid_dpop_proof' });
    expect((await ask(good)).status).toBe(200);
  });

  it.each(['ES256', 'PS256', 'EdDSA'])('may be bound to a key of %s', async (alg) => {
    const response = await ask(await (await createDpopKey(alg)).prove(`${server.url}/token`, { nonce }));
    expect(await response.json()).toMatchObject({ token_type: 'DPoP' });
  });

  it('is given once for a proof, also when it comes many times at the same moment', async () => {
    const proof = await (await createDpopKey()).prove(`${server.url}/token`, { nonce });
    const answers = await Promise.all(times(12, () => askForError(proof)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status, error }) => status === 400 && error === 'invalid_grant')).toHaveLength(11);
    expect(await askForError(proof)).toEqual(invalidGrant);
  });
});

it('a nonce that one process gave is good at another over the same database', async () => {
  const database = await createDatabaseUrl('postgresql', 'server');
  const servers = await Promise.all(times(2, () => startDeclaredServer({ provider: 'postgresql', databaseUrl: database.url })));
  try {
    const key = await createDpopKey();
    const ask = async (url: string, nonce?: string) =>
      fetch(`${url}/token`, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'client_credentials', resource: API, scope: 'orders:read' }),
        headers: { authorization: basic(clients.worker), dpop: await key.prove(`${url}/token`, { nonce }) },
      });
    const [one, two] = servers.map(({ url }) => url) as [string, string];
    const nonce = String((await ask(one)).headers.get('dpop-nonce'));
    expect(await (await ask(two, nonce)).json()).toMatchObject({ token_type: 'DPoP' });
  } finally {
    await Promise.all(servers.map((server) => server.close()));
    await database.drop();
  }
});
