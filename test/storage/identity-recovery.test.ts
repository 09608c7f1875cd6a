import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';

const password = 'lamp river sailboat';
const newPassword = 'copper violin tuesday';
const count = (outcomes: string[], outcome: string) => outcomes.filter((each) => each === outcome).length;

describe.each(databases)('passwords on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());
  afterEach(() => vi.useRealTimers());
  let number = 0;
  async function createPerson(more: object = {}) {
    const email = `person${++number}@example.com`;
    const account = await test.identity.registration.createAccount({
      email,
      username: `person${number}`,
      password,
      verified: true,
      ...more,
    });
    test.takeMails(email);
    return { ...account, email, username: `person${number}` };
  }
  const signIn = (identifier: string, secret: string, more: object = {}) =>
    outcomeOf(test.identity.login.withPassword({ identifier, password: secret, ip: '192.0.2.2', ...more }));
  const requestReset = async (email: string) => {
    await test.identity.recovery.request({ email, ip: '192.0.2.1' });
    return test.linkToken(email);
  };
  const reset = (token: string, secret = newPassword) => test.identity.recovery.reset({ token, newPassword: secret, ip: '192.0.2.1' });

  describe('that are forgotten', () => {
    it('are replaced through a mail link: the old one, every session and the lock end, and the owner is told', async () => {
      const { id, email, username } = await createPerson();
      for (let failure = 0; failure < 5; failure++) await signIn(email, 'wrong');
      for (let failure = 0; failure < 5; failure++) await signIn(username, 'wrong');
      expect(await signIn(email, password)).toBe('login.locked');
      await test.identity.recovery.request({ email: email.toUpperCase(), ip: '192.0.2.1' });
      const token = test.linkToken(email);
      test.ended.length = 0;
      expect(await test.identity.recovery.inspect(token)).toEqual({ state: 'ok', email });
      const account = await reset(token);
      expect(account).toMatchObject({ id, email });
      expect(JSON.stringify(account)).not.toContain('argon2');
      expect(test.ended).toEqual([{ accountId: id }]);
      expect(await signIn(email, newPassword)).toBe('ok');
      expect(await signIn(username, newPassword)).toBe('ok');
      expect(await signIn(email, password)).toBe('login.invalid_credentials');
      expect(test.mails.filter(({ to }) => to === email).map(({ template }) => template)).toContain('password-changed');
    });

    it('leave a known device behind: the browser that reset is not announced as new', async () => {
      const { email } = await createPerson();
      const { deviceToken } = await reset(await requestReset(email));
      test.takeMails(email);
      expect(await signIn(email, newPassword, { deviceToken })).toBe('ok');
      expect(test.takeMails(email)).toEqual([]);
    });

    it('answer alike whether or not there is an account, and write as much', async () => {
      const { email } = await createPerson();
      const disabled = await createPerson();
      await test.identity.accounts.disable(disabled.id);
      for (const typed of [email, 'nobody@example.com', disabled.email, 'nonsense', '', 'x'.repeat(10_000), 'nul\0@example.com']) {
        const before = await test.db.client.oneTimeToken.count();
        await expect(test.identity.recovery.request({ email: typed })).resolves.toBeUndefined();
        expect(await test.db.client.oneTimeToken.count()).toBe(before + 1);
      }
      expect(test.takeMails(email)).toHaveLength(1);
      expect(test.takeMails('nobody@example.com')).toEqual([]);
      expect(test.takeMails(disabled.email)).toEqual([]);
    });

    it('are reset once, even by 20 requests at the same moment', async () => {
      const { email } = await createPerson();
      const token = await requestReset(email);
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => outcomeOf(reset(token, `${newPassword} ${index}`))));
      expect([count(outcomes, 'ok'), count(outcomes, 'token.already_used')]).toEqual([1, 19]);
      expect(await signIn(email, `${newPassword} ${outcomes.indexOf('ok')}`)).toBe('ok');
    });

    it('are reset by one link only, even when several are followed at the same moment', async () => {
      const { email } = await createPerson();
      const tokens = [await requestReset(email), await requestReset(email), await requestReset(email)];
      const outcomes = await Promise.all(tokens.map((token) => outcomeOf(reset(token))));
      expect([count(outcomes, 'ok'), count(outcomes, 'token.already_used')]).toEqual([1, 2]);
    });

    it('are not reset by a weak new one, which uses nothing up', async () => {
      const { email, username } = await createPerson();
      const token = await requestReset(email);
      expect(await outcomeOf(reset(token, 'short'))).toBe('passwords.too_short');
      expect(await outcomeOf(reset(token, 'password1'))).toBe('passwords.too_common');
      expect(await outcomeOf(reset(token, `${username}${username}`))).toBe('passwords.too_weak');
      expect(await outcomeOf(reset(token))).toBe('ok');
    });

    it('come with a confirmed address, since the link proved it; what an unconfirmed predecessor could do ends', async () => {
      const { id, email } = await createPerson({ verified: false });
      expect(await signIn(email, password)).toBe('login.unverified');
      test.ended.length = 0;
      const account = await reset(await requestReset(email));
      expect(account.emailVerifiedAt).toBeInstanceOf(Date);
      expect(test.ended).toEqual([{ accountId: id }]);
      expect(await signIn(email, newPassword)).toBe('ok');
    });

    it('cannot be reset after one hour, with a verification link, or for an account that was disabled or deleted since', async () => {
      const { email, id } = await createPerson();
      const late = await requestReset(email);
      const disabled = await requestReset(email);
      await test.identity.accounts.disable(id);
      expect(await outcomeOf(reset(disabled))).toBe('token.unknown');
      await test.identity.accounts.delete(id);
      expect(await outcomeOf(reset(disabled))).toBe('token.unknown');
      const unverified = await createPerson({ verified: false });
      await test.identity.registration.resend({ email: unverified.email });
      expect(await outcomeOf(reset(test.linkToken(unverified.email)))).toBe('token.unknown');
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
      expect(await outcomeOf(reset(late))).toBe('token.expired');
      expect(await test.identity.recovery.inspect(late)).toEqual({ state: 'expired' });
    });

    it('are mailed about 5 times an hour to one address, whoever asks, and nobody is told', async () => {
      const { email } = await createPerson();
      for (let index = 0; index < 8; index++) await test.identity.recovery.request({ email, ip: `192.0.2.${index}` });
      expect(test.takeMails(email)).toHaveLength(5);
    });
  });

  describe('that are changed', () => {
    const change = (accountId: string, currentPassword: string, secret = newPassword, more: object = {}) =>
      test.identity.passwordChange.change({ accountId, currentPassword, newPassword: secret, ...more });

    it('end every session but the one at hand and every reset link, and the owner is told', async () => {
      const { id, email } = await createPerson();
      const token = await requestReset(email);
      test.takeMails(email);
      test.ended.length = 0;
      await change(id, password, newPassword, { keepSessionUid: 'this-one' });
      expect(test.ended).toEqual([{ accountId: id, exceptSessionUid: 'this-one' }]);
      expect(await outcomeOf(reset(token))).toBe('token.already_used');
      expect(test.takeMails(email)).toMatchObject([{ template: 'password-changed' }]);
      expect(await signIn(email, newPassword)).toBe('ok');
      expect(await signIn(email, password)).toBe('login.invalid_credentials');
    });

    it('need the current one, which cannot be guessed from an open session', async () => {
      const { id, email } = await createPerson();
      await expect(change(id, 'wrong')).rejects.toMatchObject({
        code: 'password_change.wrong_current',
        status: 401,
        details: [{ path: 'currentPassword' }],
      });
      for (let failure = 0; failure < 4; failure++) await outcomeOf(change(id, 'wrong'));
      expect(await outcomeOf(change(id, password))).toBe('login.locked');
      // That somebody sits at an open session does not lock the owner out.
      expect(await signIn(email, password)).toBe('ok');
    });

    it('are judged like any new one, and must be new', async () => {
      const { id } = await createPerson();
      expect(await outcomeOf(change(id, password, 'password1'))).toBe('passwords.too_common');
      expect(await outcomeOf(change(id, password, password))).toBe('password_change.unchanged');
      expect(await outcomeOf(change('nobody', password))).toBe('accounts.not_found');
    });

    it('change once when several requests have the same current one at the same moment', async () => {
      const { id } = await createPerson();
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, index) => outcomeOf(change(id, password, `${newPassword} ${index}`))),
      );
      expect(count(outcomes, 'ok')).toBe(1);
      for (const outcome of outcomes)
        expect(['ok', 'password_change.conflict', 'password_change.wrong_current', 'login.locked']).toContain(outcome);
    });

    it('by an operator end every session', async () => {
      const { id, email } = await createPerson();
      test.ended.length = 0;
      await test.identity.passwordChange.set({ accountId: id, newPassword, actorId: 'operator' });
      expect(test.ended).toMatchObject([{ accountId: id }]);
      expect(await signIn(email, newPassword)).toBe('ok');
      expect(await outcomeOf(test.identity.passwordChange.set({ accountId: id, newPassword: 'short' }))).toBe('passwords.too_short');
    });
  });
});

describe.each(databases)('the limit of resets on %s', (provider) => {
  it('lets 3 an hour through from one network, then answers 429 for known and unknown alike', async () => {
    const test = await createTestIdentity(provider, { limitResetsPerHour: 3 });
    await test.identity.registration.createAccount({ email: 'jane@example.com', password, verified: true });
    const ask = (email: string, ip: string) => outcomeOf(test.identity.recovery.request({ email, ip }));
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) => ask(index % 2 ? 'jane@example.com' : 'no@example.com', '192.0.2.1')),
    );
    expect([count(outcomes, 'ok'), count(outcomes, 'recovery.rate_limited')]).toEqual([3, 7]);
    await expect(test.identity.recovery.request({ email: 'jane@example.com', ip: '192.0.2.1' })).rejects.toMatchObject({
      status: 429,
      retryAfterSeconds: expect.any(Number),
    });
    expect(await ask('jane@example.com', '192.0.2.2')).toBe('ok');
    const resend = () => outcomeOf(test.identity.registration.resend({ email: 'jane@example.com', ip: '192.0.2.1' }));
    expect([await resend(), await resend(), await resend(), await resend()]).toEqual(['ok', 'ok', 'ok', 'registration.rate_limited']);
    await test.database.drop();
  });
});
