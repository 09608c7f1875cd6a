import argon2 from 'argon2';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';

const password = 'lamp river sailboat';
const minute = 60_000;
const count = (outcomes: string[], outcome: string) => outcomes.filter((each) => each === outcome).length;

describe.each(databases)('signing in on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());
  afterEach(() => vi.useRealTimers());
  const moveTo = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: ms });
  let number = 0;
  async function createPerson(more: object = {}) {
    const email = `person${++number}@example.com`;
    const username = `person${number}`;
    const account = await test.identity.registration.createAccount({ email, username, password, verified: true, ...more });
    return { ...account, email, username };
  }
  const login = (identifier: string, secret = password, more: object = {}) =>
    test.identity.login.withPassword({ identifier, password: secret, ip: '192.0.2.1', userAgent: 'Test', ...more });
  const signIn = (identifier: string, secret = password, more: object = {}) => outcomeOf(login(identifier, secret, more));
  const fail = async (identifier: string, times: number, more: object = {}) => {
    const outcomes = [];
    for (let failure = 0; failure < times; failure++) outcomes.push(await signIn(identifier, `wrong ${failure}`, more));
    return outcomes;
  };

  it('works by address and by username, in any case', async () => {
    const { id, email, username } = await createPerson();
    for (const identifier of [email, email.toUpperCase(), ` ${email} `, username, username.toUpperCase()]) {
      expect((await login(identifier)).account.id).toBe(id);
    }
  });

  it('answers an unknown account, a wrong password and an account without one alike', async () => {
    const { email } = await createPerson();
    const { email: withoutPassword } = await test.identity.accounts.create({ email: `none${number}@example.com`, verified: true });
    const errors = await Promise.all(
      [email, 'nobody@example.com', 'nobody', withoutPassword, '', '@', 'x'.repeat(100_000), 'nul\0', '\ud800', "' OR 1=1 --"].map(
        (identifier) => login(identifier, 'wrong password').catch((error: unknown) => error),
      ),
    );
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'login.invalid_credentials', status: 401, message: (errors[0] as Error).message });
    }
    expect(await signIn(email, 'x'.repeat(1_000_000))).toBe('login.invalid_credentials');
    expect(await signIn(email, '')).toBe('login.invalid_credentials');
  });

  it('tells only after the right password that an account is disabled or not confirmed', async () => {
    const disabled = await createPerson();
    await test.identity.accounts.disable(disabled.id);
    const unverified = await createPerson({ verified: false });
    expect(await signIn(disabled.email, 'wrong password')).toBe('login.invalid_credentials');
    expect(await signIn(unverified.email, 'wrong password')).toBe('login.invalid_credentials');
    expect(await signIn(disabled.email)).toBe('login.disabled');
    expect(await signIn(unverified.email)).toBe('login.unverified');
    expect(await signIn(unverified.email, password, { requireVerified: false })).toBe('ok');
  });

  it('upgrades a hash of other costs, and a hash that changed meanwhile stays', async () => {
    const { id, email } = await createPerson();
    const old = await argon2.hash(password, { type: argon2.argon2i, memoryCost: 2048, timeCost: 2, parallelism: 1 });
    await test.db.client.account.update({ where: { id }, data: { passwordHash: old } });
    expect(await signIn(email, 'wrong password')).toBe('login.invalid_credentials');
    expect((await test.db.client.account.findUnique({ where: { id } }))?.passwordHash).toBe(old);
    await Promise.all([login(email), login(email), login(email)]);
    const upgraded = (await test.db.client.account.findUnique({ where: { id } }))?.passwordHash ?? '';
    expect(upgraded).toMatch(/^\$argon2id\$v=19\$m=1024,t=1,p=1\$/);
    await login(email);
    expect((await test.db.client.account.findUnique({ where: { id } }))?.passwordHash).toBe(upgraded);
  });

  it('locks an account for 15 minutes after 5 failures; right and wrong answer alike then', async () => {
    const { email } = await createPerson();
    const start = Date.now();
    moveTo(start);
    expect(await fail(email, 6)).toEqual([...Array(5).fill('login.invalid_credentials'), 'login.locked']);
    await expect(login(email)).rejects.toMatchObject({ code: 'login.locked', status: 403, retryAfterSeconds: 900 });
    await expect(login(email, 'wrong')).rejects.toMatchObject({ code: 'login.locked', status: 403, retryAfterSeconds: 900 });
    moveTo(start + 15 * minute - 1000);
    expect(await signIn(email)).toBe('login.locked');
    moveTo(start + 15 * minute);
    expect(await signIn(email)).toBe('ok');
  });

  it('doubles the lock when it closes again, up to one hour', async () => {
    const { email } = await createPerson();
    let at = Date.now();
    for (const minutes of [15, 30, 60, 60]) {
      moveTo(at);
      await fail(email, 5);
      await expect(login(email)).rejects.toMatchObject({ code: 'login.locked', retryAfterSeconds: minutes * 60 });
      at += minutes * minute;
    }
    moveTo(at);
    expect(await signIn(email)).toBe('ok');
    await fail(email, 5);
    await expect(login(email)).rejects.toMatchObject({ code: 'login.locked', retryAfterSeconds: 900 });
  });

  it('does not lock for 4 failures before a success, nor for 5 in more than 15 minutes', async () => {
    const { email } = await createPerson();
    for (let round = 0; round < 3; round++) {
      await fail(email, 4);
      expect(await signIn(email)).toBe('ok');
    }
    const start = Date.now();
    for (let failure = 0; failure < 8; failure++) {
      moveTo(start + failure * 5 * minute);
      expect(await signIn(email, 'wrong')).toBe('login.invalid_credentials');
    }
  });

  it('locks what nobody has just as well: a lock finds no accounts', async () => {
    const { email, username } = await createPerson();
    for (const identifier of [email, username, 'nobody-at-all@example.com', 'nobody-at-all']) {
      expect(await fail(identifier, 7)).toEqual([...Array(5).fill('login.invalid_credentials'), 'login.locked', 'login.locked']);
    }
  });

  it('counts failures by address and by username together, without telling that the two belong together', async () => {
    const { email, username } = await createPerson();
    await fail(username, 5);
    expect(await signIn(username)).toBe('login.locked');
    // Were this answered "locked", locking a name would show which address belongs to it; were it let in, there would be ten guesses.
    expect(await signIn(email, 'wrong')).toBe('login.invalid_credentials');
    expect(await signIn(email)).toBe('login.invalid_credentials');
    const other = await createPerson();
    await fail(other.username, 3);
    await fail(other.email, 2);
    expect(await signIn(other.email)).toBe('login.invalid_credentials');
    expect(await signIn(other.username)).toBe('login.invalid_credentials');
  });

  it('answers no more than 5 of 50 guesses at the same moment, whichever of them is right', async () => {
    const { email } = await createPerson();
    const second = test.second();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        outcomeOf(
          (index % 2 ? second : test.identity).login.withPassword({ identifier: email, password: `guess ${index}`, ip: '192.0.2.1' }),
        ),
      ),
    );
    expect([count(outcomes, 'login.invalid_credentials'), count(outcomes, 'login.locked')]).toEqual([5, 45]);
  });

  it('lets a known device in while others are locked, and nobody else lock its owner out', async () => {
    const { email } = await createPerson();
    const { deviceToken } = await login(email);
    await fail(email, 6, { ip: '203.0.113.9' });
    expect(await signIn(email)).toBe('login.locked');
    expect(await signIn(email, password, { deviceToken })).toBe('ok');
    // The owner's success does not give the other one new guesses.
    expect(await signIn(email, 'wrong', { ip: '203.0.113.9' })).toBe('login.locked');
  });

  it('gives a known device a counter of its own', async () => {
    const { email } = await createPerson();
    const { deviceToken } = await login(email);
    expect(await fail(email, 6, { deviceToken })).toEqual([...Array(5).fill('login.invalid_credentials'), 'login.locked']);
    expect(await signIn(email, password, { deviceToken })).toBe('login.locked');
    expect(await signIn(email)).toBe('ok');
  });

  it('knows a device by a token that cannot be made up, moved to another account, or kept past a new password', async () => {
    const [one, two] = [await createPerson(), await createPerson()];
    const { deviceToken } = await login(one.email);
    const [deviceId, mac] = deviceToken.split('.') as [string, string];
    await fail(two.email, 5);
    await fail(one.email, 5);
    expect(await signIn(two.email, password, { deviceToken })).toBe('login.locked');
    for (const forged of [
      `${deviceId}.${mac.split('').reverse().join('')}`,
      `${mac}.${mac}`,
      deviceId,
      '',
      'x'.repeat(10_000),
      `.${mac}`,
    ]) {
      expect(await signIn(one.email, password, { deviceToken: forged })).toBe('login.locked');
    }
    expect(await signIn(one.email, password, { deviceToken })).toBe('ok');
    // An operator's new password opens the locks; the device of before is none of the account's any more.
    await test.identity.passwordChange.set({ accountId: one.id, newPassword: 'copper violin tuesday' });
    await fail(one.email, 5);
    expect(await signIn(one.email, 'copper violin tuesday', { deviceToken })).toBe('login.locked');
  });

  it('knows a device that several people share for each of them', async () => {
    const [one, two] = [await createPerson(), await createPerson()];
    const first = await login(one.email);
    const second = await login(two.email, password, first);
    expect(second.deviceToken.split('.')).toHaveLength(3);
    for (const { email } of [one, two]) {
      await fail(email, 5);
      expect(await signIn(email, password, { deviceToken: second.deviceToken })).toBe('ok');
    }
  });

  it('mails the owner about a new device, and not about the first one, a known one or a failure', async () => {
    const { email } = await createPerson({ fullName: 'Ann Lee' });
    await login(email, password, { userAgent: 'First' });
    expect(test.takeMails(email)).toEqual([]);
    const { deviceToken } = await login(email);
    expect(test.takeMails(email)).toMatchObject([
      { template: 'new-device-sign-in', data: { name: 'Ann Lee', ip: '192.0.2.1', userAgent: 'Test', at: expect.any(Date) } },
    ]);
    await login(email, password, { deviceToken });
    await login(email, password, { deviceToken, userAgent: 'Updated', ip: '192.0.2.99' });
    await signIn(email, 'wrong');
    expect(test.takeMails(email)).toEqual([]);
    const unverified = await createPerson({ verified: false });
    test.takeMails(unverified.email);
    for (const userAgent of ['One', 'Two']) await login(unverified.email, password, { requireVerified: false, userAgent });
    expect(test.takeMails(unverified.email)).toEqual([]);
  });

  it('mails the owner about a lock once a day', async () => {
    const { email } = await createPerson();
    await fail(email, 5);
    await expect.poll(() => test.mails.filter(({ to }) => to === email).map(({ template }) => template)).toEqual(['account-locked']);
    moveTo(Date.now() + 20 * minute);
    await fail(email, 6);
    expect(await signIn(email)).toBe('login.locked');
    expect(test.takeMails(email)).toHaveLength(1);
  });

  it('is open again when an operator unlocks it', async () => {
    const { id, email, username } = await createPerson();
    await fail(email, 5);
    await fail(username, 5);
    await test.identity.login.unlock(id, { actorId: 'operator' });
    expect(await signIn(email)).toBe('ok');
    expect(await signIn(username)).toBe('ok');
    expect(await outcomeOf(test.identity.login.unlock('nobody'))).toBe('accounts.not_found');
  });

  it('writes what happened to the audit log, without what was typed', async () => {
    const { id, email } = await createPerson();
    await signIn(email, 'a wrong secret');
    await signIn('a-secret-typed-as-a-name', 'a wrong secret');
    await login(email);
    const events = await test.db.client.auditEvent.findMany({ where: { subjectId: id }, orderBy: { occurredAt: 'asc' } });
    expect(events.map(({ type, outcome }) => `${type} ${outcome}`)).toEqual([
      'account.created success',
      'login.failed failure',
      'login.succeeded success',
    ]);
    expect(events[2]).toMatchObject({ actorId: id, ip: '192.0.2.1', detail: '{"newDevice":true}' });
    expect(JSON.stringify(await test.db.client.auditEvent.findMany())).not.toMatch(/secret|lamp river/);
  });
});

