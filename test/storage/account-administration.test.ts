import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Actor } from '../../src/identity/index.js';
import { databases } from '../support/database.js';
import { createTestIdentity, makePeople, outcomeOf, type TestIdentity } from '../support/identity.js';

const number = 0;

describe.each(databases)('an operator’s change to an account (%s)', (provider) => {
  let test: TestIdentity;
  let admin: Actor;
  const { make, actor } = makePeople(() => test);
  beforeAll(async () => {
    test = await createTestIdentity(provider);
    admin = await actor(await make(['admin', 'user']));
  });
  afterEach(() => void vi.useRealTimers());
  afterAll(() => test.database.drop());
  const update = (id: string, change: object) => test.identity.administration.update(admin, id, change);

  it('of the address tells the old and the new one, ends the links of the old, and confirms only what it says', async () => {
    const { id, email } = await make();
    await test.identity.recovery.request({ email });
    const token = test.linkToken(email);
    test.mails.length = 0;
    const changed = await update(id, { email: 'Somewhere.Else@Example.com', firstName: 'Eve' });
    expect(changed).toMatchObject({ email: 'somewhere.else@example.com', firstName: 'Eve', emailVerifiedAt: null });
    expect(test.mails.map(({ to, template }) => [to, template])).toEqual([
      [email, 'email-replaced'],
      ['somewhere.else@example.com', 'email-set'],
    ]);
    expect(JSON.stringify(test.takeMails(email))).not.toContain('somewhere');
    expect((await test.identity.recovery.inspect(token)).state).toBe('used');
    expect(await update(id, { email, verified: true })).toMatchObject({ email, emailVerifiedAt: expect.any(Date) });
    expect(await update(id, { verified: false })).toMatchObject({ emailVerifiedAt: null });
    const events = await test.db.client.auditEvent.findMany({ where: { subjectId: id, actorId: admin.accountId } });
    expect(events.map(({ type, detail }) => `${type} ${detail}`).sort()).toEqual([
      'account.unverified null',
      'account.updated {"members":"firstName"}',
      'email.set {"verified":false}',
      'email.set {"verified":true}',
    ]);
  });

  it('sends one address at most 5 mails an hour, however often it is given and taken away', async () => {
    const { id } = await make();
    const [one, other] = [`one.${provider}@stranger.example`, `other.${provider}@stranger.example`];
    for (let round = 0; round < 4; round++) for (const email of [one, other]) await update(id, { email });
    expect([test.takeMails(one).length, test.takeMails(other).length]).toEqual([5, 5]);
  });

  it('that repeats what is there changes nothing and tells nobody', async () => {
    const { id, email, emailVerifiedAt, updatedAt } = await make();
    test.mails.length = 0;
    expect(await update(id, { email: email.toUpperCase(), verified: true })).toMatchObject({ email, emailVerifiedAt });
    expect(await update(id, {})).toMatchObject({ email, emailVerifiedAt, updatedAt });
    expect(test.mails).toEqual([]);
  });

  it('is all or nothing: a taken address or username leaves the rest, and the links, as they were', async () => {
    const [first, second] = [await make(['user'], { username: `taken${number}` }), await make()];
    await test.identity.recovery.request({ email: second.email });
    const token = test.linkToken(second.email);
    expect(await outcomeOf(update(second.id, { email: first.email, lastName: 'X' }))).toBe('accounts.email_taken');
    expect(await outcomeOf(update(second.id, { email: `free${number}@example.com`, username: first.username?.toUpperCase() }))).toBe(
      'accounts.username_taken',
    );
    expect(await outcomeOf(update(second.id, { email: 'no address' }))).toBe('accounts.invalid_input');
    expect(await test.identity.accounts.find(second.id)).toMatchObject({ email: second.email, lastName: null });
    expect((await test.identity.recovery.inspect(token)).state).toBe('ok');
  });

  it('of one address to many accounts at once gives it to one', async () => {
    const accounts = await Promise.all(Array.from({ length: 8 }, () => make()));
    const outcomes = await Promise.all(accounts.map(({ id }) => outcomeOf(update(id, { email: `race${provider}@example.com` }))));
    expect(outcomes.sort()).toEqual([...Array(7).fill('accounts.email_taken'), 'ok']);
  });

  it('of its roles replaces them all at once, and says so for each', async () => {
    const { id } = await make(['manager', 'user']);
    expect((await test.identity.administration.setRoles(admin, id, ['user', 'admin', 'admin'])).roles).toEqual(['admin', 'user']);
    const events = await test.db.client.auditEvent.findMany({ where: { subjectId: id } });
    expect(events.map(({ type, detail }) => `${type} ${detail}`).sort()).toEqual([
      'role.granted {"role":"admin"}',
      'role.revoked {"role":"manager"}',
    ]);
    await test.identity.administration.delete(admin, id);
  });

  it('ends a lock, and shows one', async () => {
    const { id, email } = await make();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await outcomeOf(test.identity.login.withPassword({ identifier: email, password: 'wrong', ip: '192.0.2.7' }));
    }
    const { lockedUntil } = await test.identity.administration.get(admin, id);
    expect(lockedUntil?.getTime()).toBeGreaterThan(Date.now() + 14 * 60_000);
    const { accounts } = await test.identity.administration.list(admin, { limit: 200 });
    expect(accounts.filter((account) => account.lockedUntil !== null).map((account) => account.id)).toEqual([id]);
    expect((await test.identity.administration.unlock(admin, id)).lockedUntil).toBeNull();
  });
});

