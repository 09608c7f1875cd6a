import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';

const password = 'lamp river sailboat';
const otherPassword = 'copper violin tuesday';
const count = (outcomes: string[], outcome: string) => outcomes.filter((each) => each === outcome).length;

describe.each(databases)('registration on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());
  afterEach(() => vi.useRealTimers());
  let number = 0;
  const newEmail = () => `person${++number}@example.com`;
  const register = (email: string, more: object = {}) => test.identity.registration.register({ email, password, ip: '192.0.2.1', ...more });
  const verify = (request: { token: string; browserToken?: string; password?: string }) => test.identity.registration.verify(request);
  const signIn = (identifier: string, secret: string, more: object = {}) =>
    outcomeOf(test.identity.login.withPassword({ identifier, password: secret, ip: '192.0.2.2', ...more }));

  it('makes an account when the link is followed, not before, and signs in the browser that registered', async () => {
    const email = newEmail();
    const { browserToken } = await register(email, { username: 'walker', fullName: 'Wilma Walker', continueTo: 'interaction-7' });
    expect(await test.identity.accounts.findByEmail(email)).toBeNull();
    const token = test.linkToken(email);
    expect(await test.identity.registration.inspect(token, { browserToken })).toEqual({
      ...{ state: 'ok', email, sameBrowser: true },
      continueTo: 'interaction-7',
    });
    const verified = await verify({ token, browserToken });
    expect(verified).toMatchObject({ sameBrowser: true, continueTo: 'interaction-7' });
    expect(verified.account).toMatchObject({
      email,
      username: 'walker',
      fullName: 'Wilma Walker',
      roles: ['user'],
      emailVerifiedAt: expect.any(Date),
    });
    expect(await test.identity.signInTickets.consume(verified.signInTicket ?? '')).toEqual({
      accountId: verified.account.id,
      generation: 0,
    });
    expect(await test.identity.signInTickets.consume(verified.signInTicket ?? '')).toBeNull();
    expect(await signIn('walker', password)).toBe('ok');
  });

  it('asks another browser for the password of that registration, and uses nothing up until it is right', async () => {
    const email = newEmail();
    await register(email);
    const token = test.linkToken(email);
    const { browserToken: foreign } = await register(newEmail());
    expect((await test.identity.registration.inspect(token, { browserToken: foreign })).sameBrowser).toBe(false);
    expect(await outcomeOf(verify({ token }))).toBe('registration.password_required');
    expect(await outcomeOf(verify({ token, browserToken: foreign }))).toBe('registration.password_required');
    expect(await outcomeOf(verify({ token, password: otherPassword }))).toBe('registration.wrong_password');
    const verified = await verify({ token, password });
    expect(verified).toMatchObject({ sameBrowser: false, account: { email } });
    expect(verified.signInTicket).toEqual(expect.any(String));
    expect(await outcomeOf(verify({ token, password }))).toBe('token.already_used');
  });

  it('does not let the password be guessed by who found the link', async () => {
    const email = newEmail();
    await register(email);
    const token = test.linkToken(email);
    for (let guess = 0; guess < 5; guess++)
      expect(await outcomeOf(verify({ token, password: `guess ${guess}` }))).toBe('registration.wrong_password');
    expect(await outcomeOf(verify({ token, password: 'guess 6' }))).toBe('login.locked');
    expect(await outcomeOf(verify({ token, password }))).toBe('login.locked');
  });

  it('answers alike for a taken address, and the mail tells its owner', async () => {
    const email = newEmail();
    const first = await register(email);
    await verify({ token: test.linkToken(email), ...first });
    test.takeMails(email);
    const second = await register(email.toUpperCase(), { password: otherPassword, fullName: 'Buy pills at evil.example' });
    expect(Object.keys(second)).toEqual(Object.keys(first));
    expect(second.browserToken).toHaveLength(first.browserToken.length);
    const [mail, ...others] = test.takeMails(email);
    expect(others).toEqual([]);
    expect(mail?.template).toBe('already-registered');
    expect(JSON.stringify(mail)).not.toMatch(/token|pills/);
    expect(await signIn(email, otherPassword)).toBe('login.invalid_credentials');
    expect(await signIn(email, password)).toBe('ok');
  });

  it('puts nothing that was typed into the mail to an address nobody confirmed', async () => {
    const email = newEmail();
    await register(email, { username: 'pills.evil.example', firstName: 'Buy pills', fullName: 'at https://evil.example' });
    expect(JSON.stringify(test.takeMails(email))).not.toMatch(/evil|pills/);
  });

  it('cannot be told apart by signing in with the password that was just registered', async () => {
    const [free, taken] = [newEmail(), newEmail()];
    await verify({ token: await register(taken).then(() => test.linkToken(taken)), password });
    for (const email of [free, taken]) {
      const { browserToken } = await register(email, { password: otherPassword });
      // The registering browser is told to confirm first, whether or not the address was free; every other one that nothing fits.
      expect(await signIn(email, otherPassword, { browserToken })).toBe('login.unverified');
      expect(await signIn(email, 'something else 77', { browserToken })).toBe('login.invalid_credentials');
      expect(await signIn(email, otherPassword)).toBe('login.invalid_credentials');
    }
  });

  it('prepares nothing for who registers a stranger’s address first: their password, names and link die with their attempt', async () => {
    const email = newEmail();
    const attacker = await register(email, { password: otherPassword, username: `eve${number}`, fullName: 'Eve' });
    const attackerToken = test.linkToken(email);
    const owner = await register(email, { fullName: 'Olivia Owner' });
    const verified = await verify({ token: test.linkToken(email), ...owner });
    expect(verified.account).toMatchObject({ fullName: 'Olivia Owner', username: null });
    expect(await signIn(email, otherPassword)).toBe('login.invalid_credentials');
    expect(await signIn(email, otherPassword, attacker)).toBe('login.invalid_credentials');
    expect(await signIn(email, password)).toBe('ok');
    expect(await outcomeOf(verify({ token: attackerToken, ...attacker }))).toBe('token.already_used');
  });

  it('takes over an account that somebody made of the address and never confirmed, and ends what they left in it', async () => {
    const email = newEmail();
    const planted = await test.identity.registration.createAccount({
      email,
      password: otherPassword,
      username: `planted${number}`,
      fullName: 'Eve',
    });
    const plantedLink = test.linkToken(email);
    expect(await signIn(email, otherPassword, { requireVerified: false })).toBe('ok');
    test.ended.length = 0;
    const owner = await register(email, { fullName: 'Olivia Owner' });
    const { account } = await verify({ token: test.linkToken(email), ...owner });
    expect(account).toMatchObject({ id: planted.id, fullName: 'Olivia Owner', username: null });
    expect(test.ended).toEqual([{ accountId: planted.id }]);
    expect(await signIn(email, otherPassword)).toBe('login.invalid_credentials');
    expect(await outcomeOf(verify({ token: plantedLink, password: otherPassword }))).toBe('token.already_used');
  });

  it('is confirmed once, even by 50 requests at the same moment', async () => {
    const email = newEmail();
    const { browserToken } = await register(email);
    const token = test.linkToken(email);
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcomeOf(verify({ token, browserToken }))));
    expect([count(outcomes, 'ok'), count(outcomes, 'token.already_used')]).toEqual([1, 49]);
    expect(await test.db.client.account.count({ where: { email } })).toBe(1);
  });

  it('is confirmed once, even when several links of one address are followed at the same moment', async () => {
    const email = newEmail();
    const attempts = [];
    for (let attempt = 0; attempt < 5; attempt++) attempts.push({ ...(await register(email)), token: test.linkToken(email), password });
    await test.identity.registration.createAccount({ email, password });
    attempts.push({ token: test.linkToken(email), password });
    const outcomes = await Promise.all(attempts.map((attempt) => outcomeOf(verify(attempt))));
    expect([count(outcomes, 'ok'), count(outcomes, 'token.already_used')]).toEqual([1, 5]);
  });

  it('drops a username that was taken since, also in the same moment, rather than refuse the address', async () => {
    const attempts = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      const email = newEmail();
      attempts.push({ ...(await register(email, { username: 'sought.after' })), token: test.linkToken(email) });
    }
    const verified = await Promise.all(attempts.map(verify));
    expect(verified.map(({ account }) => account.username).filter((username) => username !== null)).toEqual(['sought.after']);
  });

  it('tells that a username is taken before anything is kept or mailed', async () => {
    await test.identity.accounts.create({ email: newEmail(), username: 'occupied' });
    const email = newEmail();
    expect(await outcomeOf(register(email, { username: 'Occupied' }))).toBe('accounts.username_taken');
    expect(test.takeMails(email)).toEqual([]);
  });

  it('expires after 24 hours and says so', async () => {
    const email = newEmail();
    const { browserToken } = await register(email);
    const token = test.linkToken(email);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 86_400_000 });
    expect(await test.identity.registration.inspect(token)).toMatchObject({ state: 'expired', email });
    expect(await outcomeOf(verify({ token, browserToken }))).toBe('token.expired');
    expect(await test.identity.registration.inspect('nonsense')).toEqual({ state: 'unknown', sameBrowser: false });
  });

  it('refuses bad input and weak passwords before anything is kept or mailed', async () => {
    const before = await test.db.client.oneTimeToken.count();
    expect(await outcomeOf(register('not an address'))).toBe('accounts.invalid_input');
    expect(await outcomeOf(register(newEmail(), { password: 'short' }))).toBe('passwords.too_short');
    expect(await outcomeOf(register(newEmail(), { password: 'password1' }))).toBe('passwords.too_common');
    expect(await outcomeOf(register('zebedee.quill@example.com', { password: 'zebedee.quill' }))).toBe('passwords.too_weak');
    expect(await outcomeOf(register(newEmail(), { password, fullName: 'x'.repeat(5000) }))).toBe('accounts.invalid_input');
    expect(await test.db.client.oneTimeToken.count()).toBe(before);
  });

  it('makes an account at once for operators and programs, who are told when the address is taken', async () => {
    const email = newEmail();
    const account = await test.identity.registration.createAccount({ email, password, verified: true, roles: ['manager', 'user'] });
    expect(account).toMatchObject({ email, roles: ['manager', 'user'], emailVerifiedAt: expect.any(Date) });
    expect(test.takeMails(email)).toEqual([]);
    expect(await outcomeOf(test.identity.registration.createAccount({ email, password }))).toBe('accounts.email_taken');
    expect(await signIn(email, password)).toBe('ok');
    const unverified = newEmail();
    await test.identity.registration.createAccount({ email: unverified, password });
    expect(await signIn(unverified, password)).toBe('login.unverified');
    expect(await signIn(unverified, 'wrong password 1')).toBe('login.invalid_credentials');
    const { account: confirmed } = await verify({ token: test.linkToken(unverified), password });
    expect(confirmed.emailVerifiedAt).toBeInstanceOf(Date);
    expect(await signIn(unverified, password)).toBe('ok');
  });

  describe('a repeated mail', () => {
    it('carries a new link of the same registration', async () => {
      const email = newEmail();
      const { browserToken } = await register(email, { fullName: 'Ann' });
      const first = test.linkToken(email);
      test.takeMails(email);
      await test.identity.registration.resend({ email, browserToken });
      const second = test.linkToken(email);
      expect(second).not.toBe(first);
      expect((await verify({ token: second, browserToken })).account.fullName).toBe('Ann');
      expect(await outcomeOf(verify({ token: first, browserToken }))).toBe('token.already_used');
    });

    it('is for this browser’s registration, though somebody else tried the address later', async () => {
      const email = newEmail();
      const owner = await register(email, { fullName: 'Olivia Owner' });
      await register(email, { password: otherPassword, fullName: 'Eve' });
      await test.identity.registration.resend({ email, ...owner });
      expect((await verify({ token: test.linkToken(email), ...owner })).account.fullName).toBe('Olivia Owner');
    });

    it('goes to an account that waits for its confirmation, also by username', async () => {
      const email = newEmail();
      await test.identity.registration.createAccount({ email, password, username: 'waiting' });
      test.takeMails(email);
      await test.identity.registration.resend({ email: 'waiting' });
      expect((await verify({ token: test.linkToken(email), password })).account.email).toBe(email);
    });

    it('goes to nobody else, and is answered and written down alike', async () => {
      const confirmed = newEmail();
      await test.identity.registration.createAccount({ email: confirmed, password, verified: true });
      const rowsBefore = await test.db.client.oneTimeToken.count();
      for (const email of [confirmed, newEmail(), 'no address at all', '', 'x'.repeat(10_000), 'nul\0@example.com']) {
        await expect(test.identity.registration.resend({ email })).resolves.toBeUndefined();
        expect(test.takeMails(email)).toEqual([]);
      }
      expect(await test.db.client.oneTimeToken.count()).toBe(rowsBefore + 6);
    });
  });
});