describe.each(databases)('the limit of failed sign-ins on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider, { limitFailedLoginsPerMinute: 20 });
    await test.identity.registration.createAccount({ email: 'jane@example.com', password, verified: true });
  });
  afterAll(() => test.database.drop());
  afterEach(() => vi.useRealTimers());
  const attempt = (identifier: string, secret: string, ip?: string) =>
    outcomeOf(test.identity.login.withPassword({ identifier, password: secret, ip }));

  it('lets 20 failures a minute through from one network, also at the same moment, then answers 429', async () => {
    const start = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: start });
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => attempt(`n${index}@example.com`, 'x', `2001:db8:7:7::${index}`)),
    );
    expect([count(outcomes, 'login.invalid_credentials'), count(outcomes, 'login.rate_limited')]).toEqual([20, 30]);
    await expect(
      test.identity.login.withPassword({ identifier: 'jane@example.com', password, ip: '2001:db8:7:7:ffff::' }),
    ).rejects.toMatchObject({ code: 'login.rate_limited', status: 429, retryAfterSeconds: 60 });
    expect(await attempt('jane@example.com', password, '2001:db8:7:8::1')).toBe('ok');
    vi.setSystemTime(start + minute);
    expect(await attempt('jane@example.com', password, '2001:db8:7:7::1')).toBe('ok');
  });

  it('does not count successes', async () => {
    for (let success = 0; success < 25; success++) expect(await attempt('jane@example.com', password, '192.0.2.40')).toBe('ok');
  });

  it('is one for everybody whose address is not known', async () => {
    for (let failure = 0; failure < 20; failure++)
      await attempt(`u${failure}@example.com`, 'x', failure % 2 ? undefined : 'not an address');
    expect(await attempt('jane@example.com', password, '')).toBe('login.rate_limited');
  });
});
