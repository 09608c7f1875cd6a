import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/identity/index.js';
import { databases } from '../support/database.js';
import { createTestIdentity, makePeople, outcomeOf, type TestIdentity } from '../support/identity.js';

const password = 'lamp river sailboat';

describe.each(databases)('the address a link confirms (%s)', (provider) => {
  let test: TestIdentity;
  let admin: Actor;
  const { make, actor } = makePeople(() => test);
  beforeAll(async () => {
    test = await createTestIdentity(provider);
    admin = await actor(await make(['admin', 'user']));
  });
  afterAll(() => test.database.drop());
  let number = 0;
  const newEmail = () => `linked${++number}@example.com`;
  const createUnconfirmed = (email: string) => test.identity.registration.createAccount({ email, password });
  const verify = (request: object) => test.identity.registration.verify({ token: '', ...request });

  it('is the one it was mailed to: a link that comes late confirms no other address the account has by then', async () => {
    const [old, other] = [newEmail(), newEmail()];
    const { id } = await createUnconfirmed(old);
    const token = test.linkToken(old);
    // A mail that is sent again while an operator changes the address leaves a link like this one: it works, and its address is no more.
    await test.db.client.account.update({ where: { id }, data: { email: other } });
    expect(await outcomeOf(verify({ token, tokenSuffices: true }))).toBe('token.already_used');
    expect(await outcomeOf(verify({ token, password }))).toBe('token.already_used');
    expect(await test.identity.accounts.find(id)).toMatchObject({ email: other, emailVerifiedAt: null });
  });

  it('leaves nothing of who made the account when the token alone confirms it, and everything when the password came with the link', async () => {
    const { identity } = test;
    const make = async () => {
      const account = await createUnconfirmed(newEmail());
      const { key } = await identity.apiKeys.create({ accountId: account.id, name: 'planted', permissions: ['profile:read'] });
      return { ...account, key, token: test.linkToken(account.email) };
    };
    const [told, proved] = [await make(), await make()];
    const { signInTicket } = await verify({ token: told.token, tokenSuffices: true });
    expect(await identity.apiKeys.authenticate(told.key)).toBeNull();
    expect(test.ended.map(({ accountId }) => accountId)).toContain(told.id);
    expect(test.forgotten).toContain(told.id);
    // The sign-in that the confirmation itself gives is a new one.
    const signIn = await identity.signInTickets.consume(signInTicket ?? '');
    expect(signIn?.generation).toBe((await identity.accounts.find(told.id))?.signInGeneration);

    await verify({ token: proved.token, password });
    expect(await identity.apiKeys.authenticate(proved.key)).not.toBeNull();
  });

  it('is never an operator’s new one, whichever of link and change comes first', async () => {
    const accounts = await Promise.all(Array.from({ length: 6 }, async () => createUnconfirmed(newEmail())));
    const owners = await Promise.all(
      accounts.map(({ email }) => test.identity.registration.register({ email, password, ip: '192.0.2.1' })),
    );
    await Promise.all(
      accounts.flatMap(({ id, email }, index) => [
        outcomeOf(verify({ token: test.linkToken(email), browserToken: owners[index]?.browserToken })),
        outcomeOf(test.identity.administration.update(admin, id, { email: `moved.${email}`, verified: false })),
      ]),
    );
    for (const { id, email } of accounts) {
      const now = await test.identity.accounts.find(id);
      if (now?.email !== email) expect(now).toMatchObject({ email: `moved.${email}`, emailVerifiedAt: null });
    }
  });
});
