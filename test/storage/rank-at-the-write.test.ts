import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/identity/index.js';
import { databases } from '../support/database.js';
import { createTestIdentity, makePeople, outcomeOf, type TestIdentity } from '../support/identity.js';

const newPassword = 'copper violin tuesday';

describe.each(databases)('the rank of an account (%s)', (provider) => {
  let test: TestIdentity;
  let manager: Actor;
  const { make, actor } = makePeople(() => test);
  beforeAll(async () => {
    test = await createTestIdentity(provider);
    await make(['admin', 'user']);
    // May do what there is to do to accounts, and not what an administrator may besides.
    const { permissions, ...who } = await actor(await make(['manager', 'user']));
    manager = { ...who, permissions: new Set([...permissions, 'user:update', 'user:delete']) };
  });
  afterAll(() => test.database.drop());

  it('is judged again when a password is written: who became an administrator while it was hashed keeps theirs', async () => {
    const { id } = await make();
    const { passwords, roles, administration } = test.identity;
    const { hash } = passwords;
    passwords.hash = async (password) => {
      await roles.grant(id, 'admin');
      return hash(password);
    };
    try {
      expect(await outcomeOf(administration.setPassword(manager, id, newPassword))).toBe('users.outranked');
    } finally {
      passwords.hash = hash;
    }
    expect((await test.identity.accounts.find(id))?.hasPassword).toBe(false);
  });

  it('is that of the moment of every change, however close an appointment comes', async () => {
    const { administration, roles } = test.identity;
    const changes: ((id: string) => Promise<unknown>)[] = [
      (id) => administration.update(manager, id, { email: `taken.${id}@example.com` }),
      (id) => administration.disable(manager, id),
      (id) => administration.delete(manager, id),
    ];
    for (const change of changes) {
      const { id } = await make();
      const granted = outcomeOf(roles.grant(id, 'admin'));
      const outcome = await outcomeOf(change(id));
      expect(['ok', 'users.outranked', 'roles.last_admin']).toContain(outcome);
      await granted;
      const kept = { status: 'active', email: expect.not.stringContaining('taken') };
      if (outcome !== 'ok') expect(await test.identity.accounts.find(id)).toMatchObject(kept);
    }
  });
});
