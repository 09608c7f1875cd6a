import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { AccountQuery } from '../../src/identity/index.js';
import { createIdentity } from '../../src/identity/index.js';
import { migrate, openDatabase } from '../../src/platform/db/index.js';
import { databases } from '../support/database.js';
import { createTestIdentity, outcomeOf, type TestIdentity } from '../support/identity.js';
import { onServer } from '../support/postgres.js';

type Listing = Pick<TestIdentity['identity'], 'accounts'>;

/** Every account of a list, page by page, and how many pages it took. */
async function listAll({ accounts }: Listing, query: AccountQuery, between: () => Promise<void> = async () => {}) {
  const listed: { id: string; email: string }[] = [];
  let pages = 0;
  let cursor: string | undefined;
  do {
    const page = await accounts.list({ ...query, cursor });
    listed.push(...page.accounts);
    cursor = page.nextCursor ?? undefined;
    pages += 1;
    await between();
  } while (cursor !== undefined);
  return { listed, emails: listed.map(({ email }) => email), pages };
}

describe.each(databases)('the list of accounts on %s', (provider) => {
  let test: TestIdentity;
  let everybody: Awaited<ReturnType<TestIdentity['identity']['accounts']['create']>>[];
  beforeAll(async () => {
    test = await createTestIdentity(provider);
    const { accounts } = test.identity;
    const people = [
      { email: 'ann@example.com', username: 'Ann', verified: true, roles: ['admin', 'user'] },
      { email: 'anna@example.com', username: 'zebra' },
      { email: 'bob_x@example.com', username: 'ann.b', verified: true },
      { email: 'bobxx@example.com' },
      { email: 'chalupa@example.com', username: 'Żółw', verified: true, roles: ['manager', 'user'] },
      { email: '100%@example.com', username: '100', roles: ['manager'] },
      { email: 'cesta@example.com', verified: true },
      { email: 'zed@example.com', username: '张伟' },
    ];
    for (const person of people) await accounts.create(person);
    // Three in the same millisecond, so that an order needs its second column.
    await Promise.all(['t1', 't2', 't3'].map((name) => accounts.create({ email: `${name}@example.com` })));
    await test.db.client.account.updateMany({ where: { email: { startsWith: 't' } }, data: { createdAt: new Date('2020-01-01') } });
    for (const email of ['bobxx@example.com', 'cesta@example.com']) {
      const found = await accounts.findByEmail(email);
      await accounts.disable(found?.id ?? '');
    }
    everybody = (await accounts.list({ limit: 200 })).accounts;
  });
  afterAll(() => test.database.drop());

  it('has everybody once, in either order, upwards and downwards, whatever the size of a page', async () => {
    expect(everybody).toHaveLength(11);
    for (const limit of [1, 2, 3, 11, 200]) {
      for (const sort of ['createdAt', 'email'] as const) {
        const up = await listAll(test.identity, { limit, sort, order: 'asc' });
        const down = await listAll(test.identity, { limit, sort, order: 'desc' });
        expect(up.pages).toBe(Math.ceil(11 / limit));
        expect(down.emails.toReversed()).toEqual(up.emails);
        if (sort === 'email') expect(up.emails).toEqual(everybody.map(({ email }) => email).sort());
        else expect(up.emails).toEqual(everybody.map(({ email }) => email));
      }
    }
  });

  it('keeps to its filters, each and together', async () => {
    const begins = (text: string | null, q: string) => (text ?? '').toLowerCase().startsWith(q);
    let compared = 0;
    for (const status of [undefined, 'active', 'disabled'] as const)
      for (const verified of [undefined, true, false])
        for (const role of [undefined, 'admin', 'manager', 'user', 'nobody'])
          for (const q of [undefined, 'ann', 'bob', 'c', 'żó', '100%', '张', 'ann@example.com', 'zz']) {
            const sort = compared % 2 === 0 ? 'createdAt' : 'email';
            const expected = everybody
              .filter((account) => status === undefined || account.status === status)
              .filter((account) => verified === undefined || (account.emailVerifiedAt !== null) === verified)
              .filter((account) => role === undefined || account.roles.includes(role))
              .filter((account) => q === undefined || begins(account.email, q) || begins(account.username, q))
              .map(({ email }) => email);
            const { accounts } = await test.identity.accounts.list({ status, verified, role, q, sort });
            expect(accounts.map(({ email }) => email).sort(), JSON.stringify({ status, verified, role, q, sort })).toEqual(expected.sort());
            compared += 1;
          }
    expect(compared).toBe(405);
  });

  it('searches for the text that was typed, in any case and width, never for a pattern', async () => {
    const found = async (q: string) => (await listAll(test.identity, { q, sort: 'email' })).emails;
    expect(await found('ANN')).toEqual(['ann@example.com', 'anna@example.com', 'bob_x@example.com']);
    expect(await found(' Ann@Example.COM ')).toEqual(['ann@example.com']);
    expect(await found('ｚｅｂ')).toEqual(['anna@example.com']);
    for (const q of ['%', '_', 'bob_', '\\', "'", '" OR 1=1 --', '\u{10ffff}', 'x'.repeat(254)]) {
      expect(await found(q), q).toEqual(q === 'bob_' ? ['bob_x@example.com'] : []);
    }
    expect(await found('  ')).toHaveLength(11);
    for (const q of ['a\0', 'a\n', '\ud800', 'x'.repeat(255)]) {
      expect(await outcomeOf(test.identity.accounts.list({ q })), JSON.stringify(q)).toBe('accounts.invalid_input');
    }
  });

  it('takes a cursor only beside the query it was given for, and never one that was altered', async () => {
    const query = { limit: 2, sort: 'email', q: 'a', status: 'active' } as const;
    const { nextCursor } = await test.identity.accounts.list(query);
    const cursor = nextCursor ?? '';
    expect(cursor).toMatch(/^[\w.-]+$/);
    expect(Buffer.from(cursor, 'base64url').toString()).not.toContain('example.com');
    expect((await test.identity.accounts.list({ ...query, cursor, limit: 5 })).accounts).toHaveLength(1);
    const others = [
      { sort: 'createdAt' },
      { order: 'desc' },
      { q: 'b' },
      { q: undefined },
      { status: undefined },
      { verified: true },
      { role: 'user' },
    ];
    for (const other of others as AccountQuery[]) {
      expect(await outcomeOf(test.identity.accounts.list({ ...query, ...other, cursor })), JSON.stringify(other)).toBe(
        'accounts.invalid_cursor',
      );
    }
    for (const forged of [
      '',
      'x',
      '1.AAAA',
      `${cursor}A`,
      cursor.slice(0, -2),
      '1.'.repeat(5000),
      Buffer.from('{"id":"x"}').toString('base64url'),
    ]) {
      expect(await outcomeOf(test.identity.accounts.list({ ...query, cursor: forged }))).toBe('accounts.invalid_cursor');
    }
    expect((await test.second().accounts.list({ ...query, cursor })).accounts).toHaveLength(1);
  });

  it('neither misses nor doubles anybody who was there, while others come, go and change', async () => {
    for (const sort of ['createdAt', 'email'] as const) {
      for (const order of ['asc', 'desc'] as const) {
        let number = 0;
        const { emails } = await listAll(test.identity, { limit: 2, sort, order }, async () => {
          number += 1;
          const name = `${sort}${order}${number}`.toLowerCase();
          const made = await Promise.all(
            ['a', 'm', 'z'].map((first) => test.identity.accounts.create({ email: `${first}${name}@new.example` })),
          );
          if (number % 2 === 0 && made[1]) await test.identity.accounts.delete(made[1].id);
          if (number > 20) await test.db.client.account.deleteMany({ where: { email: { endsWith: '@new.example' } } });
        });
        expect(new Set(emails).size).toBe(emails.length);
        expect(emails.filter((email) => !email.endsWith('@new.example')).sort()).toEqual(everybody.map(({ email }) => email).sort());
        await test.db.client.account.deleteMany({ where: { email: { endsWith: '@new.example' } } });
      }
    }
  });

  it('reads so many accounts for a page and no more, and still comes to the last', async () => {
    const rows = 22_000;
    const series =
      provider === 'sqlite'
        ? `WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${rows})`
        : `WITH series AS (SELECT generate_series(1, ${rows}) AS n)`;
    const at = provider === 'sqlite' ? `'2010-01-01T00:00:00.000+00:00'` : `'2010-01-01'`;
    await test.db.client.$executeRawUnsafe(`INSERT INTO accounts (id, email, status, created_at, updated_at) ${series}
      SELECT 'many' || n, 'many' || n || '@example.com', 'active', ${at}, ${at} FROM series`);
    const disabled = await listAll(test.identity, { status: 'disabled' });
    expect(disabled.emails.sort()).toEqual(['bobxx@example.com', 'cesta@example.com']);
    expect(disabled.pages).toBe(2);
    const common = await test.identity.accounts.list({ q: 'many', sort: 'createdAt', limit: 3 });
    expect(common.accounts).toHaveLength(3);
    expect(common.nextCursor).not.toBeNull();
    const rare = await test.identity.accounts.list({ q: 'many21999', status: 'active' });
    expect([rare.accounts.length, rare.nextCursor]).toEqual([1, null]);
    expect((await listAll(test.identity, { q: 'm', sort: 'email', limit: 200, verified: true })).emails).toEqual([]);
    await test.db.client.account.deleteMany({ where: { id: { startsWith: 'many' } } });
  });
});

