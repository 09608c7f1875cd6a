import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomId } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';
import { examplePayload, openTestStore, settle, type TestStore, times } from '../support/storage.js';

const squatterPassword = 'lamp river sailboat';
const ownerPassword = 'copper violin tuesday';

describe.each(databases)('an account whose address somebody else took first, on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider, { requireVerifiedEmail: false });
  });
  afterAll(() => test.database.drop());
  let number = 0;

  /** Somebody makes an account of an address that is not theirs, and uses it: a key, and a change of address to their own. */
  async function squat() {
    const email = `owner${++number}@example.com`;
    const own = `squatter${number}@example.org`;
    const { identity } = test;
    const account = await identity.registration.createAccount({ email, password: squatterPassword });
    test.takeMails(email);
    const askForChange = () =>
      identity.emailChange.request({ accountId: account.id, currentPassword: squatterPassword, newEmail: own, ip: `198.51.100.${number}` });
    const makeKey = () =>
      identity.apiKeys.create({
        accountId: account.id,
        name: 'Back door',
        permissions: ['profile:update'],
        generation: account.signInGeneration,
      });
    const { key } = await makeKey();
    await askForChange();
    return { id: account.id, email, own, key, askForChange, makeKey };
  }

  /** The two ways in which the owner of the address comes to the account. */
  const ways: Record<string, (email: string) => Promise<() => Promise<unknown>>> = {
    'confirms a registration of their own': async (email) => {
      const { browserToken } = await test.identity.registration.register({ email, password: ownerPassword });
      const token = test.linkToken(email);
      return () => test.second().registration.verify({ token, browserToken });
    },
    'resets the password': async (email) => {
      await test.identity.recovery.request({ email });
      const token = test.linkToken(email);
      return () => test.second().recovery.reset({ token, newPassword: ownerPassword });
    },
  };

  async function expectNothingLeft(squatted: { id: string; email: string; own: string; key: string }) {
    const { identity } = test;
    expect(await identity.apiKeys.authenticate(squatted.key)).toBeNull();
    expect(await identity.apiKeys.countLiving(squatted.id)).toBe(0);
    expect(await identity.emailChange.findPending(squatted.id)).toBeNull();
    for (const mail of test.takeMails(squatted.own)) {
      if (!('url' in mail.data)) continue;
      const token = new URL(mail.data.url).searchParams.get('token') ?? '';
      expect(await outcomeOf(identity.emailChange.confirm({ token }))).toBe('token.already_used');
    }
    expect(await identity.accounts.find(squatted.id)).toMatchObject({ email: squatted.email, emailVerifiedAt: expect.any(Date) });
    expect(await outcomeOf(identity.login.withPassword({ identifier: squatted.email, password: squatterPassword }))).toBe(
      'login.invalid_credentials',
    );
  }

  for (const [way, arrive] of Object.entries(ways)) {
    it(`keeps no key, no pending change and no consent of theirs when the owner ${way}`, async () => {
      const squatted = await squat();
      test.ended.length = 0;
      test.forgotten.length = 0;
      await (await arrive(squatted.email))();
      expect(test.ended).toEqual([{ accountId: squatted.id }]);
      expect(test.forgotten).toEqual([squatted.id]);
      await expectNothingLeft(squatted);
    });

    it(`keeps nothing that they give it in the moment in which the owner ${way}`, async () => {
      for (const round of times(6, (index) => index)) {
        const squatted = await squat();
        const arrival = await arrive(squatted.email);
        const tries = () => [outcomeOf(squatted.makeKey()), outcomeOf(squatted.askForChange())];
        const outcomes = await Promise.all([...(round % 2 ? tries() : []), outcomeOf(arrival()), ...(round % 2 ? [] : tries())]);
        expect(outcomes[round % 2 ? 2 : 0]).toBe('ok');
        for (const outcome of outcomes) expect(['ok', 'login.superseded', 'email_change.wrong_current']).toContain(outcome);
        await expectNothingLeft(squatted);
      }
    });
  }

  it('keeps what its owner allowed and made when a confirmed account is reset, but for keys', async () => {
    const email = `owner${++number}@example.com`;
    await test.identity.registration.createAccount({ email, password: squatterPassword, verified: true });
    test.forgotten.length = 0;
    await test.identity.recovery.request({ email });
    await test.identity.recovery.reset({ token: test.linkToken(email), newPassword: ownerPassword });
    expect(test.forgotten).toEqual([]);
  });
});

describe.each(databases)('consent that is given while everything of an account ends, on %s', (provider) => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore(provider);
  });
  afterAll(() => store.drop());

  async function signIn() {
    const [accountId, cookie, at] = [randomId(), randomId(), new Date()];
    await store.db.client.account.create({ data: { id: accountId, email: `${accountId}@example.com`, createdAt: at, updatedAt: at } });
    await store.adapter('Session').upsert(cookie, examplePayload('Session', cookie, { accountId, uid: `uid-${cookie}` }), 600);
    return { accountId, sessionUid: `uid-${cookie}` };
  }
  const remember = (given: { accountId: string; sessionUid?: string }, scope: string) =>
    store.consents.remember({ ...given, clientId: 'app', scopesByResource: new Map([['', [scope]]]) });
  const remembered = async (accountId: string) => [...((await store.consents.find(accountId, 'app')).get('') ?? [])].sort();

  it('is kept while its session lives, and comes to nothing afterwards', async () => {
    const given = await signIn();
    await remember(given, 'openid');
    await remember(given, 'email');
    expect(await remembered(given.accountId)).toEqual(['email', 'openid']);
    await store.sessions.endAll(given.accountId);
    await store.consents.forgetAll(given.accountId);
    await remember(given, 'openid');
    await remember({ ...given, sessionUid: 'unknown' }, 'openid');
    await remember({ accountId: given.accountId, sessionUid: (await signIn()).sessionUid }, 'openid');
    expect(await remembered(given.accountId)).toEqual([]);
    // What an account without a session at hand allows (an operator, a device) is kept as before.
    await remember({ accountId: given.accountId }, 'profile');
    expect(await remembered(given.accountId)).toEqual(['profile']);
  });

  it('does not survive it, however close the two come', async () => {
    for (const round of times(20, (index) => index)) {
      const given = await signIn();
      if (round % 3 === 0) await remember(given, 'openid');
      const end = () => store.sessions.endAll(given.accountId).then(() => store.consents.forgetAll(given.accountId));
      const tries = (count: number) => times(count, (index) => remember(given, `scope-${index}`));
      const { errors } = await settle([...tries(round % 4), end(), ...tries(3)]);
      expect(errors).toEqual([]);
      expect(await remembered(given.accountId), `round ${round}`).toEqual([]);
    }
  });
});
