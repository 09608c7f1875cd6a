import { generateKeyPairSync } from 'node:crypto';
import { createLocalJWKSet, exportJWK, jwtVerify, SignJWT } from 'jose';
import Provider from 'oidc-provider';
import { describe, expect, it } from 'vitest';
import { createSealer } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { DAY_SECONDS, HOUR_SECONDS, kidOf, pass, statesOf, useSigningKeys } from '../support/signing-keys.js';

/** The provider is built for its keys here; it stores nothing. */
class NoAdapter {
  async upsert() {}
  async find() {
    return undefined;
  }
  async findByUserCode() {
    return undefined;
  }
  async findByUid() {
    return undefined;
  }
  async consume() {}
  async destroy() {}
  async revokeByGrantId() {}
}

describe.each(databases)('signing keys on %s', (provider) => {
  const { process, open, client, errors, audited } = useSigningKeys(provider);

  it('are one active and one next after eight processes started at the same moment, and all eight hold the same', async () => {
    const processes = await Promise.all(Array.from({ length: 8 }, () => process()));
    await Promise.all(processes.map(({ keys }) => keys.open()));
    expect(await client().signingKey.findMany({ select: { state: true }, orderBy: { state: 'asc' } })).toEqual([
      { state: 'active' },
      { state: 'next' },
    ]);
    expect(new Set(processes.map(({ keys }) => keys.current().etag)).size).toBe(1);
  });

  it('stay as they are when the server starts again', async () => {
    const first = (await open()).current();
    expect((await open()).current().etag).toBe(first.etag);
  });

  it('are sealed at rest: no row shows a private member', async () => {
    const keys = await open({ algs: ['RS256'] });
    const rows = await client().$queryRawUnsafe<Record<string, unknown>[]>('SELECT * FROM signing_keys');
    const raw = JSON.stringify(rows);
    for (const jwk of keys.current().jwks.keys) {
      for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) expect(raw).not.toContain(jwk[name]);
    }
    expect(rows).toHaveLength(2);
    for (const row of rows) expect(Object.keys(JSON.parse(String(row.public_jwk))).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
  });

  it('publish no private member, in a list nor in the document, and the document has a strong ETag and a lifetime', async () => {
    const keys = await open({ algs: ['RS256'], jwksMaxAgeSeconds: 1800 });
    const { body, etag, maxAgeSeconds } = keys.jwksDocument();
    expect(JSON.parse(body)).toEqual(keys.current().publicJwks);
    for (const jwk of JSON.parse(body).keys) expect(Object.keys(jwk).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    expect(maxAgeSeconds).toBe(1800);
    for (const jwk of keys.current().jwks.keys) expect(JSON.stringify([await keys.list(), audited])).not.toContain(jwk.d);
  });

  it('are published before they sign, for two cache lifetimes at least', async () => {
    const keys = await open();
    const next = await kidOf(keys, 'next');
    pass(2 * HOUR_SECONDS - 1);
    await expect(keys.rotate()).rejects.toMatchObject({ code: 'signing_keys.published_too_short', status: 409 });
    pass(1);
    await keys.rotate();
    expect(await kidOf(keys, 'active')).toBe(next);
    expect(keys.current().jwks.keys[0]?.kid).toBe(next);
    await expect(keys.rotate()).rejects.toMatchObject({ message: expect.stringContaining(new Date(Date.now() + 7200_000).toISOString()) });
  });

  it('rotate in an emergency at once when forced, also without a next key', async () => {
    const keys = await open();
    const next = await kidOf(keys, 'next');
    await keys.rotate({ force: true, actorId: 'operator' });
    expect(keys.current().active[0]?.kid).toBe(next);
    await client().signingKey.deleteMany({ where: { state: 'next' } });
    await expect(keys.rotate()).rejects.toMatchObject({ code: 'signing_keys.no_next' });
    await keys.rotate({ force: true });
    expect(await statesOf(keys)).toEqual(['active', 'next', 'retired', 'retired']);
    expect(audited).toContainEqual(expect.objectContaining({ type: 'signing_key.rotated', actorId: 'operator' }));
  });

  it('rotate by themselves after thirty days, not before', async () => {
    const keys = await open();
    const next = await kidOf(keys, 'next');
    pass(30 * DAY_SECONDS - 1);
    expect(await keys.rotateIfDue()).toEqual([]);
    pass(1);
    await keys.rotateIfDue();
    expect(await kidOf(keys, 'active')).toBe(next);
    expect(await statesOf(keys)).toEqual(['active', 'next', 'retired']);
    expect(await keys.rotateIfDue()).toEqual([]);
  });

  it('rotate once when two processes find it due at the same moment, and each signs with the new key', async () => {
    const [a, b] = await Promise.all([process(), process()]);
    await a.keys.open();
    await b.keys.open();
    const next = await kidOf(a.keys, 'next');
    pass(31 * DAY_SECONDS);
    await Promise.all([a, b, a, b].map(({ keys }) => keys.rotateIfDue()));
    expect(await statesOf(a.keys)).toEqual(['active', 'next', 'retired']);
    await Promise.all([a.changes.poll(), b.changes.poll()]);
    expect(a.keys.current().active[0]?.kid).toBe(next);
    expect(b.keys.current().etag).toBe(a.keys.current().etag);
  });

  it('rotate once when two operators ask at the same moment: the other is told why not', async () => {
    const [a, b] = await Promise.all([process(), process()]);
    await a.keys.open();
    await b.keys.open();
    pass(DAY_SECONDS);
    const outcomes = await Promise.allSettled([a.keys.rotate(), b.keys.rotate()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'signing_keys.published_too_short' } });
    expect(await statesOf(a.keys)).toEqual(['active', 'next', 'retired']);
  });

  it('stay published after they retire for the longest sign-in and token, and verify all that time; then they go', async () => {
    const keys = await open();
    const retiring = keys.current().jwks.keys[0];
    const token = await new SignJWT({ sub: 'somebody' }).setProtectedHeader({ alg: 'ES256', kid: retiring?.kid }).sign(retiring as never);
    pass(30 * DAY_SECONDS);
    await keys.rotateIfDue();
    pass(31 * DAY_SECONDS - 1);
    expect(await keys.removeExpired()).toEqual([]);
    await jwtVerify(token, createLocalJWKSet(JSON.parse(keys.jwksDocument().body)));
    pass(1);
    expect(await keys.removeExpired()).toEqual([retiring?.kid]);
    await expect(jwtVerify(token, createLocalJWKSet(JSON.parse(keys.jwksDocument().body)))).rejects.toThrow();
  });

  it('make a provider sign with the active key, wherever next and retired ones stand in the table', async () => {
    const settings = { algs: ['RS256', 'PS256', 'ES256', 'EdDSA'] } as const;
    const keys = await open(settings);
    for (let turn = 0; turn < 3; turn++) {
      if (turn > 0) {
        pass(DAY_SECONDS);
        await keys.rotate();
      }
      const { jwks, active } = keys.current();
      for (const alg of settings.algs) {
        const server = new Provider('http://localhost', {
          adapter: NoAdapter,
          ttl: { IdToken: 3600 },
          features: { devInteractions: { enabled: false } },
          jwks,
          clients: [
            { client_id: 'app', client_secret: 'secret', redirect_uris: ['https://app.example/cb'], id_token_signed_response_alg: alg },
          ],
        });
        const app = await server.Client.find('app');
        // The ID token model is not part of the library's types; signing is what is looked at here.
        const { IdToken } = server as unknown as {
          IdToken: new (claims: object, context: object) => { issue(o: object): Promise<string>; scope: string };
        };
        const idToken = new IdToken({ sub: 'somebody' }, { client: app, ctx: { oidc: { client: app, claims: {}, provider: server } } });
        idToken.scope = 'openid';
        const jwt = await idToken.issue({ use: 'idtoken' });
        const { protectedHeader } = await jwtVerify(jwt, createLocalJWKSet(JSON.parse(keys.jwksDocument().body)));
        expect(protectedHeader).toMatchObject({ alg, kid: active.find((key) => key.alg === alg)?.kid });
      }
    }
    expect((await statesOf(keys)).filter((state) => state === 'active')).toHaveLength(4);
  });

  it('tell their listeners in this process when the rotation returns and in another within a poll, and again after a failure', async () => {
    const [a, b] = await Promise.all([process(), process()]);
    await a.keys.open();
    await b.keys.open();
    const heard: string[] = [];
    let failing = true;
    a.keys.onChange(({ active }) => void heard.push(`a ${active[0]?.kid}`));
    b.keys.onChange(({ active }) => {
      if (failing) throw new Error('not now');
      heard.push(`b ${active[0]?.kid}`);
    });
    await a.changes.poll();
    await b.changes.poll();
    expect(heard).toEqual([]);
    const next = await kidOf(a.keys, 'next');
    pass(DAY_SECONDS);
    await a.keys.rotate();
    expect(heard).toEqual([`a ${next}`]);
    await b.changes.poll();
    // What is published does not wait for whoever failed.
    expect(b.keys.current().active[0]?.kid).toBe(next);
    failing = false;
    await b.changes.poll();
    await b.changes.poll();
    expect(heard).toEqual([`a ${next}`, `b ${next}`]);
  });

  it('that somebody writes into the table without the sealing key are never published', async () => {
    const keys = await open();
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const forged = { ...(await exportJWK(publicKey)), kid: 'forged', alg: 'RS256', use: 'sig' };
    const active = await client().signingKey.findFirstOrThrow({ where: { state: 'active' } });
    const next = await client().signingKey.findFirstOrThrow({ where: { state: 'next' } });
    // A row of their own, another's sealed key under their name, and a changed public half.
    await client().signingKey.create({
      data: { ...next, kid: 'forged', state: 'retired', publicJwk: JSON.stringify(forged), privateJwk: JSON.stringify(forged) },
    });
    await client().signingKey.create({ data: { ...next, kid: 'moved', publicJwk: JSON.stringify(forged) } });
    await client().signingKey.update({ where: { kid: active.kid }, data: { publicJwk: JSON.stringify(forged) } });
    const { body } = (await open()).jwksDocument();
    expect(body).toBe(keys.jwksDocument().body);
    expect(body).not.toContain(forged.n);
    expect(errors).toEqual(expect.arrayContaining([{ kid: 'forged' }, { kid: 'moved' }]));
  });

  it('do not open under another sealing key: the start fails with a reason instead of making new ones', async () => {
    await open();
    const { keys } = await process({ sealer: createSealer(Buffer.alloc(32, 2)) });
    await expect(keys.open()).rejects.toMatchObject({ code: 'signing_keys.none_active' });
    expect(() => keys.current()).toThrow('not loaded yet');
    expect(await client().signingKey.count()).toBe(2);
  });

  it('of an algorithm that is added sign at once, and of one that is dropped stay published', async () => {
    await open({ algs: ['RS256'] });
    const both = await open({ algs: ['RS256', 'ES256'] });
    expect(both.current().active.map(({ alg }) => alg)).toEqual(['RS256', 'ES256']);
    const dropped = await open({ algs: ['ES256'] });
    expect((await dropped.list()).filter(({ alg }) => alg === 'RS256').map(({ state }) => state)).toEqual(['retired']);
    expect(dropped.current().publicJwks.keys.map(({ alg }) => alg)).toEqual(['ES256', 'ES256', 'RS256']);
  });

  it('cannot be weaker than RSA-2048, nor of an unknown algorithm', async () => {
    await expect(process({ settings: { rsaBits: 1024 } })).rejects.toMatchObject({ code: 'signing_keys.settings_refused' });
    await expect(process({ settings: { algs: ['HS256'] as never } })).rejects.toMatchObject({ code: 'signing_keys.settings_refused' });
    const keys = await open({ algs: ['RS256'], rsaBits: 3072 });
    expect(Buffer.from(keys.current().publicJwks.keys[0]?.n ?? '', 'base64url')).toHaveLength(384);
  });
});
