import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';

describe.each(databases)('accounts on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());
  let number = 0;
  const create = (input: object = {}) => test.identity.accounts.create({ email: `person${++number}@example.com`, ...input });
  const count = (outcomes: string[], outcome: string) => outcomes.filter((each) => each === outcome).length;

  it('hold an address once, whatever its case and the spelling of its domain', async () => {
    const account = await create({ email: '  Jane.Doe@MÜLLER.example ' });
    expect(account.email).toBe('jane.doe@xn--mller-kva.example');
    expect(await outcomeOf(create({ email: 'JANE.DOE@xn--mller-kva.EXAMPLE' }))).toBe('accounts.email_taken');
    expect((await test.identity.accounts.findByEmail('Jane.Doe@müller.example'))?.id).toBe(account.id);
  });

  it('hold a username once, whatever its case and width, and it is as good as the address', async () => {
    const account = await create({ username: 'Zoë.Żółw' });
    expect(account.username).toBe('Zoë.Żółw');
    expect(await outcomeOf(create({ username: 'ZOE\u0308.ŻÓŁW' }))).toBe('accounts.username_taken');
    await create({ username: 'plain' });
    expect(await outcomeOf(create({ username: 'ｐｌａｉｎ' }))).toBe('accounts.username_taken');
    expect((await test.identity.accounts.findByIdentifier(' zoë.żółw '))?.id).toBe(account.id);
    expect((await test.identity.accounts.findByIdentifier(account.email.toUpperCase()))?.id).toBe(account.id);
  });

  it('hold an address or username once, even when 20 ask at the same moment', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(create({ email: 'race@example.com' }))));
    expect([count(outcomes, 'ok'), count(outcomes, 'accounts.email_taken')]).toEqual([1, 19]);
    const names = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(create({ username: 'race' }))));
    expect([count(names, 'ok'), count(names, 'accounts.username_taken')]).toEqual([1, 19]);
  });

  it.each([
    '',
    'jane',
    'jane@',
    '@example.com',
    'jane@exa mple.com',
    'jane@example.com\r\nBcc: x@example.com',
    'jane@example.com,joe@example.com',
    'Jane <jane@example.com>',
    'jane\0@example.com',
    '\u212Aate@example.com',

    `${'a'.repeat(250)}@example.com`,
    'jane@@example.com',
    '"jane"@example.com',
    'ja\u200bne@example.com',
  ])('refuse the address %j', async (email) => {
    await expect(create({ email })).rejects.toMatchObject({ code: 'accounts.invalid_input', status: 422, details: [{ path: 'email' }] });
  });

  it.each([
    'a',
    'jane@home',
    'has space',
    '-dash',
    '.dot',
    'semi;colon',
    'x'.repeat(33),
    'admin\u202e',
    'new\nline',
    'nul\0',
    '<b>',
    'аdmin',
  ])('refuse the username %j', async (username) => {
    await expect(create({ username })).rejects.toMatchObject({ code: 'accounts.invalid_input', details: [{ path: 'username' }] });
  });

  it.each(['张伟', 'Łukasz_K', 'müller-9', 'अमित', 'Дмитрий', 'x_1', '日本.太郎'])('take the username %j', async (username) => {
    expect((await create({ username })).username).toBe(username.normalize('NFC'));
  });

  it('take names of any script, trim them, and refuse what breaks a line or turns its direction', async () => {
    const account = await create({ firstName: ' José ', lastName: 'محمد‌ی', fullName: "Seán O'Brien 🐈" });
    expect(account).toMatchObject({ firstName: 'José', lastName: 'محمد‌ی', fullName: "Seán O'Brien 🐈" });
    for (const fullName of ['a\r\nBcc: x', 'a\u202eb', 'a\0b', 'x'.repeat(201)]) {
      await expect(create({ fullName })).rejects.toMatchObject({ code: 'accounts.invalid_input', details: [{ path: 'fullName' }] });
    }
    await expect(create({ email: 'no', username: '@', firstName: '\n\u0007' })).rejects.toMatchObject({
      details: [{ path: 'email' }, { path: 'username' }, { path: 'firstName' }].map((detail) => expect.objectContaining(detail)),
    });
  });

  it('get the role user, looked up by name', async () => {
    expect((await create()).roles).toEqual(['user']);
    expect(await test.identity.roles.permissionsOf((await create()).id)).toEqual(['profile:read', 'profile:update']);
  });

  it('change what is given and leave the rest', async () => {
    const { id } = await create({ username: 'before', firstName: 'Ann', lastName: 'Lee' });
    const changed = await test.identity.accounts.updateProfile(id, { username: 'after', firstName: '' });
    expect(changed).toMatchObject({ username: 'after', firstName: null, lastName: 'Lee' });
    expect(await test.identity.accounts.findByIdentifier('before')).toBeNull();
    expect((await test.identity.accounts.findByIdentifier('AFTER'))?.id).toBe(id);
    await create({ username: 'occupied' });
    expect(await outcomeOf(test.identity.accounts.updateProfile(id, { username: 'Occupied' }))).toBe('accounts.username_taken');
    expect(await outcomeOf(test.identity.accounts.updateProfile('nobody', {}))).toBe('accounts.not_found');
    expect((await test.identity.accounts.updateProfile(id, { username: null })).username).toBeNull();
  });

  it('end every session when they are disabled or deleted', async () => {
    const { id } = await create();
    test.ended.length = 0;
    expect((await test.identity.accounts.disable(id)).status).toBe('disabled');
    expect((await test.identity.accounts.enable(id)).status).toBe('active');
    await test.identity.accounts.delete(id);
    expect(test.ended).toEqual([{ accountId: id }, { accountId: id }]);
    expect(await test.identity.accounts.find(id)).toBeNull();
    expect(await outcomeOf(test.identity.accounts.delete(id))).toBe('accounts.not_found');
    expect(await outcomeOf(test.identity.accounts.disable(id))).toBe('accounts.not_found');
  });

  it('are listed page by page, each once, also while others are made', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await test.identity.accounts.list({ limit: 7, cursor });
      expect(page.accounts.length).toBeLessThanOrEqual(7);
      seen.push(...page.accounts.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(await test.db.client.account.count());
    for (const wrong of ['x', '', Buffer.from("1 ' OR 1=1").toString('base64url'), '%%%']) {
      expect(await outcomeOf(test.identity.accounts.list({ cursor: wrong }))).toBe('accounts.invalid_cursor');
    }
  });

  it('never leave the service with their password hash', async () => {
    const account = await create({ passwordHash: '$argon2id$secret' });
    expect(JSON.stringify([account, await test.identity.accounts.find(account.id)])).not.toContain('argon2id');
    expect(account.hasPassword).toBe(true);
  });
});

