import { createSecretKey, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSecretStore } from '../../src/platform/crypto/index.js';
import { createChallenge } from '../../src/platform/http/index.js';
import { startTestServer, type TestServer } from '../support/server.js';

describe('what a server tells of how it sees a request', () => {
  let server: TestServer;
  let pepper: KeyObject;
  beforeAll(async () => {
    server = await startTestServer();
    pepper = (await openSecretStore(server.services.db, { current: server.config.keyEncryptionKey })).hmacPepper;
  });
  afterAll(() => server?.close());

  const ask = async (headers: Record<string, string>, path = '/livez') => {
    const response = await fetch(`${server.url}${path}`, { headers });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  };

  it('is told to who proves to have the key, whole and signed', async () => {
    const challenge = createChallenge(pepper);
    const seen = challenge.read(await ask({ ...challenge.headers, 'x-forwarded-for': '192.0.2.1' }));
    expect(seen).toMatchObject({
      issuer: server.url,
      origin: server.url,
      admitted: true,
      trusted: false,
      forwardedFor: '192.0.2.1',
      httpVersion: '1.1',
    });
    expect(seen?.clientAddress).not.toBe('192.0.2.1');
  });

  it('is told to a challenge once, and to nobody else: strangers are answered as if there were nothing', async () => {
    const plain = await ask({});
    const challenge = createChallenge(pepper);
    expect(challenge.read(await ask(challenge.headers))).toBeDefined();
    const [name = '', text = ''] = Object.entries(challenge.headers)[0] ?? [];
    const old = text.replace(/^\d+/, (at) => String(Number(at) - 3_600_000));
    const refused = [
      text,
      old,
      `${text}x`,
      text.replace(/^\d+/, '1'),
      'x',
      '',
      createChallenge(createSecretKey(Buffer.alloc(32, 1))).headers[name as never] ?? '',
    ];
    for (const each of refused) {
      const answer = await ask({ [name]: each });
      expect(answer).toMatchObject({ status: 200, body: plain.body });
      expect(Object.keys(answer.headers).filter((header) => header.startsWith('latchkey'))).toEqual([]);
    }
    expect((await ask({ [name]: 'x' }, '/.well-known/openid-configuration')).body).not.toContain('socketAddress');
  });

  it('of fifty who show one challenge at the same moment, one is told', async () => {
    const challenge = createChallenge(pepper);
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(challenge.headers)));
    expect(answers.filter((answer) => challenge.read(answer) !== undefined)).toHaveLength(1);
  });

  it('that somebody else says instead is not believed', async () => {
    const [asked, other] = [createChallenge(pepper), createChallenge(pepper)];
    const answer = await ask(other.headers);
    expect(other.read(answer)).toBeDefined();
    expect(asked.read(answer)).toBeUndefined();
    expect(other.read({ ...answer, body: answer.body.replace('true', 'false') })).toBeUndefined();
  });
});