describe('a database whose language has its own order of letters', () => {
  it('finds what a text begins with all the same', async () => {
    const server = inject('postgresServer');
    const name = `czech_${process.pid}_${Date.now()}`;
    await onServer(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'cs-CZ' LOCALE 'C'`);
    await migrate({ url: `${server}/${name}`, directory: path.resolve(import.meta.dirname, '../../prisma') });
    const db = await openDatabase({ url: `${server}/${name}` });
    const test = await createTestIdentity('sqlite');
    try {
      const [order] = await db.client.$queryRaw<{ later: boolean }[]>`SELECT 'ch' > 'h' AS later`;
      expect(order?.later).toBe(true);
      const { accounts } = createIdentity({ ...test.deps, db });
      for (const word of ['hora', 'chalupa', 'cesta', 'c-1', 'c.2', 'cz']) {
        await accounts.create({ email: `${word}@example.com`, username: `${word}.name`, roles: [] });
      }
      for (const sort of ['email', 'createdAt'] as const) {
        const { emails } = await listAll({ accounts }, { q: 'c', sort, limit: 2 });
        expect(emails.sort()).toEqual(['c-1', 'c.2', 'cesta', 'chalupa', 'cz'].map((word) => `${word}@example.com`).sort());
      }
      const { emails } = await listAll({ accounts }, { sort: 'email', limit: 2 });
      expect(emails).toEqual(emails.toSorted());
    } finally {
      await db.close();
      await test.database.drop();
      await onServer(server, `DROP DATABASE ${name} WITH (FORCE)`);
    }
  });
});
