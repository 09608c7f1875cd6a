import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';
import { times } from '../support/storage.js';

const password = 'lamp river sailboat';
const newPassword = 'copper violin tuesday';
const hour = 3_600_000;
const count = (outcomes: string[], outcome: string) => outcomes.filter((each) => each === outcome).length;

describe.each(databases)('another e-mail address on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test.database.drop());
  afterEach(() => vi.useRealTimers());
  let number = 0;
  async function createPerson(more: object = {}) {
    const email = `person${++number}@example.com`;
    const account = await test.identity.registration.createAccount({ email, fullName: 'Ann Lee', password, verified: true, ...more });
    test.takeMails(email);
    return { ...account, newEmail: `new${number}@example.com` };
  }
  const request = (accountId: string, newEmail: string, more: object = {}) =>
    test.identity.emailChange.request({ accountId, newEmail, currentPassword: password, ip: `198.51.${number}.1`, ...more });
  const confirm = (token: string, identity = test.identity) => identity.emailChange.confirm({ token, ip: '192.0.2.1' });
  async function ask(person: { id: string; newEmail: string }): Promise<string> {
    await request(person.id, person.newEmail);
    return test.linkToken(person.newEmail);
  }
  const emailOf = async (id: string) => (await test.identity.accounts.find(id))?.email;

  it('becomes the account’s when its link is confirmed, and not before; the old one hears of both', async () => {
    const person = await createPerson();
    const { id, email, newEmail } = person;
    await request(id, ` ${newEmail.toUpperCase()} `);
    const token = test.linkToken(newEmail);
    expect(await emailOf(id)).toBe(email);
    expect(test.takeMails(email)).toMatchObject([{ template: 'email-change-requested', data: { name: 'Ann Lee' } }]);
    expect(test.takeMails(newEmail)).toMatchObject([{ template: 'confirm-email-change', data: { validHours: 24 } }]);
    expect(await test.identity.emailChange.findPending(id)).toMatchObject({ newEmail });
    expect(await test.identity.emailChange.inspect(token)).toEqual({ state: 'ok', newEmail, oldEmail: email });

    const account = await confirm(token);
    expect(account).toMatchObject({ id, email: newEmail, emailVerifiedAt: expect.any(Date) });
    expect(await emailOf(id)).toBe(newEmail);
    expect(test.takeMails(email)).toMatchObject([{ template: 'email-changed' }]);
    expect(await test.identity.emailChange.findPending(id)).toBeNull();
    expect((await test.identity.emailChange.inspect(token)).state).toBe('used');
    const login = (identifier: string) => outcomeOf(test.identity.login.withPassword({ identifier, password }));
    expect([await login(newEmail), await login(email)]).toEqual(['ok', 'login.invalid_credentials']);
    // The old address is free again.
    expect(await outcomeOf(test.identity.registration.createAccount({ email, password: newPassword }))).toBe('ok');
    const events = await test.db.client.auditEvent.findMany({ where: { subjectId: id, type: { startsWith: 'email.' } } });
    expect(events.map(({ type }) => type).sort()).toEqual(['email.change_requested', 'email.changed']);
    expect(JSON.stringify(events)).not.toContain('@');
  });

  it('waits no longer once its owner signs out everywhere, also when the two come at the same moment', async () => {
    const person = await createPerson();
    const token = await ask(person);
    await test.deps.sessions.endAll(person.id);
    expect(await test.identity.emailChange.findPending(person.id)).toBeNull();
    expect((await test.identity.emailChange.inspect(token)).state).toBe('used');
    expect(await outcomeOf(confirm(token))).toBe('token.already_used');
    expect(await emailOf(person.id)).toBe(person.email);

    const other = await createPerson();
    const late = await ask(other);
    const [outcome] = await Promise.all([outcomeOf(confirm(late)), test.deps.sessions.endAll(other.id)]);
    expect(await emailOf(other.id)).toBe(outcome === 'ok' ? other.newEmail : other.email);
  });

  it('is asked for with the password: wrong ones are counted as those of a password change', async () => {
    const { id, newEmail } = await createPerson();
    const wrong = { currentPassword: 'not the password' };
    await expect(request(id, newEmail, wrong)).rejects.toMatchObject({
      code: 'email_change.wrong_current',
      status: 401,
      details: [{ path: 'currentPassword' }],
    });
    const change = () =>
      outcomeOf(test.identity.passwordChange.change({ accountId: id, currentPassword: 'not the password', newPassword, ip: '192.0.2.2' }));
    expect([await change(), await change()]).toEqual(Array(2).fill('password_change.wrong_current'));
    const outcomes = [await outcomeOf(request(id, newEmail, wrong)), await outcomeOf(request(id, newEmail, wrong))];
    expect(outcomes).toEqual(Array(2).fill('email_change.wrong_current'));
    await expect(request(id, newEmail)).rejects.toMatchObject({ code: 'login.locked', status: 403, retryAfterSeconds: expect.any(Number) });
    expect(test.takeMails(newEmail)).toEqual([]);
    expect(await test.identity.emailChange.findPending(id)).toBeNull();
  });

  it('is refused where it is none, or the one the account has', async () => {
    const { id, email } = await createPerson();
    for (const typed of [
      '',
      ' ',
      'nobody',
      'a@',
      '@b',
      'a b@example.com',
      'nul\0@example.com',
      '\ud800@example.com',
      `${'x'.repeat(251)}@b.c`,
    ])
      await expect(request(id, typed), typed).rejects.toMatchObject({
        code: 'accounts.invalid_input',
        status: 422,
        details: [{ path: 'newEmail' }],
      });
    for (const same of [email, ` ${email.toUpperCase()} `])
      await expect(request(id, same)).rejects.toMatchObject({
        code: 'email_change.unchanged',
        status: 422,
        details: [{ path: 'newEmail' }],
      });
    expect(await outcomeOf(request('nobody', 'x@example.com'))).toBe('accounts.not_found');
  });

  it('that somebody has is answered, kept and shown as any other; only its owner is told', async () => {
    const [person, owner] = [await createPerson(), await createPerson()];
    const { oneTimeToken, limitCounter, auditEvent } = test.db.client;
    const rows = async () => [await oneTimeToken.count(), await limitCounter.count(), await auditEvent.count()];
    const written = async (newEmail: string) => {
      const before = await rows();
      await request(person.id, newEmail);
      return (await rows()).map((count, index) => count - (before[index] ?? 0));
    };
    await request(person.id, 'first@example.com');
    const free = await written('free@example.com');
    expect(await written(owner.email)).toEqual(free);
    expect(free).toEqual([1, 1, 1]);
    expect(await test.identity.emailChange.findPending(person.id)).toMatchObject({ newEmail: owner.email });
    expect(test.takeMails(person.email)).toHaveLength(3);
    expect(test.takeMails(owner.email)).toMatchObject([{ template: 'email-change-taken' }]);
    const kept = await test.db.client.oneTimeToken.findMany({
      where: { kind: 'email_change', accountId: person.id },
      orderBy: { createdAt: 'asc' },
    });
    expect(kept.filter(({ consumedAt }) => consumedAt === null)).toHaveLength(1);
  });

  it('that somebody took meanwhile is told to who followed its link', async () => {
    const person = await createPerson();
    const token = await ask(person);
    await test.identity.registration.createAccount({ email: person.newEmail, password: newPassword, verified: true });
    await expect(confirm(token)).rejects.toMatchObject({ code: 'email_change.taken', status: 409 });
    expect(await emailOf(person.id)).toBe(person.email);
    expect(test.takeMails(person.email).map(({ template }) => template)).toEqual(['email-change-requested']);
  });

  it('goes to one of two accounts that confirm it at the same moment', async () => {
    const [one, two] = [await createPerson(), await createPerson()];
    const tokens = [await ask({ ...one, newEmail: 'wanted@example.com' }), await ask({ ...two, newEmail: 'wanted@example.com' })];
    const outcomes = await Promise.all(tokens.map((token) => outcomeOf(confirm(token, test.second()))));
    expect(outcomes.sort()).toEqual(['email_change.taken', 'ok']);
    await test.identity.accounts.delete((await test.identity.accounts.findByEmail('wanted@example.com'))?.id ?? '');
  });

  it('is confirmed by one of any number of clicks at the same moment', async () => {
    const person = await createPerson();
    const token = await ask(person);
    const second = test.second();
    const outcomes = await Promise.all(times(6, (index) => outcomeOf(confirm(token, index % 2 ? second : test.identity))));
    expect([count(outcomes, 'ok'), count(outcomes, 'token.already_used')]).toEqual([1, 5]);
    expect(test.takeMails(person.email).map(({ template }) => template)).toEqual(['email-change-requested', 'email-changed']);
  });

  it('ends the links that went to the old one, also one that is being made', async () => {
    const person = await createPerson();
    const { id, email } = person;
    await test.identity.recovery.request({ email });
    const reset = test.linkToken(email);
    await confirm(await ask(person));
    const use = (token: string) => outcomeOf(test.identity.recovery.reset({ token, newPassword }));
    expect(await use(reset)).toBe('token.already_used');
    // A request that read the account before the change and writes its link after it.
    await test.db.client.oneTimeToken.updateMany({ where: { accountId: id, kind: 'password_reset' }, data: { consumedAt: null } });
    expect(await use(reset)).toBe('token.already_used');
  });

  it('stops waiting when another is asked for, when it is given up, and after a day', async () => {
    const person = await createPerson();
    const first = await ask(person);
    const second = await ask({ ...person, newEmail: `other${number}@example.com` });
    expect(await outcomeOf(confirm(first))).toBe('token.already_used');
    await test.identity.emailChange.cancel(person.id);
    expect(await outcomeOf(confirm(second))).toBe('token.already_used');
    expect(await test.identity.emailChange.findPending(person.id)).toBeNull();
    const late = await ask(person);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 24 * hour });
    expect(await outcomeOf(confirm(late))).toBe('token.expired');
    expect(await emailOf(person.id)).toBe(person.email);
  });

  it('stops waiting when the password is changed, set or reset, and when the account is disabled or everything of it ended', async () => {
    const { identity } = test;
    const ends: Record<string, (person: { id: string; email: string }) => Promise<unknown>> = {
      changed: ({ id }) => identity.passwordChange.change({ accountId: id, currentPassword: password, newPassword }),
      set: ({ id }) => identity.passwordChange.set({ accountId: id, newPassword }),
      async reset({ email }) {
        await identity.recovery.request({ email });
        await identity.recovery.reset({ token: test.linkToken(email), newPassword });
      },
      async disabled({ id }) {
        await identity.accounts.disable(id);
        await identity.accounts.enable(id);
      },
      ended: ({ id }) => identity.endEverything(id),
    };
    for (const [name, end] of Object.entries(ends)) {
      const person = await createPerson();
      const token = await ask(person);
      await end(person);
      expect(await outcomeOf(confirm(token)), name).toBe('token.already_used');
      expect(await emailOf(person.id), name).toBe(person.email);
    }
    const gone = await createPerson();
    const token = await ask(gone);
    await identity.accounts.delete(gone.id);
    expect(await outcomeOf(confirm(token))).toMatch(/^token\./);
  });

  it('does not outlive a new password or the end of everything, however the two race', async () => {
    const second = test.second();
    for (const round of times(8, (index) => index)) {
      const person = await createPerson();
      const end = () =>
        round % 2
          ? second.passwordChange.set({ accountId: person.id, newPassword })
          : second.endEverything(person.id).then(() => second.accounts.disable(person.id));
      const [asked] = await Promise.all([outcomeOf(request(person.id, person.newEmail)), end()]);
      expect(['ok', 'login.superseded', 'email_change.wrong_current']).toContain(asked);
      await test.identity.accounts.enable(person.id);
      const waiting = await test.identity.emailChange.findPending(person.id);
      const [link] = test.takeMails(person.newEmail);
      const token = link && 'url' in link.data ? (new URL(link.data.url).searchParams.get('token') ?? '') : undefined;
      expect(waiting, `round ${round}`).toBeNull();
      if (token !== undefined) expect(await outcomeOf(confirm(token)), `round ${round}`).toBe('token.already_used');
    }
  });

  it('is asked for 5 times an hour for an account, 20 for a network, and mailed about 5 times to one address', async () => {
    const person = await createPerson();
    const outcomes: string[] = [];
    for (const index of times(6, (each) => each)) outcomes.push(await outcomeOf(request(person.id, `n${index}@example.org`)));
    expect(outcomes).toEqual([...Array(5).fill('ok'), 'email_change.rate_limited']);
    await expect(request(person.id, 'again@example.org')).rejects.toMatchObject({ status: 429, retryAfterSeconds: expect.any(Number) });
    const people = await Promise.all(times(4, () => createPerson()));
    const network: string[] = [];
    for (const { id } of people)
      for (const index of times(5, (each) => each))
        network.push(await outcomeOf(request(id, index === 0 ? 'stranger@example.org' : 'other@example.org', { ip: '203.0.113.200' })));
    expect(network).toEqual(Array(20).fill('ok'));
    const last = await createPerson();
    expect(await outcomeOf(request(last.id, last.newEmail, { ip: '203.0.113.200' }))).toBe('email_change.rate_limited');
    expect(test.takeMails('stranger@example.org')).toHaveLength(4);
    expect(test.takeMails('other@example.org')).toHaveLength(5);
  });

  it('of an account whose first one nobody confirmed tells that one nothing: it may be a stranger’s', async () => {
    const person = await createPerson({ verified: false });
    test.takeMails(person.email);
    const account = await confirm(await ask(person));
    expect(account).toMatchObject({ email: person.newEmail, emailVerifiedAt: expect.any(Date) });
    expect(test.takeMails(person.email)).toEqual([]);
  });

  it('is reached by no token of another kind, nor by anything made up', async () => {
    const person = await createPerson();
    await test.identity.recovery.request({ email: person.email });
    for (const token of [test.linkToken(person.email), '', 'x', 'x'.repeat(43), 'x'.repeat(10_000), 'nul\0']) {
      expect(await outcomeOf(confirm(token))).toBe('token.unknown');
      expect((await test.identity.emailChange.inspect(token)).state).toBe('unknown');
    }
    expect(await outcomeOf(test.identity.recovery.reset({ token: await ask(person), newPassword }))).toBe('token.unknown');
  });
});
