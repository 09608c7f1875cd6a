import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, makePeople, outcomeOf, type TestIdentity } from '../support/identity.js';
import { times } from '../support/storage.js';

const password = 'lamp river sailboat';
const count = (outcomes: string[], outcome: string) => outcomes.filter((each) => each === outcome).length;
const LIMITED = 'passwords.rate_limited';
const WEAK = 'passwords.too_weak';
/** per account; a network has 60 */
const ALLOWED = 20;

describe.each(databases)('judging new passwords on %s', (provider) => {
  let test: TestIdentity;
  const { make, actor } = makePeople(() => test);
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());
  let networks = 0;
  const newNetwork = () => `198.51.100.${++networks}`;
  const makePerson = async () => make(['user'], { passwordHash: await test.identity.passwords.hash(password) });
  const change = (accountId: string, ip: string) =>
    outcomeOf(test.identity.passwordChange.change({ accountId, currentPassword: password, newPassword: 'zzzzzzzzzz', ip }));

  it('is limited for one account, wherever from, at the change and at the reset, and nobody else is kept from theirs', async () => {
    const [person, other] = [await makePerson(), await makePerson()];
    const outcomes = await Promise.all(times(ALLOWED + 4, () => change(person.id, newNetwork())));
    expect([count(outcomes, WEAK), count(outcomes, LIMITED)]).toEqual([ALLOWED, 4]);
    await test.identity.recovery.request({ email: person.email });
    const token = test.linkToken(person.email);
    expect(await outcomeOf(test.identity.recovery.reset({ token, newPassword: 'copper violin tuesday', ip: newNetwork() }))).toBe(LIMITED);
    expect((await test.identity.recovery.inspect(token)).state).toBe('ok');
    expect(await change(other.id, newNetwork())).toBe(WEAK);
  });

  it('is limited for one network, whichever way it asks', async () => {
    const ip = newNetwork();
    const people = await Promise.all(times(3, makePerson));
    for (const { id } of people) await Promise.all(times(ALLOWED, () => change(id, ip)));
    const register = (from: string) =>
      outcomeOf(test.identity.registration.register({ email: `new${networks}@example.com`, password: 'zzzzzzzzzz', ip: from }));
    expect(await change((await makePerson()).id, ip)).toBe(LIMITED);
    expect(await register(ip)).toBe(LIMITED);
    expect(await register(newNetwork())).toBe(WEAK);
  });

  it('is limited for who sets it for others, and not at the command line', async () => {
    const [admin, person] = [await actor(await make(['admin', 'user'])), await make()];
    const set = (by: object) => outcomeOf(test.identity.passwordChange.set({ accountId: person.id, newPassword: 'zzzzzzzzzz', ...by }));
    const outcomes = await Promise.all(times(ALLOWED + 1, () => set({ actorId: admin.accountId, ip: newNetwork() })));
    expect(count(outcomes, LIMITED)).toBe(1);
    expect(await set({})).toBe(WEAK);
  });
});
