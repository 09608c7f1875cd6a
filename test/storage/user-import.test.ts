import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImportLine, RejectedLine } from '../../src/identity/index.js';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';

// 'U*U', published with Openwall's crypt_blowfish
const BCRYPT = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';

async function* linesOf(rows: readonly Record<string, unknown>[]): AsyncGenerator<ImportLine> {
  for (const [index, row] of rows.entries()) yield { line: index + 1, row };
}
const people = (count: number, name: string) =>
  Array.from({ length: count }, (_, index) => ({
    email: `${name}${index}@example.com`,
    username: `${name}${index}`,
    password_hash: BCRYPT,
  }));

describe.each(databases)('importing accounts on %s', (provider) => {
  let test: TestIdentity;
  beforeAll(async () => {
    test = await createTestIdentity(provider);
  });
  afterAll(() => test?.database.drop());
  const run = async (rows: readonly Record<string, unknown>[], options: object = {}) => {
    const rejected: RejectedLine[] = [];
    const summary = await test.identity.userImport.run(linesOf(rows), { onRejected: (line) => void rejected.push(line), ...options });
    return { ...summary, lines: rejected };
  };
  const count = () => test.db.client.account.count();

  it('keeps what a row says, as if the account had been made here', async () => {
    const row = {
      id: 'auth0|5f7c8ec7c33c6c004bbafe82',
      email: 'Ann@Example.COM',
      username: 'Ann',
      first_name: 'Ann',
      last_name: 'O’Neill',
      full_name: '安 O’Neill',
      password_hash: BCRYPT,
      email_verified: true,
      roles: ['manager'],
      created_at: '2021-05-01T12:00:00+02:00',
    };
    expect(await run([row])).toMatchObject({ rows: 1, created: 1, rejected: 0, passwordHashes: { 'bcrypt, cost 5': 1 } });
    expect(await test.identity.accounts.findByIdentifier('ANN')).toMatchObject({
      id: row.id,
      email: 'ann@example.com',
      username: 'Ann',
      firstName: 'Ann',
      lastName: 'O’Neill',
      fullName: '安 O’Neill',
      status: 'active',
      hasPassword: true,
      roles: ['manager', 'user'],
      signInGeneration: 0,
      createdAt: new Date('2021-05-01T10:00:00Z'),
      emailVerifiedAt: new Date('2021-05-01T10:00:00Z'),
    });
    const login = test.identity.login.withPassword({ identifier: 'ann', password: 'U*U', ip: '192.0.2.1' });
    expect(await outcomeOf(login)).toBe('ok');
    const { passwordHash } = await test.db.client.account.findUniqueOrThrow({ where: { id: row.id } });
    expect(passwordHash).toMatch(/^\$argon2id/);
    // The password is known better now, and the row is still the account's.
    expect(await run([row])).toMatchObject({ created: 0, alreadyThere: 1, rejected: 0 });
    expect((await test.db.client.account.findUniqueOrThrow({ where: { id: row.id } })).passwordHash).toBe(passwordHash);
  });

  it('keeps times as the rest of the product does: imported and other accounts are listed in one order', async () => {
    const made = await test.identity.accounts.create({ email: 'made@example.com' });
    await run([
      { email: 'before@example.com', created_at: '2019-01-01' },
      { email: 'later@example.com', created_at: new Date(made.createdAt.getTime() + 1000).toISOString() },
    ]);
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await test.identity.accounts.list({ limit: 1, cursor });
      listed.push(...page.accounts.map(({ email }) => email));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    const order = listed.filter((email) => ['before@example.com', 'made@example.com', 'later@example.com'].includes(email));
    expect(order).toEqual(['before@example.com', 'made@example.com', 'later@example.com']);
    expect(listed).toHaveLength(await count());
  });

  it('makes each account once, even by three imports of the same rows at the same moment', async () => {
    const before = await count();
    const rows = people(600, 'parallel');
    const summaries = await Promise.all([run(rows), run(rows), run(rows)]);
    expect(summaries.reduce((sum, { created }) => sum + created, 0)).toBe(600);
    for (const { created, alreadyThere, rejected } of summaries)
      expect({ all: created + alreadyThere, rejected }).toEqual({ all: 600, rejected: 0 });
    expect(await count()).toBe(before + 600);
    const accounts = await test.db.client.account.findMany({ where: { username: { startsWith: 'parallel' } }, include: { roles: true } });
    for (const { roles } of accounts) expect(roles.map(({ roleName }) => roleName)).toEqual(['user']);
    const ids = accounts.map(({ id }) => id);
    const events = await test.db.client.auditEvent.findMany({ where: { type: 'account.created', subjectId: { in: ids } } });
    expect(events.map(({ subjectId }) => subjectId).sort()).toEqual(ids.sort());
  });

  it('writes what has happened to the audit log: each account, and the import', async () => {
    await run([{ email: 'audited@example.com' }, { email: 'nobody' }]);
    const event = await test.db.client.auditEvent.findFirstOrThrow({
      where: { type: 'accounts.imported' },
      orderBy: { occurredAt: 'desc' },
    });
    expect(JSON.parse(event.detail ?? '')).toEqual({ rows: 2, created: 1, alreadyThere: 0, rejected: 1, interrupted: false });
    const account = await test.identity.accounts.findByEmail('audited@example.com');
    const created = await test.db.client.auditEvent.findFirstOrThrow({ where: { type: 'account.created', subjectId: account?.id ?? '' } });
    expect(JSON.parse(created.detail ?? '')).toEqual({ via: 'import', roles: 'user' });
    expect(created.occurredAt.getTime()).toBeLessThanOrEqual(event.occurredAt.getTime());
  });

  it('judges everything in a dry run, tells the same, and writes nothing', async () => {
    const rows = [
      ...people(3, 'dry'),
      { email: 'dry0@example.com' },
      { email: 'other@example.com', username: 'DRY1' },
      { email: 'not an address' },
      { email: 'ann@example.com' },
    ];
    const before = [await count(), await test.db.client.auditEvent.count()];
    const rehearsed = await run(rows, { dryRun: true });
    expect([await count(), await test.db.client.auditEvent.count()]).toEqual(before);
    const done = await run(rows);
    expect(rehearsed).toEqual(done);
    expect(done.lines.map(({ line, code }) => [line, code])).toEqual([
      [6, 'import.invalid'],
      [4, 'import.duplicate'],
      [5, 'import.duplicate'],
      [7, 'accounts.email_taken'],
    ]);
    // Once more, and the same lines are refused for the same reasons.
    expect(await run(rows)).toMatchObject({ created: 0, alreadyThere: 3, lines: done.lines });
  });

  it('changes no account that exists, and says what a row that names one differs in', async () => {
    await run([{ id: 'owner-1', email: 'owner@example.com', username: 'owner', full_name: 'The Owner', password_hash: BCRYPT }]);
    const before = await test.db.client.account.findUniqueOrThrow({ where: { id: 'owner-1' } });
    const { created, lines } = await run([
      { id: 'owner-2', email: 'owner@example.com' },
      { id: 'owner-1', email: 'thief@example.com' },
      { email: 'OWNER@example.com', username: 'owner', full_name: 'Somebody Else' },
      { email: 'third@example.com', username: 'Owner' },
    ]);
    expect(created).toBe(0);
    expect(lines.map(({ code, reason }) => [code, reason])).toEqual([
      ['accounts.email_taken', 'The address has an account already, which differs in id.'],
      ['import.id_taken', 'Another account has this id.'],
      ['accounts.email_taken', 'The address has an account already, which differs in full_name.'],
      ['accounts.username_taken', 'The username is taken.'],
    ]);
    expect(await test.db.client.account.findUniqueOrThrow({ where: { id: 'owner-1' } })).toEqual(before);
  });

  it('stops at a signal with whole accounts written, and goes on when it is run again', async () => {
    const rows = people(1000, 'stopped');
    const stop = new AbortController();
    const first = await run(rows, { signal: stop.signal, onProgress: () => stop.abort() });
    expect(first.interrupted).toBe(true);
    expect(first.created).toBeGreaterThan(0);
    expect(first.created).toBeLessThan(1000);
    const again = await run(rows);
    expect(again).toMatchObject({ interrupted: false, created: 1000 - first.created, alreadyThere: first.created, rejected: 0 });
  });

  it('reads no further ahead than one batch, however many rows there are', async () => {
    let given = 0;
    let judged = 0;
    let furthest = 0;
    async function* endless(): AsyncGenerator<ImportLine> {
      for (const row of people(5000, 'many')) {
        given += 1;
        furthest = Math.max(furthest, given - judged);
        yield { line: given, row };
      }
    }
    const summary = await test.identity.userImport.run(endless(), {
      dryRun: true,
      onProgress: ({ rows }) => {
        judged = rows;
      },
    });
    expect(summary).toMatchObject({ rows: 5000, created: 5000 });
    expect(furthest).toBeLessThanOrEqual(250);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no address', { username: 'x' }, 'import.invalid'],
    ['an address that is a number', { email: 7 }, 'import.invalid'],
    ['a plain password', { email: 'a@example.com', password: BCRYPT }, 'import.plain_password'],
    ['a member that is not known', { email: 'a@example.com', passwordHash: BCRYPT }, 'import.unknown_member'],
    ['a hash for a member', { email: 'a@example.com', [BCRYPT]: 'x' }, 'import.unknown_member'],
    ['a hash for an address', { email: BCRYPT }, 'import.invalid'],
    ['a hash for a username', { email: 'a@example.com', username: BCRYPT }, 'import.invalid'],
    ['a hash for an id', { email: 'a@example.com', id: BCRYPT }, 'import.invalid'],
    ['a hash for a role', { email: 'a@example.com', roles: [BCRYPT] }, 'import.unknown_role'],
    ['a hash for a status', { email: 'a@example.com', status: BCRYPT }, 'import.invalid'],
    ['a hash for a time', { email: 'a@example.com', created_at: BCRYPT }, 'import.invalid'],
    ['a hash for a yes', { email: 'a@example.com', email_verified: BCRYPT }, 'import.invalid'],
    ['MD5', { email: 'a@example.com', password_hash: '5f4dcc3b5aa765d61d8327deb882cf99' }, 'import.unknown_hash'],
    ['a hash that is an object', { email: 'a@example.com', password_hash: { $ne: null } }, 'import.unknown_hash'],
    [
      'a hash that takes minutes',
      { email: 'a@example.com', password_hash: '$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' },
      'import.hash_too_dear',
    ],
    ['an administrator', { email: 'a@example.com', roles: ['admin'] }, 'import.admin_not_allowed'],
    ['a role that does not exist', { email: 'a@example.com', roles: ['root'] }, 'import.unknown_role'],
    ['roles that are no list', { email: 'a@example.com', roles: { admin: true } }, 'import.invalid'],
    ['an id with a space', { email: 'a@example.com', id: 'a b' }, 'import.invalid'],
    ['an id without end', { email: 'a@example.com', id: 'a'.repeat(65) }, 'import.invalid'],
    ['an id that is a word of our own addresses', { email: 'a@example.com', id: 'statistics' }, 'import.invalid'],
    ['an id that an address would swallow', { email: 'a@example.com', id: '..' }, 'import.invalid'],
    ['an id that is an address', { email: 'a@example.com', id: 'b@example.com' }, 'import.invalid'],
    ['a name that turns the text around', { email: 'a@example.com', full_name: 'evil\u202e' }, 'import.invalid'],
    ['NUL in a name', { email: 'a@example.com', first_name: 'a\0b' }, 'import.invalid'],
    ['half a character', { email: 'a@example.com', first_name: 'a\ud800' }, 'import.invalid'],
    ['a name without end', { email: 'a@example.com', full_name: 'x'.repeat(60_000) }, 'import.invalid'],
    ['tomorrow', { email: 'a@example.com', created_at: '2999-01-01T00:00:00Z' }, 'import.invalid'],
    ['no date', { email: 'a@example.com', created_at: 'yesterday' }, 'import.invalid'],
    ['a status of its own', { email: 'a@example.com', status: 'banned' }, 'import.invalid'],
  ])('refuses a row with %s, with a reason that quotes nothing of it', async (_, row, code) => {
    const { created, lines } = await run([row]);
    expect(created).toBe(0);
    expect(lines).toEqual([{ line: 1, code, reason: expect.stringMatching(/^[A-Z].*\.$|^[a-z_]+: .*\.\)?$|\.$/), email: undefined }]);
    expect(JSON.stringify(lines)).not.toContain('CCCCCC');
    expect(JSON.stringify(lines).length).toBeLessThan(500);
  });

  it('makes an administrator where that is allowed', async () => {
    expect(await run([{ email: 'boss@example.com', roles: ['admin'] }], { allowAdmin: true })).toMatchObject({ created: 1 });
    expect((await test.identity.accounts.findByEmail('boss@example.com'))?.roles).toEqual(['admin', 'user']);
  });

  it('lets people sign in and register while it runs', async () => {
    await test.identity.registration.createAccount({ email: 'busy@example.com', password: 'lamp river sailboat', verified: true });
    let running = true;
    const importing = run(people(3000, 'crowd')).finally(() => {
      running = false;
    });
    const outcomes: string[] = [];
    do {
      outcomes.push(
        await outcomeOf(
          test.identity.login.withPassword({ identifier: 'busy@example.com', password: 'lamp river sailboat', ip: '192.0.2.1' }),
        ),
      );
    } while (running);
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
    expect(await importing).toMatchObject({ created: 3000 });
  });
});