describe.each(databases)('the last administrators (%s)', (provider) => {
  it('who demote, disable and delete each other at the same moment leave one', async () => {
    const test = await createTestIdentity(provider);
    const { make, actor } = makePeople(() => test);
    try {
      for (let round = 0; round < 4; round += 1) {
        await test.db.client.account.deleteMany();
        const [one, other] = [await make(['admin', 'user']), await make(['admin', 'user'])];
        const [first, second] = [test.identity.administration, test.second().administration];
        const [byOne, byOther] = [await actor(one), await actor(other)];
        const outcomes = await Promise.all([
          outcomeOf(first.setRoles(byOne, other.id, ['user'])),
          outcomeOf(
            round === 0
              ? second.setRoles(byOther, one.id, ['user'])
              : round === 1
                ? second.disable(byOther, one.id)
                : second.delete(byOther, one.id),
          ),
          outcomeOf(first.setRoles(byOther, other.id, ['user'])),
        ]);
        expect(outcomes).toContain('roles.last_admin');
        expect(await test.db.client.accountRole.count({ where: { roleName: 'admin', account: { status: 'active' } } })).toBe(1);
      }
    } finally {
      await test.database.drop();
    }
  });
});

describe.each(databases)('statistics of accounts (%s)', (provider) => {
  afterEach(() => void vi.useRealTimers());

  it('count everybody once, over more than one window, and are kept for a minute', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-06-30T12:00:00Z') });
    const test = await createTestIdentity(provider);
    try {
      const { make, actor } = makePeople(() => test);
      const admin = await actor(await make(['admin', 'user']));
      const rows = 10_500;
      const series =
        provider === 'sqlite'
          ? `WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${rows})`
          : `WITH series AS (SELECT generate_series(1, ${rows}) AS n)`;
      const day = (ago: number) =>
        `'${new Date(Date.now() - ago * 86_400_000).toISOString().replace('Z', provider === 'sqlite' ? '+00:00' : '')}'`;
      const created = `CASE WHEN n <= 10 THEN ${day(0.5)} WHEN n <= 30 THEN ${day(5)} WHEN n <= 60 THEN ${day(20)} ELSE ${day(100)} END`;
      const time = provider === 'sqlite' ? created : `(${created})::timestamp`;
      await test.db.client.$executeRawUnsafe(`INSERT INTO accounts (id, email, status, email_verified_at, created_at, updated_at) ${series}
        SELECT 'x' || n, 'x' || n || '@example.com', CASE WHEN n <= 7 THEN 'disabled' ELSE 'active' END,
          CASE WHEN n <= 100 THEN NULL ELSE ${time} END, ${time}, ${time} FROM series`);
      const granted = provider === 'sqlite' ? day(0) : `${day(0)}::timestamp`;
      await test.db.client.$executeRawUnsafe(
        `INSERT INTO account_roles (account_id, role_name, granted_at) ${series} SELECT 'x' || n, 'user', ${granted} FROM series`,
      );
      for (let attempt = 0; attempt < 5; attempt += 1) {
        await outcomeOf(test.identity.login.withPassword({ identifier: 'x9@example.com', password: 'wrong', ip: '192.0.2.7' }));
        await outcomeOf(test.identity.login.withPassword({ identifier: 'stranger@example.com', password: 'wrong', ip: '192.0.2.7' }));
      }
      await vi.waitFor(async () => expect(await test.db.client.auditEvent.count({ where: { type: 'account.locked' } })).toBe(1), 10_000);
      const { administration } = test.identity;
      const [first, same] = await Promise.all([administration.statistics(admin), administration.statistics(admin)]);
      expect(first).toEqual({
        total: rows + 1,
        active: rows + 1 - 7,
        disabled: 7,
        unverified: 100,
        byRole: { admin: 1, manager: 0, user: rows + 1 },
        created: { lastDay: 11, lastWeek: 31, lastMonth: 61 },
        locked: 1,
        sessions: { browser: 2, api: 1 },
        countedAt: new Date(),
      });
      expect(same).toBe(first);
      await make();
      vi.setSystemTime(Date.now() + 59_000);
      expect((await administration.statistics(admin)).total).toBe(rows + 1);
      vi.setSystemTime(Date.now() + 2000);
      expect((await administration.statistics(admin)).total).toBe(rows + 2);
      vi.setSystemTime(Date.now() + 20 * 60_000);
      expect((await administration.statistics(admin)).locked).toBe(0);
    } finally {
      await test.database.drop();
    }
  });
});
