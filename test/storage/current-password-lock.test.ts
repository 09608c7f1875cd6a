import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, makePeople, outcomeOf, type TestIdentity } from '../support/identity.js';

const password = 'lamp river sailboat';
const newPassword = 'copper violin tuesday';

describe.each(databases)('the lock of the current password (%s)', (provider) => {
  let test: TestIdentity;
  const { make, actor } = makePeople(() => test);
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());
  const change = (accountId: string, currentPassword: string) =>
    outcomeOf(test.identity.passwordChange.change({ accountId, currentPassword, newPassword: 'wooden planet orchestra' }));
  async function makeLocked() {
    const person = await make(['user'], { passwordHash: await test.identity.passwords.hash(password) });
    for (let guess = 0; guess < 5; guess++) await change(person.id, `guess ${guess}`);
    expect(await change(person.id, password)).toBe('login.locked');
    return person;
  }

  it('opens when its owner resets the password', async () => {
    const { id, email } = await makeLocked();
    await test.identity.recovery.request({ email });
    await test.identity.recovery.reset({ token: test.linkToken(email), newPassword });
    expect(await change(id, newPassword)).toBe('ok');
  });

  it('opens when an operator unlocks the account, or sets its password', async () => {
    const [first, second, third] = [await makeLocked(), await makeLocked(), await makeLocked()];
    const admin = await actor(await make(['admin', 'user']));
    await test.identity.administration.unlock(admin, first.id);
    expect(await change(first.id, password)).toBe('ok');
    await test.identity.login.unlock(second.id);
    expect(await change(second.id, password)).toBe('ok');
    await test.identity.administration.setPassword(admin, third.id, newPassword);
    expect(await change(third.id, newPassword)).toBe('ok');
  });
});
