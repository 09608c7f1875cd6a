import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor, Permission } from '../../src/identity/index.js';
import { databases } from '../support/database.js';
import { createTestIdentity, makePeople, outcomeOf, type TestIdentity } from '../support/identity.js';

const GOOD_PASSWORD = 'a very good password 7';
let number = 0;

describe.each(databases)('what people may do to accounts (%s)', (provider) => {
  let test: TestIdentity;
  const { make, actor } = makePeople(() => test);
  beforeAll(async () => {
    test = await createTestIdentity(provider);
    await make(['admin', 'user'], { email: 'root@example.com' });
    // An installation's own roles: one that gives roles, one that looks at accounts only.
    for (const [name, given] of Object.entries({ recruiter: ['role:grant', 'user:read'], auditor: ['user:read', 'audit:read'] })) {
      await test.db.client.role.create({
        data: { name, description: '', permissions: { create: given.map((permission) => ({ permission })) } },
      });
    }
  });
  afterAll(() => test.database.drop());

  const NO = 'auth.insufficient_permission';
  const OUTRANKED = 'users.outranked';
  const OWN = 'users.own_account';
  /** By who acts: on a user, on a manager, on an administrator, on themselves. */
  const table: Record<string, Record<string, [user: string, manager: string, admin: string, self: string]>> = {
    user: {
      get: [NO, NO, NO, 'ok'],
      rename: [NO, NO, NO, 'ok'],
      email: [NO, NO, NO, NO],
      verified: [NO, NO, NO, NO],
      disable: [NO, NO, NO, NO],
      enable: [NO, NO, NO, NO],
      unlock: [NO, NO, NO, NO],
      password: [NO, NO, NO, NO],
      roles: [NO, NO, NO, NO],
      readSessions: [NO, NO, NO, 'ok'],
      endSession: [NO, NO, NO, 'ok'],
      endAll: [NO, NO, NO, 'ok'],
      delete: [NO, NO, NO, NO],
    },
    manager: {
      get: ['ok', 'ok', 'ok', 'ok'],
      rename: ['ok', 'ok', OUTRANKED, 'ok'],
      email: ['ok', 'ok', OUTRANKED, OWN],
      verified: ['ok', 'ok', OUTRANKED, OWN],
      disable: ['ok', 'ok', OUTRANKED, OWN],
      enable: ['ok', 'ok', OUTRANKED, 'ok'],
      unlock: ['ok', 'ok', OUTRANKED, 'ok'],
      password: ['ok', 'ok', OUTRANKED, OWN],
      roles: [NO, NO, NO, NO],
      readSessions: ['ok', 'ok', 'ok', 'ok'],
      endSession: ['ok', 'ok', OUTRANKED, 'ok'],
      endAll: ['ok', 'ok', OUTRANKED, 'ok'],
      delete: [NO, NO, NO, NO],
    },
    admin: {
      get: ['ok', 'ok', 'ok', 'ok'],
      rename: ['ok', 'ok', 'ok', 'ok'],
      email: ['ok', 'ok', 'ok', OWN],
      verified: ['ok', 'ok', 'ok', OWN],
      disable: ['ok', 'ok', 'ok', OWN],
      enable: ['ok', 'ok', 'ok', 'ok'],
      unlock: ['ok', 'ok', 'ok', 'ok'],
      password: ['ok', 'ok', 'ok', OWN],
      roles: ['ok', 'ok', 'ok', 'ok'],
      readSessions: ['ok', 'ok', 'ok', 'ok'],
      endSession: ['ok', 'ok', 'ok', 'ok'],
      endAll: ['ok', 'ok', 'ok', 'ok'],
      delete: ['ok', 'ok', 'ok', OWN],
    },
  };

  const act = (action: string, by: Actor, id: string): Promise<unknown> => {
    const { administration } = test.identity;
    const actions: Record<string, () => Promise<unknown>> = {
      get: () => administration.get(by, id),
      rename: () => administration.update(by, id, { firstName: 'New' }),
      email: () => administration.update(by, id, { email: `new${++number}@example.com` }),
      verified: () => administration.update(by, id, { verified: false }),
      disable: () => administration.disable(by, id),
      enable: () => administration.enable(by, id),
      unlock: () => administration.unlock(by, id),
      password: () => administration.setPassword(by, id, GOOD_PASSWORD),
      roles: () => administration.setRoles(by, id, ['user']),
      readSessions: () => administration.requireSessionRight(by, 'read_sessions', id),
      endSession: () => administration.requireSessionRight(by, 'end_session', id),
      endAll: () => administration.endAll(by, id),
      delete: () => administration.delete(by, id),
    };
    return (actions[action] as () => Promise<unknown>)();
  };

  it.each(Object.keys(table))('is what the table says for: %s', async (role) => {
    for (const [action, expected] of Object.entries(table[role] ?? {})) {
      const by = await make([...new Set([role, 'user'])]);
      const targets = [await make(), await make(['manager', 'user']), await make(['admin', 'user']), by];
      const outcomes: string[] = [];
      for (const target of targets) outcomes.push(await outcomeOf(act(action, await actor(by), target.id)));
      expect(outcomes, action).toEqual(expected);
    }
  });

  it('is asked before it is known whether there is such an account', async () => {
    const [user, admin] = [await actor(await make()), await actor(await make(['admin']))];
    for (const action of Object.keys(table.admin ?? {})) {
      for (const id of ['nobody', '', 'a\0', 'x'.repeat(10_000), "' OR 1=1"]) {
        expect(await outcomeOf(act(action, user, id)), action).toBe(NO);
        expect(await outcomeOf(act(action, admin, id)), action).toBe('accounts.not_found');
      }
    }
  });

  it('is less with a key that has less: it changes users, and nobody who holds more than the key', async () => {
    const admin = await make(['admin', 'user']);
    const key: Actor = { accountId: admin.id, permissions: new Set<Permission>(['user:update', 'role:grant']) };
    expect(await outcomeOf(act('rename', key, (await make()).id))).toBe('ok');
    expect(await outcomeOf(act('email', key, (await make(['manager'])).id))).toBe(OUTRANKED);
    expect(await outcomeOf(act('rename', key, admin.id))).toBe(OUTRANKED);
    expect(await outcomeOf(test.identity.administration.setRoles(key, (await make()).id, ['manager']))).toBe(OUTRANKED);
    expect(await outcomeOf(act('get', key, admin.id))).toBe(NO);
  });

  it('never gives more than one has: roles are granted within the own permissions, and taken within them', async () => {
    const { administration } = test.identity;
    const recruiter = await actor(await make(['recruiter', 'user']));
    const target = await make();
    expect(await outcomeOf(administration.setRoles(recruiter, target.id, ['recruiter', 'user']))).toBe('ok');
    expect(await outcomeOf(administration.setRoles(recruiter, target.id, ['user']))).toBe('ok');
    for (const roles of [['admin'], ['manager', 'user'], ['auditor']]) {
      expect(await outcomeOf(administration.setRoles(recruiter, target.id, roles)), roles.join()).toBe(OUTRANKED);
    }
    expect(await outcomeOf(administration.setRoles(recruiter, recruiter.accountId, ['admin']))).toBe(OUTRANKED);
    expect(await outcomeOf(administration.setRoles(recruiter, (await make(['auditor'])).id, ['user']))).toBe(OUTRANKED);
    expect(await outcomeOf(administration.setRoles(recruiter, target.id, ['emperor']))).toBe('roles.unknown');
  });

  it('is to make accounts, with other roles than user only for who may grant them', async () => {
    const { administration } = test.identity;
    const email = () => `made${++number}@example.com`;
    const [user, manager, admin] = [await actor(await make()), await actor(await make(['manager'])), await actor(await make(['admin']))];
    expect(await outcomeOf(administration.create(user, { email: email() }))).toBe(NO);
    expect(await administration.create(manager, { email: email() })).toMatchObject({
      roles: ['user'],
      hasPassword: false,
      emailVerifiedAt: null,
    });
    expect(await outcomeOf(administration.create(manager, { email: email(), roles: ['manager'] }))).toBe(NO);
    const made = await administration.create(admin, {
      email: email(),
      password: GOOD_PASSWORD,
      verified: true,
      roles: ['manager', 'user', 'user'],
    });
    expect(made).toMatchObject({ roles: ['manager', 'user'], hasPassword: true, lockedUntil: null });
    expect(await outcomeOf(administration.create(admin, { email: made.email.toUpperCase() }))).toBe('accounts.email_taken');
    expect(await outcomeOf(administration.create(admin, { email: email(), password: 'short' }))).toBe('passwords.too_short');
    expect(await outcomeOf(administration.create(admin, { email: 'a\0@example.com' }))).toBe('accounts.invalid_input');
    const event = await test.db.client.auditEvent.findFirst({ where: { type: 'account.created', subjectId: made.id } });
    expect(event).toMatchObject({ actorId: admin.accountId, ip: '192.0.2.9', detail: '{"roles":"manager user"}' });
  });

  it('is to list and count only with user:read', async () => {
    const { administration } = test.identity;
    const [user, manager] = [await actor(await make()), await actor(await make(['manager']))];
    for (const call of [administration.list(user), administration.listRoles(user)]) expect(await outcomeOf(call)).toBe(NO);
    expect(() => administration.statistics(user)).toThrow('user:read');
    expect((await administration.list(manager, { limit: 1 })).accounts).toHaveLength(1);
    expect((await administration.listRoles(manager)).map(({ name }) => name)).toEqual(['admin', 'auditor', 'manager', 'recruiter', 'user']);
  });
});
