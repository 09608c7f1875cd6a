import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/platform/crypto/index.js';
import { buildServerProcess } from '../support/open-server-process.js';
import { type Answer, clientOf, openBrowser } from '../support/provider-under-test.js';
import type { ServerProcessOptions } from '../support/server-process.js';
import { openTestStore, type TestStore, times } from '../support/storage.js';

const ROUNDS = 5;
const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

describe('two server processes over one PostgreSQL', () => {
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let store: TestStore;
  let program: Awaited<ReturnType<typeof buildServerProcess>>;
  let processes: { issuer: string; stop(): Promise<void> }[];
  let options: ServerProcessOptions;
  beforeAll(async () => {
    [store, program] = await Promise.all([openTestStore('postgresql'), buildServerProcess()]);
    options = {
      url: store.url,
      dataKey: store.dataKey.toString('base64'),
      hmacPepper: store.hmacPepper.export().toString('base64'),
      clientIds: ['app'],
      signerJwk: signer.publicKey.export({ format: 'jwk' }),
    };
    processes = await Promise.all(times(2, () => program.open(options)));
  });
  afterAll(async () => {
    await Promise.all((processes ?? []).map((server) => server.stop()));
    program?.remove();
    await store.drop();
  });

  /** 50 times the same, 25 from each process. */
  const fromBoth = <T>(make: (client: ReturnType<typeof clientOf>) => Promise<T>) =>
    Promise.all(times(50, (index) => make(clientOf(processes[index % 2]?.issuer ?? ''))));
  const first = () => clientOf(processes[0]?.issuer ?? '');
  const signIn = () => openBrowser({ issuer: processes[0]?.issuer ?? '' }).signIn('app', 'person');
  const successes = (answers: Answer[]) => answers.filter(({ status }) => status === 200);
  const livingTokens = (kind?: string) =>
    store.db.client.artifact.count({ where: { ...(kind ? { kind } : {}), revokedAt: null, consumedAt: null, grantId: { not: null } } });

  it('redeem one code once out of 50 parallel tries, and its tokens are dead then', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const redemption = await signIn();
      const answers = await fromBoth((client) => client.redeem('app', redemption));
      expect(successes(answers)).toHaveLength(1);
      for (const { status, body } of answers) expect(status === 200 || body.error === 'invalid_grant').toBe(true);
      expect(await livingTokens()).toBe(0);
    }
  });

  it('answer 50 parallel refreshes with one token with the same successor, which is the only one', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { body } = await first().redeem('app', await signIn());
      const answers = await fromBoth((client) => client.refresh('app', body.refresh_token));
      expect(successes(answers)).toHaveLength(50);
      const [successor, ...others] = new Set(answers.map(({ body: { refresh_token } }) => refresh_token));
      expect(others).toEqual([]);
      expect(await livingTokens('RefreshToken')).toBe(1);
      // Each process knows what the other one gave.
      const retries = await fromBoth((client) => client.refresh('app', body.refresh_token));
      expect(new Set(retries.map(({ body: { refresh_token } }) => refresh_token))).toEqual(new Set([successor]));
      await first().post('/token/revocation', 'app', { token: String(successor) });
      expect(await livingTokens()).toBe(0);
    }
  });

  it('killed while it refreshes, one leaves to the other a retry of every token, with one successor each', async () => {
    const second = () => clientOf(processes[1]?.issuer ?? '');
    const doomed = await program.open(options);
    const tokens: unknown[] = [];
    for (const _round of times(12, Number)) tokens.push((await first().redeem('app', await signIn())).body.refresh_token);
    const answered: Promise<Answer | undefined>[] = [];
    for (const token of tokens) {
      answered.push(
        clientOf(doomed.issuer)
          .refresh('app', token)
          .catch(() => undefined),
      );
    }
    await Promise.race(answered);
    await doomed.kill();
    const before = await Promise.all(answered);
    const retries = await Promise.all(tokens.map((token) => second().refresh('app', token)));
    for (const [index, { status, body }] of retries.entries()) {
      expect(status).toBe(200);
      expect(body.refresh_token).toBe(before[index]?.body.refresh_token ?? body.refresh_token);
    }
    const { grantId } = await store.db.client.artifact.findUniqueOrThrow({ where: { idHash: sha256(String(tokens[0])) } });
    expect(await store.db.client.artifact.count({ where: { grantId, kind: 'RefreshToken', consumedAt: null } })).toBe(1);
    expect(await livingTokens('RefreshToken')).toBe(tokens.length);
  });

  it('accept one client assertion once', async () => {
    const assertion = await new SignJWT({ iss: 'signer', sub: 'signer', aud: processes.map(({ issuer }) => issuer), jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(signer.privateKey);
    const form = { grant_type: 'client_credentials', client_assertion: assertion, client_assertion_type: jwtBearer };
    const answers = await fromBoth((client) => client.post('/token', 'signer', form));
    expect(successes(answers)).toHaveLength(1);
    for (const { status, body } of answers) expect(status === 200 || body.error === 'invalid_client').toBe(true);
  });
});
