import { createSecretKey } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { createAudit, createAuditTrail } from '../../src/platform/audit/index.js';
import { createTestDatabase, databases } from '../support/database.js';

const KEY = createSecretKey(Buffer.alloc(32, 4));

describe.each(databases)('the search for audit events on %s', (provider) => {
  it('finds by account, client, type and time, newest first, a page after the other, and exports all of it in order', async () => {
    const { db, drop } = await createTestDatabase(provider);
    try {
      const log = { info: () => undefined, error: () => undefined };
      const audit = createAudit({ db, key: KEY, log });
      const trail = createAuditTrail({ db, key: KEY, log });
      vi.useFakeTimers({ toFake: ['Date'] });
      const start = Date.UTC(2026, 0, 1);
      for (let number = 0; number < 40; number += 1) {
        // Four events in each moment.
        vi.setSystemTime(start + Math.floor(number / 4) * 1000);
        await audit.record({
          ...{ type: number % 2 ? 'login.failed' : 'role.granted', outcome: 'success', detail: { number } },
          ...{
            actorId: number % 4 === 0 ? 'ann' : 'bob',
            subjectId: number % 5 === 0 ? 'ann' : 'eve',
            clientId: number < 10 ? 'app' : undefined,
          },
        });
      }
      const all = async (query: Parameters<typeof trail.list>[0]) => {
        const numbers: number[] = [];
        for (let cursor: string | undefined; ; ) {
          const { events, nextCursor } = await trail.list({ ...query, limit: 3, cursor });
          numbers.push(...events.map(({ detail }) => JSON.parse(detail ?? '').number as number));
          if (nextCursor === null) return numbers;
          cursor = nextCursor;
        }
      };
      const sorted = (numbers: number[]) => [...numbers].sort((a, b) => a - b);
      const where = (test: (number: number) => boolean) => Array.from({ length: 40 }, (_, number) => number).filter(test);
      expect(sorted(await all({}))).toEqual(where(() => true));
      expect(sorted(await all({ account: 'ann' }))).toEqual(where((n) => n % 4 === 0 || n % 5 === 0));
      expect(sorted(await all({ client: 'app' }))).toEqual(where((n) => n < 10));
      expect(sorted(await all({ type: 'login.failed' }))).toEqual(where((n) => n % 2 === 1));
      expect(sorted(await all({ type: 'role.*' }))).toEqual(where((n) => n % 2 === 0));
      expect(sorted(await all({ account: 'ann', client: 'app', type: 'role.*' }))).toEqual(
        where((n) => n < 10 && n % 2 === 0 && (n % 4 === 0 || n % 5 === 0)),
      );
      expect(sorted(await all({ since: new Date(start + 2000), until: new Date(start + 4000) }))).toEqual(where((n) => n >= 8 && n < 16));
      const newest = await all({});
      expect(newest.map((n) => Math.floor(n / 4))).toEqual(where(() => true).map((n) => 9 - Math.floor(n / 4)));
      const exported: number[] = [];
      for await (const { detail } of trail.each({ type: '*' })) exported.push(JSON.parse(detail ?? '').number);
      expect(exported).toEqual([...newest].reverse());
      await expect(trail.list({ type: 'nothing.here' })).rejects.toMatchObject({ code: 'audit.unknown_type', status: 422 });
      for (const cursor of ['', 'x', Buffer.from('2026 a').toString('base64url'), Buffer.from(`${'9'.repeat(24)} a`).toString('base64url')])
        await expect(trail.list({ cursor })).rejects.toMatchObject({ code: 'audit.invalid_cursor', status: 400 });
    } finally {
      vi.useRealTimers();
      await drop();
    }
  });
});
