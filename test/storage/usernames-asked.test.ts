import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, makePeople, outcomeOf, type TestIdentity } from '../support/identity.js';
import { times } from '../support/storage.js';

describe.each(databases)('a change of one’s profile (%s)', (provider) => {
  let test: TestIdentity;
  const { make } = makePeople(() => test);
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());

  it('asks for usernames 30 times an hour, for one account wherever from', async () => {
    await make(['user'], { username: 'victim' });
    const { id } = await make();
    let network = 0;
    const ask = () => outcomeOf(test.identity.accounts.updateProfile(id, { username: 'victim' }, { ip: `198.51.100.${++network}` }));
    const outcomes = await Promise.all(times(33, ask));
    expect(outcomes.filter((outcome) => outcome === 'accounts.username_taken')).toHaveLength(30);
    expect(await ask()).toBe('accounts.rate_limited');
    expect(await outcomeOf(test.identity.accounts.updateProfile(id, { fullName: 'Ann' }, { ip: '198.51.100.1' }))).toBe('ok');
  });

  it('that changes nothing writes and notes nothing', async () => {
    const { id, updatedAt } = await make(['user'], { username: 'walker', fullName: 'Wilma' });
    await test.identity.accounts.updateProfile(id, {});
    expect((await test.identity.accounts.updateProfile(id, { username: 'walker', fullName: 'Wilma' })).updatedAt).toEqual(updatedAt);
    expect(await test.db.client.auditEvent.count({ where: { subjectId: id, type: 'account.updated' } })).toBe(0);
  });
});