describe.each(databases)('registration limits on %s', (provider) => {
  it('let 3 registrations an hour through from one network, also at the same moment, and say when to come back', async () => {
    const test = await createTestIdentity(provider, { limitRegistrationsPerHour: 3 });
    const attempt = (ip: string, index: number) =>
      outcomeOf(test.identity.registration.register({ email: `limit${ip}${index}@example.com`.replaceAll(':', ''), password, ip }));
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, index) => attempt(`2001:db8:1:1::${index}`, index)));
    expect([count(outcomes, 'ok'), count(outcomes, 'registration.rate_limited')]).toEqual([3, 7]);
    expect(await attempt('2001:db8:1:2::1', 0)).toBe('ok');
    await expect(
      test.identity.registration.register({ email: 'late@example.com', password, ip: '2001:db8:1:1::99' }),
    ).rejects.toMatchObject({ status: 429, retryAfterSeconds: expect.any(Number) });
    const weak = () =>
      outcomeOf(test.identity.registration.register({ email: 'weak@example.com', password: 'aaaaaaaa', ip: '192.0.2.10' }));
    const judged = await Promise.all(Array.from({ length: 70 }, weak));
    expect([count(judged, 'passwords.too_common') + count(judged, 'passwords.too_weak'), count(judged, 'passwords.rate_limited')]).toEqual([
      60, 10,
    ]);
    expect(await outcomeOf(test.identity.registration.register({ email: 'bad', password: 'bad', ip: '192.0.2.9' }))).toBe(
      'accounts.invalid_input',
    );
    for (let index = 0; index < 3; index++) expect(await attempt('192.0.2.9', index)).toBe('ok');
    await test.database.drop();
  });

  it('send one address at most 10 mails an hour, whoever asks from wherever, and tell nobody', async () => {
    const test = await createTestIdentity(provider);
    for (let index = 0; index < 12; index++) {
      await test.identity.registration.register({ email: 'flooded@example.com', password, ip: `192.0.2.${index}` });
    }
    expect(test.takeMails('flooded@example.com')).toHaveLength(10);
    await test.database.drop();
  });
});
