import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';
import { allText, times } from '../support/storage.js';

const password = 'lamp river sailboat';
const newPassword = 'copper violin tuesday';
const minute = 60_000;
const count = (outcomes: string[], outcome: string) => outcomes.filter((each) => each === outcome).length;

describe.each(databases)('API keys on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());
  afterEach(() => vi.useRealTimers());
  const moveTo = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: ms });
  let number = 0;
  const createPerson = (more: object = {}) =>
    test.identity.registration.createAccount({ email: `person${++number}@example.com`, password, verified: true, ...more });
  const make = (accountId: string, more: object = {}) =>
    test.identity.apiKeys.create({ accountId, name: 'Backup', permissions: ['profile:read'], ...more });
  const { parse } = JSON;

  it('are told once, looked up by their hash, and listed by how they begin, newest first', async () => {
    const { id } = await createPerson();
    const start = Date.now();
    const first = await make(id);
    moveTo(start + 1000);
    const second = await make(id, { name: '  Nächtliche Sicherung ', permissions: ['profile:update', 'profile:read', 'profile:read'] });
    expect(first.key).toMatch(/^lk_[0-9a-f]{8}_[\w-]{43}$/);
    expect(first.key.startsWith(`${first.apiKey.prefix}_`)).toBe(true);
    expect(second.apiKey).toMatchObject({ name: 'Nächtliche Sicherung', permissions: ['profile:read', 'profile:update'], expiresAt: null });
    expect(await test.identity.apiKeys.list(id)).toEqual([second.apiKey, first.apiKey]);
    const rows = JSON.stringify(await test.db.client.apiKey.findMany());
    expect(rows + (await allText(test.db))).not.toContain(first.key.slice(12));
  });

  it('stand for their owner, with the permissions that key and owner share at that moment', async () => {
    const { id } = await createPerson({ roles: ['user', 'manager'] });
    const { key, apiKey } = await make(id, { permissions: ['profile:read', 'user:read', 'audit:read'] });
    const held = async () => [...((await test.identity.apiKeys.authenticate(key))?.permissions ?? [])].sort();
    expect(await test.identity.apiKeys.authenticate(key)).toMatchObject({ accountId: id, keyId: apiKey.id });
    expect(await held()).toEqual(['audit:read', 'profile:read', 'user:read']);
    await test.identity.roles.revoke(id, 'manager');
    expect(await held()).toEqual(['profile:read']);
    await test.identity.roles.grant(id, 'admin');
    expect(await held()).toEqual(['audit:read', 'profile:read', 'user:read']);
  });

  it('are never given a permission that their owner has not, or that there is not', async () => {
    const { id } = await createPerson();
    for (const permissions of [['user:read'], ['profile:read', 'user:delete'], ['everything'], ['profile:read '], ['']]) {
      const call = make(id, { permissions });
      await expect(call).rejects.toMatchObject({ code: 'api_keys.permission_not_held', status: 422, details: [{ path: 'permissions' }] });
    }
    expect(await outcomeOf(make('nobody'))).toBe('api_keys.permission_not_held');
  });

  it('have a name of 1 to 100 characters, a permission, and an end in the future or none', async () => {
    const { id } = await createPerson();
    const refused: [object, string][] = [
      [{ name: '' }, 'name'],
      [{ name: ' \t ' }, 'name'],
      [{ name: 'x'.repeat(101) }, 'name'],
      [{ name: 'a\0b' }, 'name'],
      [{ name: '\ud800' }, 'name'],
      [{ name: 'a\u202eb' }, 'name'],
      [{ name: undefined }, 'name'],
      [{ name: ['x'] }, 'name'],
      [{ permissions: [] }, 'permissions'],
      [{ permissions: times(101, String) }, 'permissions'],
      [{ permissions: 'profile:read' }, 'permissions'],
      [{ permissions: [1] }, 'permissions'],
      [{ expiresAt: new Date(Date.now() - 1) }, 'expiresAt'],
      [{ expiresAt: new Date(Number.NaN) }, 'expiresAt'],
      [{ expiresAt: new Date(8.64e15) }, 'expiresAt'],
      [{ expiresAt: 'tomorrow' }, 'expiresAt'],
    ];
    for (const [more, path] of refused) {
      await expect(make(id, more), JSON.stringify(more)).rejects.toMatchObject({
        code: 'api_keys.invalid_input',
        status: 422,
        details: [{ path }],
      });
    }
    expect((await make(id, { name: '鍵'.repeat(100) })).apiKey.name).toHaveLength(100);
    expect(await test.identity.apiKeys.list(id)).toHaveLength(1);
  });

  it('are at most 50 living ones of an account, also when they are made at the same moment', async () => {
    const { id } = await createPerson();
    const second = test.second();
    for (const batch of times(5, (index) => index)) {
      const outcomes = await Promise.all(
        times(batch === 4 ? 14 : 10, (index) =>
          outcomeOf(
            (index % 2 ? second : test.identity).apiKeys.create({
              accountId: id,
              name: `${batch} ${index}`,
              permissions: ['profile:read'],
            }),
          ),
        ),
      );
      expect([count(outcomes, 'ok'), count(outcomes, 'api_keys.too_many')]).toEqual([10, batch === 4 ? 4 : 0]);
    }
    const keys = await test.identity.apiKeys.list(id);
    expect(keys).toHaveLength(50);
    await expect(make(id)).rejects.toMatchObject({ code: 'api_keys.too_many', status: 409 });
    await test.identity.apiKeys.revoke(keys[0]?.id ?? '', { accountId: id });
    expect(await outcomeOf(make(id))).toBe('ok');
    // What was revoked is gone with the next one that is made: the table stays bounded.
    expect(await test.db.client.apiKey.count({ where: { accountId: id } })).toBe(50);
  });

  it('are dead the moment they are revoked, and only their owner revokes them', async () => {
    const [owner, other] = [await createPerson(), await createPerson()];
    const { key, apiKey } = await make(owner.id);
    for (const [id, accountId] of [
      [apiKey.id, other.id],
      ['unknown', owner.id],
      ['nul\0', owner.id],
    ] as const) {
      await expect(test.identity.apiKeys.revoke(id, { accountId })).rejects.toMatchObject({ code: 'api_keys.not_found', status: 404 });
    }
    expect(await test.identity.apiKeys.authenticate(key)).not.toBeNull();
    const outcomes = await Promise.all(times(3, () => outcomeOf(test.identity.apiKeys.revoke(apiKey.id, { accountId: owner.id }))));
    expect([count(outcomes, 'ok'), count(outcomes, 'api_keys.not_found')]).toEqual([1, 2]);
    expect(await test.identity.apiKeys.authenticate(key)).toBeNull();
    expect(await test.identity.apiKeys.list(owner.id)).toEqual([]);
  });

  it('are dead when they expire, and when their owner is disabled or deleted', async () => {
    const { id } = await createPerson();
    const start = Date.now();
    moveTo(start);
    const short = await make(id, { expiresAt: new Date(start + minute) });
    const long = await make(id);
    moveTo(start + minute - 1);
    expect(await test.identity.apiKeys.authenticate(short.key)).not.toBeNull();
    moveTo(start + minute);
    expect(await test.identity.apiKeys.authenticate(short.key)).toBeNull();
    expect(await test.identity.apiKeys.countLiving(id)).toBe(1);
    // The status alone decides, whatever became of the rest.
    await test.db.client.account.update({ where: { id }, data: { status: 'disabled' } });
    expect(await test.identity.apiKeys.authenticate(long.key)).toBeNull();
    await test.db.client.account.update({ where: { id }, data: { status: 'active' } });
    expect(await test.identity.apiKeys.authenticate(long.key)).not.toBeNull();
    await test.identity.apiKeys.flush();
    await test.identity.accounts.delete(id);
    expect(await test.identity.apiKeys.authenticate(long.key)).toBeNull();
    expect(await test.db.client.apiKey.count({ where: { accountId: id } })).toBe(0);
  });

  it('do not come back when a disabled owner is enabled again, and a disabled owner makes none', async () => {
    const { id } = await createPerson();
    const { key } = await make(id);
    await test.identity.accounts.disable(id);
    expect(await outcomeOf(make(id))).toBe('login.superseded');
    await test.identity.accounts.enable(id);
    expect(await test.identity.apiKeys.authenticate(key)).toBeNull();
    expect(await outcomeOf(make(id))).toBe('ok');
  });

  it('that are not taken are counted by their reason, and nothing is written', async () => {
    const { id } = await createPerson();
    const { key, apiKey } = await make(id);
    await test.identity.apiKeys.revoke(apiKey.id, { accountId: id });
    const events = await test.db.client.auditEvent.count();
    test.refusedKeys.length = 0;
    const unknown = `${key.slice(0, -4)}AAAA`;
    for (const wrong of [
      key,
      unknown,
      '',
      'lk_',
      `${key}x`,
      key.toUpperCase(),
      `lk_${'0'.repeat(8)}_${'\0'.repeat(43)}`,
      'x'.repeat(100_000),
    ])
      expect(await test.identity.apiKeys.authenticate(wrong)).toBeNull();
    expect(test.refusedKeys).toEqual(['revoked', 'unknown', ...Array(6).fill('malformed')]);
    expect(await test.db.client.auditEvent.count()).toBe(events);
  });

  it('note their last use once a minute, and a use that cannot be noted is no failure', async () => {
    const { id } = await createPerson();
    const start = Date.now();
    moveTo(start);
    const { key, apiKey } = await make(id);
    const { apiKeys } = test.identity;
    const lastUse = async () => {
      await apiKeys.flush();
      return (await apiKeys.list(id))[0]?.lastUsedAt?.getTime();
    };
    expect(await lastUse()).toBeUndefined();
    await Promise.all(times(5, () => apiKeys.authenticate(key)));
    expect(await lastUse()).toBe(start);
    moveTo(start + minute - 1);
    await apiKeys.authenticate(key);
    expect(await lastUse()).toBe(start);
    moveTo(start + minute);
    await apiKeys.authenticate(key);
    expect(await lastUse()).toBe(start + minute);
    moveTo(start + 10 * minute);
    const update = vi.spyOn(test.db.client.apiKey, 'updateMany').mockRejectedValueOnce(new Error('the disk is full'));
    expect(await apiKeys.authenticate(key)).toMatchObject({ keyId: apiKey.id });
    await apiKeys.flush();
    update.mockRestore();
    expect(await lastUse()).toBe(start + minute);
  });

  it('end with a reset, with a password an operator sets and with the end of everything; a change of password keeps and counts them', async () => {
    const person = await createPerson();
    const { id, email } = person;
    const { identity } = test;
    const works = async (key: string) => (await identity.apiKeys.authenticate(key)) !== null;
    test.takeMails(email);

    const changed = await make(id);
    await make(id);
    await identity.passwordChange.change({ accountId: id, currentPassword: password, newPassword });
    expect(await works(changed.key)).toBe(true);
    expect(test.takeMails(email)).toMatchObject([{ template: 'password-changed', data: { apiKeys: { living: 2 } } }]);

    await identity.recovery.request({ email });
    await identity.recovery.reset({ token: test.linkToken(email), newPassword: `${newPassword} again` });
    expect(await works(changed.key)).toBe(false);
    expect(test.takeMails(email)[1]).toMatchObject({ template: 'password-changed', data: { apiKeys: { ended: 2 } } });

    const set = await make(id);
    await identity.passwordChange.set({ accountId: id, newPassword });
    expect(await works(set.key)).toBe(false);

    const ended = await make(id);
    expect(await identity.endEverything(id, { actorId: 'operator', via: 'test' })).toEqual({ apiKeys: 1 });
    expect(await works(ended.key)).toBe(false);
    expect(await test.db.client.auditEvent.findFirst({ where: { subjectId: id, type: 'session.all_ended' } })).toMatchObject({
      actorId: 'operator',
      detail: '{"api_keys":1,"via":"test"}',
    });
  });

  it('are not made by a sign-in that was ended meanwhile, however the two race', async () => {
    const second = test.second();
    for (const round of times(12, (index) => index)) {
      const { id, signInGeneration: generation } = await createPerson({ email: `race${round}-${provider}@example.com` });
      const makeOne = () => outcomeOf(make(id, { generation }));
      const end = () => second.endEverything(id);
      const [outcome] = await Promise.all(round % 2 ? [makeOne(), end()] : [Promise.resolve(end()).then(makeOne), undefined]);
      expect(['ok', 'login.superseded'].slice(round % 2 ? 0 : 1)).toContain(outcome);
      expect(await test.identity.apiKeys.countLiving(id), `round ${round}`).toBe(0);
    }
  });

  it('leave their making and revoking in the audit log, without name or value', async () => {
    const { id } = await createPerson();
    const { key, apiKey } = await make(id, { name: 'Secret project', ip: '192.0.2.7' });
    await test.identity.apiKeys.revoke(apiKey.id, { accountId: id, ip: '192.0.2.7' });
    const events = await test.db.client.auditEvent.findMany({ where: { subjectId: id, type: { startsWith: 'api_key.' } } });
    expect(events.map(({ type }) => type).sort()).toEqual(['api_key.created', 'api_key.revoked']);
    for (const event of events) {
      expect(event).toMatchObject({ outcome: 'success', actorId: id, ip: '192.0.2.7' });
      expect(parse(event.detail ?? '{}')).toMatchObject({ api_key: apiKey.id });
    }
    expect(JSON.stringify(events)).not.toMatch(new RegExp(`Secret project|${key.slice(12)}`));
  });
});
