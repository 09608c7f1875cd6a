import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPurge } from '../../src/oidc/adapter/index.js';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';
import { times } from '../support/storage.js';

const password = 'lamp river sailboat';
const day = 24 * 3_600_000;

describe.each(databases)('where programs without cookies sign in from, on %s', (provider) => {
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
    return test.identity.registration.createAccount({ email, password, verified: true, ...more });
  }
  const login = (email: string, more: object = {}, identity = test.identity) =>
    identity.login.withPassword({ identifier: email, password, ip: '192.0.2.1', userAgent: 'backup/1.0', ...more });
  const mails = (email: string) => test.takeMails(email).length;
  const devices = (accountId: string) => test.db.client.signInDevice.findMany({ where: { accountId } });

  it('is told to the owner once, not each time', async () => {
    const { email } = await createPerson();
    await login(email, { userAgent: 'first' });
    expect(mails(email)).toBe(0);
    for (const _ of times(3, String)) await login(email);
    expect(mails(email)).toBe(1);
    // Another program, and another network, are new; another address of the same IPv6 network is not.
    await login(email, { userAgent: 'backup/2.0' });
    await login(email, { ip: '2001:db8:1:2::1' });
    await login(email, { ip: '2001:db8:1:2:ffff::9' });
    await login(email, { userAgent: undefined });
    await login(email, { userAgent: undefined });
    expect(mails(email)).toBe(3);
  });

  it('is told once by two sign-ins at the same moment', async () => {
    const { email } = await createPerson();
    await login(email, { userAgent: 'first' });
    const second = test.second();
    await Promise.all(times(6, (index) => login(email, {}, index % 2 ? second : test.identity)));
    expect(mails(email)).toBe(1);
  });

  it('is known for 90 days after the last sign-in, and then told again: an old account has no first sign-in', async () => {
    const { id, email } = await createPerson();
    const start = Date.now();
    moveTo(start);
    await login(email);
    moveTo(start + 80 * day);
    await login(email);
    moveTo(start + 170 * day - 1);
    await login(email);
    expect(mails(email)).toBe(0);
    moveTo(start + 260 * day);
    await login(email);
    expect(mails(email)).toBe(1);
    moveTo(start + 400 * day);
    await test.db.client.signInDevice.deleteMany({ where: { accountId: id } });
    await login(email);
    expect(mails(email)).toBe(1);
  });

  it('counts a confirmation in the browser as the first sign-in, so that the next device is told', async () => {
    const email = `person${++number}@example.com`;
    const { browserToken } = await test.identity.registration.register({ email, password, ip: '192.0.2.1' });
    await test.identity.registration.verify({ token: test.linkToken(email), browserToken, ip: '192.0.2.1', userAgent: 'Firefox' });
    test.takeMails(email);
    await login(email, { userAgent: 'Firefox' });
    expect(mails(email)).toBe(0);
    await login(email, { userAgent: 'somebody else' });
    expect(mails(email)).toBe(1);
  });

  it('is new again after a new password, as it is for the cookie', async () => {
    const { id, email } = await createPerson();
    await login(email);
    await login(email);
    await test.identity.passwordChange.set({ accountId: id, newPassword: 'copper violin tuesday' });
    test.takeMails(email);
    await login(email, { password: 'copper violin tuesday' });
    expect(mails(email)).toBe(1);
  });

  it('opens no lock: anybody can send the same user agent', async () => {
    const { email } = await createPerson();
    await login(email);
    for (const index of times(5, (each) => each)) await outcomeOf(login(email, { password: `wrong ${index}`, ip: '203.0.113.9' }));
    expect(await outcomeOf(login(email))).toBe('login.locked');
  });

  it('is remembered for the 20 last devices, without telling what they are', async () => {
    const { id, email } = await createPerson();
    const start = Date.now();
    for (const index of times(23, (each) => each)) {
      moveTo(start + index * 1000);
      await login(email, { userAgent: `agent ${index}` });
    }
    expect(mails(email)).toBe(22);
    const rows = await devices(id);
    expect(rows).toHaveLength(20);
    expect(JSON.stringify(rows)).not.toMatch(/agent|192\.0/);
    moveTo(start + 60_000);
    await login(email, { userAgent: 'agent 3' });
    expect(mails(email)).toBe(0);
    await login(email, { userAgent: 'agent 0' });
    expect(mails(email)).toBe(1);
    await Promise.all(times(8, (index) => login(email, { userAgent: `parallel ${index}` })));
    expect(await devices(id)).toHaveLength(20);
  });

  it('is forgotten by the purge once it has expired, in batches, and nothing else is', async () => {
    const people = [];
    const start = Date.now();
    moveTo(start);
    for (const _ of times(3, String)) people.push(await createPerson());
    for (const { email } of people) for (const userAgent of ['a', 'b']) await login(email, { userAgent });
    moveTo(start + 60 * day);
    const [kept] = people;
    await login(kept?.email ?? '', { userAgent: 'b' });
    moveTo(start + 90 * day + 1);
    const before = await test.db.client.signInDevice.count();
    const { sign_in_devices: purged } = await createPurge({ db: test.db, batchSize: 2 }).run();
    expect(purged).toBe(before - (await test.db.client.signInDevice.count()));
    const left = await Promise.all(people.map(async ({ id }) => (await devices(id)).length));
    expect(left).toEqual([1, 0, 0]);
    moveTo(start + 200 * day);
    await createPurge({ db: test.db, batchSize: 2 }).run();
    expect(await test.db.client.signInDevice.count({ where: { expiresAt: { lt: new Date(start + 200 * day) } } })).toBe(0);
  });

  it('goes with its account', async () => {
    const { id, email } = await createPerson();
    await login(email);
    await test.identity.accounts.delete(id);
    expect(await devices(id)).toEqual([]);
  });
});
