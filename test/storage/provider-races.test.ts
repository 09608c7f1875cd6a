import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { errors } from 'oidc-provider';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { randomId, sha256 } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { type Answer, openBrowser, type ProviderUnderTest, startProvider } from '../support/provider-under-test.js';
import { openTestStore, type TestStore, times } from '../support/storage.js';

describe.each(databases)('oidc-provider over the store on %s', (database) => {
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let store: TestStore;
  let server: ProviderUnderTest;
  beforeAll(async () => {
    store = await openTestStore(database);
    server = await startProvider(store, {
      clientIds: ['app', 'other-app', 'third-app'],
      signerJwk: signer.publicKey.export({ format: 'jwk' }),
    });
  });
  afterEach(() => expect(server.failures).toEqual([]));
  afterAll(async () => {
    await server.stop();
    await store.drop();
  });

  const successes = (answers: Answer[]) => answers.filter(({ status }) => status === 200);
  const expectRestToBe = (answers: Answer[], status: number, error: string) => {
    for (const answer of answers.filter((candidate) => candidate.status !== 200)) expect(answer).toMatchObject({ status, body: { error } });
  };

  it('a code is redeemed once and refreshed on', async () => {
    const redemption = await openBrowser(server).signIn('app', 'person');
    const { status, body } = await server.redeem('app', redemption);
    expect(status).toBe(200);
    expect(await server.isActive(body.access_token, 'app')).toBe(true);
    const refreshed = await server.refresh('app', body.refresh_token);
    expect(refreshed.status).toBe(200);
    expect(await server.isActive(refreshed.body.refresh_token, 'app')).toBe(true);
    expect(await server.isActive(body.refresh_token, 'app')).toBe(false);
  });

  it('50 parallel redemptions of one code give one 200, and tokens that are dead (RFC 6749 section 4.1.2)', async () => {
    const before = await Promise.all([server.living('RefreshToken'), server.living('AccessToken')]);
    const redemption = await openBrowser(server).signIn('app', 'person');
    const answers = await Promise.all(times(50, () => server.redeem('app', redemption)));
    const won = successes(answers);
    expect(won).toHaveLength(1);
    expectRestToBe(answers, 400, 'invalid_grant');
    expect(await Promise.all([server.living('RefreshToken'), server.living('AccessToken')])).toEqual(before);
    expect(await server.isActive(won[0]?.body.access_token, 'app')).toBe(false);
    expect((await server.refresh('app', won[0]?.body.refresh_token)).body.error).toBe('invalid_grant');
  });

  it.each(['AccessToken', 'RefreshToken'] as const)(
    'a redemption that fails before it has made the %s has used nothing up',
    async (kind) => {
      const redemption = await openBrowser(server).signIn('app', 'person');
      vi.spyOn(server.provider[kind].adapter, 'upsert').mockRejectedValueOnce(new errors.TemporarilyUnavailable('down'));
      expect(await server.redeem('app', redemption)).toMatchObject({ status: 400, body: { error: 'temporarily_unavailable' } });
      const { status, body } = await server.redeem('app', redemption);
      expect(status).toBe(200);
      expect(await server.isActive(body.access_token, 'app')).toBe(true);
      expect((await server.refresh('app', body.refresh_token)).status).toBe(200);
    },
  );

  it('a code whose grant ends while it is redeemed gives nothing', async () => {
    const before = await Promise.all([server.living('RefreshToken'), server.living('AccessToken')]);
    for (let round = 0; round < 10; round++) {
      const redemption = await openBrowser(server).signIn('app', 'person');
      const { grantId } = await store.db.client.artifact.findUniqueOrThrow({ where: { idHash: sha256(redemption.code) } });
      const [answer] = await Promise.all([server.redeem('app', redemption), store.adapter('Grant').destroy(String(grantId))]);
      expect(answer.status === 200 || answer.body.error === 'invalid_grant').toBe(true);
    }
    expect(await Promise.all([server.living('RefreshToken'), server.living('AccessToken')])).toEqual(before);
  });

  it('a code that is replayed later is refused and takes back what it gave', async () => {
    const redemption = await openBrowser(server).signIn('app', 'person');
    const { body } = await server.redeem('app', redemption);
    const refreshed = await server.refresh('app', body.refresh_token);
    expect(await server.redeem('app', redemption)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    for (const token of [body.access_token, body.refresh_token, refreshed.body.access_token, refreshed.body.refresh_token]) {
      expect(await server.isActive(token, 'app')).toBe(false);
    }
  });

  it('a code of another client, or with the wrong verifier, is refused and takes nothing back', async () => {
    const redemption = await openBrowser(server).signIn('app', 'person');
    const answers = await Promise.all([
      server.redeem('other-app', redemption),
      server.redeem('app', { ...redemption, verifier: randomId() }),
    ]);
    expect(successes(answers)).toEqual([]);
    expect((await server.redeem('app', redemption)).status).toBe(200);
  });

  it('50 parallel refreshes with one token all get the same successor, and it is the only one', async () => {
    const { body } = await server.redeem('app', await openBrowser(server).signIn('app', 'person'));
    const before = await server.living('RefreshToken');
    const answers = await Promise.all(times(50, () => server.refresh('app', body.refresh_token)));
    expect(successes(answers)).toHaveLength(50);
    expect(new Set(answers.map(({ body: { refresh_token } }) => refresh_token)).size).toBe(1);
    expect(new Set(answers.map(({ body: { access_token } }) => access_token)).size).toBe(50);
    expect(await server.living('RefreshToken')).toBe(before);
  });

  it('a grant that is saved again while its token is refreshed changes nothing: everybody gets the one successor', async () => {
    for (let round = 0; round < 10; round++) {
      const { body } = await server.redeem('app', await openBrowser(server).signIn('app', 'person'));
      const { grantId } = await store.db.client.artifact.findUniqueOrThrow({ where: { idHash: sha256(String(body.refresh_token)) } });
      const grant = (await store.adapter('Grant').find(String(grantId))) ?? {};
      const saveAgain = () => store.adapter('Grant').upsert(String(grantId), grant, 3600);
      const [answers] = await Promise.all([
        Promise.all(times(6, () => server.refresh('app', body.refresh_token))),
        ...times(20, () => saveAgain()),
      ]);
      expect(successes(answers)).toHaveLength(6);
      expect(new Set(answers.map((answer) => answer.body.refresh_token)).size).toBe(1);
    }
  });

  it('a revoked token ends its grant: nothing that came from the same sign-in works', async () => {
    const { body } = await server.redeem('app', await openBrowser(server).signIn('app', 'person'));
    await server.post('/token/revocation', 'app', { token: String(body.access_token) });
    expect(await server.isActive(body.refresh_token, 'app')).toBe(false);
    expect((await server.refresh('app', body.refresh_token)).body.error).toBe('invalid_grant');
  });

  it('a sign-in gives the session a new id, and the old one opens nothing', async () => {
    const browser = openBrowser(server);
    await browser.signIn('app', 'person');
    const before = browser.jar.get('_session')?.value;
    await browser.signIn('app', 'person', { prompt: 'login' });
    const after = browser.jar.get('_session')?.value;
    expect(after).not.toBe(before);
    expect(await store.adapter('Session').find(before ?? '')).toBeUndefined();
    expect(await store.adapter('Session').find(after ?? '')).toMatchObject({ accountId: 'person' });
  });

  it('two clients that a browser authorizes at once are both signed in, and their codes both work', async () => {
    const browser = openBrowser(server);
    await browser.signIn('app', 'person');
    const others = ['other-app', 'third-app'];
    for (const client of others) await browser.signIn(client, 'person');
    const requests = others.map((client) => ({ client, ...browser.authorizeUrl(client, { prompt: 'none' }) }));
    const landings = await Promise.all(requests.map(({ url }) => browser.follow(url)));
    for (const [index, { client, verifier }] of requests.entries()) {
      expect((await server.redeem(client, { code: landings[index]?.code ?? '', verifier })).status).toBe(200);
    }
    const session = await store.adapter('Session').find(browser.jar.get('_session')?.value ?? '');
    expect(Object.keys(session?.authorizations ?? {}).sort()).toEqual(['app', 'other-app', 'third-app']);
  });

  it('of 20 parallel resumes of one interaction one goes on', async () => {
    const browser = openBrowser(server);
    const { url } = browser.authorizeUrl('app');
    const login = await browser.follow(url);
    const answer = await browser.submit(login.url, { prompt: 'login', login: 'person', password: 'x' });
    const resume = answer.headers.get('location') ?? '';
    const responses = await Promise.all(times(20, () => browser.send(resume)));
    expect(responses.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(responses.filter(({ status }) => status === 400)).toHaveLength(19);
  });

  it('ending everything while a browser authorizes leaves neither a session nor a code that works', async () => {
    for (let round = 0; round < 10; round++) {
      const accountId = randomId();
      const browser = openBrowser(server);
      await browser.signIn('app', accountId);
      const { url, verifier } = browser.authorizeUrl('app', { prompt: 'none' });
      const [landing] = await Promise.all([browser.follow(url), store.sessions.endAll(accountId)]);
      expect(landing.status).toBeLessThan(500);
      const { status, body } = await server.redeem('app', { code: landing.code ?? 'none', verifier });
      expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_grant' });
      expect(await store.sessions.list(accountId)).toEqual([]);
    }
  });

  it('a pushed request is authorized once, even by 20 requests at the same moment', async () => {
    const browser = openBrowser(server);
    await browser.signIn('app', 'person');
    const { url } = browser.authorizeUrl('app');
    const pushed = await server.post('/request', 'app', Object.fromEntries(new URL(url, server.issuer).searchParams));
    const target = `/auth?${new URLSearchParams({ client_id: 'app', request_uri: String(pushed.body.request_uri) })}`;
    const landings = await Promise.all(times(20, () => browser.follow(target)));
    expect(landings.filter(({ code }) => code)).toHaveLength(1);
    for (const { status } of landings) expect(status).toBeLessThan(500);
    expect(landings.filter(({ error }) => error).every(({ error }) => error === 'invalid_request_uri')).toBe(true);
  });

  it('a DPoP proof is accepted once, even by 20 requests at the same moment', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    const proof = await new SignJWT({ htm: 'POST', htu: `${server.issuer}/token`, jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(privateKey);
    const answers = await Promise.all(times(20, () => server.post('/token', 'app', { grant_type: 'client_credentials' }, { dpop: proof })));
    expect(successes(answers)).toHaveLength(1);
    expectRestToBe(answers, 400, 'invalid_grant');
  });

  it('a client assertion is accepted once, even by 20 requests at the same moment', async () => {
    const assertion = await new SignJWT({ iss: 'signer', sub: 'signer', aud: server.issuer, jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(signer.privateKey);
    const form = {
      grant_type: 'client_credentials',
      client_assertion: assertion,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    };
    const answers = await Promise.all(times(20, () => server.post('/token', 'signer', form)));
    expect(successes(answers)).toHaveLength(1);
    expectRestToBe(answers, 401, 'invalid_client');
  });
});