describe.each(databases)('roles on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());
  let number = 0;
  const create = (roles?: string[]) => test.identity.accounts.create({ email: `role${++number}@example.com`, ...(roles ? { roles } : {}) });

  it('are seeded as often as one likes, by two processes at once, and keep what an operator added', async () => {
    await test.db.client.rolePermission.create({ data: { roleName: 'manager', permission: 'system:monitor' } });
    await test.db.client.rolePermission.delete({ where: { roleName_permission: { roleName: 'user', permission: 'profile:update' } } });
    await Promise.all([test.identity.roles.seed(), test.second().roles.seed()]);
    const roles = await test.identity.roles.list();
    expect(roles.map(({ name }) => name)).toEqual(['admin', 'manager', 'user']);
    expect(roles[1]?.permissions).toContain('system:monitor');
    expect(roles[2]?.permissions).toEqual(['profile:read', 'profile:update']);
  });

  it('are given and taken, and say so in the audit log', async () => {
    const { id } = await create();
    await test.identity.roles.grant(id, 'manager', { actorId: 'operator' });
    await test.identity.roles.grant(id, 'manager');
    expect((await test.identity.accounts.find(id))?.roles).toEqual(['manager', 'user']);
    expect(await test.identity.roles.permissionsOf(id)).toContain('user:read');
    await test.identity.roles.revoke(id, 'manager');
    expect((await test.identity.accounts.find(id))?.roles).toEqual(['user']);
    const events = await test.db.client.auditEvent.findMany({ where: { subjectId: id }, orderBy: { occurredAt: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['role.granted', 'role.revoked']);
    expect(events[0]).toMatchObject({ actorId: 'operator', detail: '{"role":"manager"}' });
    expect(await outcomeOf(test.identity.roles.grant(id, 'emperor'))).toBe('roles.unknown');
    expect(await outcomeOf(test.identity.roles.grant('nobody', 'user'))).toBe('accounts.not_found');
  });

  it('always leave one administrator who can sign in, even when all are removed at the same moment', async () => {
    const admins = await Promise.all(Array.from({ length: 4 }, () => create(['admin', 'user'])));
    const [first, second, third, fourth] = admins.map(({ id }) => id) as [string, string, string, string];
    const outcomes = await Promise.all([
      outcomeOf(test.identity.roles.revoke(first, 'admin')),
      outcomeOf(test.identity.accounts.disable(second)),
      outcomeOf(test.identity.accounts.delete(third)),
      outcomeOf(test.second().roles.revoke(fourth, 'admin')),
    ]);
    expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === 'roles.last_admin')).toHaveLength(1);
    const left = await test.db.client.accountRole.count({ where: { roleName: 'admin', account: { status: 'active' } } });
    expect(left).toBe(1);
  });
});
