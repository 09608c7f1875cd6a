import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { randomId } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { type Answer, openBrowser, type ProviderUnderTest, startProvider } from '../support/provider-under-test.js';
import { openTestStore, type TestStore, times } from '../support/storage.js';

const signerJwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const refused = { status: 400, body: { error: 'invalid_grant' } };

describe.each(databases)('a refresh token that is tried again by a confidential client on %s', (database) => {
  let store: TestStore;
  let server: ProviderUnderTest;
  beforeAll(async () => {
    store = await openTestStore(database);
    server = await startProvider(store, { clientIds: ['app'], signerJwk });
  });
  afterEach(() => expect(server.failures).toEqual([]));
  afterAll(async () => {
    await server.stop();
    await store.drop();
  });

  const signIn = async () => (await server.redeem('app', await openBrowser(server).signIn('app', 'person'))).body;
  const refresh = (token: unknown, headers: Record<string, string> = {}) => server.refresh('app', token, headers);
  const successorsIn = (answers: Answer[]) => [...new Set(answers.map(({ body }) => body.refresh_token))];
  const keys = () => generateKeyPair('ES256', { extractable: true });
  const prove = async ({ privateKey, publicKey }: Awaited<ReturnType<typeof keys>>) => ({
    dpop: await new SignJWT({ htm: 'POST', htu: `${server.issuer}/token`, jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
      .setIssuedAt()
      .sign(privateKey),
  });

  it('the same DPoP key gets the same successor, another one or none gets invalid_grant, and that revokes nothing', async () => {
    const { refresh_token: used } = await signIn();
    const [mine, theirs] = [await keys(), await keys()];
    const first = await refresh(used, await prove(mine));
    expect(first).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
    expect(await refresh(used, await prove(theirs))).toMatchObject(refused);
    expect(await refresh(used)).toMatchObject(refused);
    expect((await refresh(used, await prove(mine))).body.refresh_token).toBe(first.body.refresh_token);
    expect(store.reuses).toEqual([]);
  });

  it('of parallel refreshes with two DPoP keys only those with the first key get anything', async () => {
    const { refresh_token: used } = await signIn();
    const pair = [await keys(), await keys()] as const;
    const proofs = await Promise.all(times(20, (index) => prove(pair[index % 2 === 0 ? 0 : 1])));
    const answers = await Promise.all(proofs.map((proof) => refresh(used, proof)));
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(10);
    expect(successorsIn(won)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) expect(answer).toMatchObject(refused);
    expect(new Set(answers.map(({ status }, index) => `${index % 2}:${status}`)).size).toBe(2);
  });

  it('another client certificate gets invalid_grant, and that revokes nothing', async () => {
    const { refresh_token: used } = await signIn();
    const first = await refresh(used, { 'test-certificate': 'x5t:mine' });
    expect(await refresh(used, { 'test-certificate': 'x5t:theirs' })).toMatchObject(refused);
    expect(await refresh(used)).toMatchObject(refused);
    expect((await refresh(used, { 'test-certificate': 'x5t:mine' })).body.refresh_token).toBe(first.body.refresh_token);
    expect(store.reuses).toEqual([]);
  });
});

describe.each(databases)('without a reuse window on %s', (database) => {
  let store: TestStore;
  let server: ProviderUnderTest;
  beforeAll(async () => {
    store = await openTestStore(database, { refreshReuseWindowSeconds: 0 });
    server = await startProvider(store, { clientIds: ['app'], signerJwk });
  });
  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.stop();
    await store.drop();
  });
  const signIn = async () => (await server.redeem('app', await openBrowser(server).signIn('app', randomId()))).body;

  it('a retry at once revokes the whole grant, and no successor is kept', async () => {
    const { refresh_token: used } = await signIn();
    const { body: next } = await server.refresh('app', used);
    expect(await store.db.client.artifact.count({ where: { NOT: { successor: null } } })).toBe(0);
    expect(await server.refresh('app', used)).toMatchObject(refused);
    expect(await server.isActive(next.access_token, 'app')).toBe(false);
    expect(store.reuses).toHaveLength(1);
  });

  it('of 50 parallel refreshes one answers at most, and all of the grant is dead', async () => {
    const before = await server.living('RefreshToken');
    const { refresh_token: used } = await signIn();
    const answers = await Promise.all(times(50, () => server.refresh('app', used)));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) expect(answer).toMatchObject(refused);
    expect(await server.living('RefreshToken')).toBe(before);
  });
});
