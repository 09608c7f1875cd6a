import { createSecretKey } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AuditEvent, type AuditTrail, createAudit, createAuditTrail, parseHead } from '../../src/platform/audit/index.js';
import type { Logger } from '../../src/platform/log/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

const KEY = createSecretKey(Buffer.alloc(32, 4));
const DAY = 86_400_000;
const event = (number: number): AuditEvent => ({
  type: 'login.failed',
  outcome: 'failure',
  subjectId: `account-${number % 3}`,
  ip: '192.0.2.1',
  detail: { number },
});

describe.each(databases)('the chain of audit events on %s', (provider) => {
  let database: TestDatabase;
  const errors: string[] = [];
  const error = (fields: object, message?: string) => void errors.push(JSON.stringify({ ...fields, message }));
  const log = { info: () => undefined, error: error as Logger['error'] };
  const open = (key = KEY): AuditTrail => createAuditTrail({ db: database.db, key, log, batch: 10 });
  const recorder = () => createAudit({ db: database.db, key: KEY, log });
  const sql = (text: string) => database.db.client.$executeRawUnsafe(text);
  const write = (count: number, from = 1) => {
    const events = Array.from({ length: count }, (_, index) => event(from + index));
    return database.db.client.$transaction((tx) => recorder().recordAll(events, tx));
  };
  const writeOneByOne = async (count: number, from: number) => {
    const audit = recorder();
    for (let number = from; number < from + count; number += 1) await audit.record(event(number));
  };
  const kindsOf = async (trail = open(), options = {}) => {
    const { faults, faultCount } = await trail.verify(options);
    expect(faults).toHaveLength(faultCount);
    return faults.map(({ kind, sequence }) => `${kind} ${sequence}`);
  };

  beforeEach(async () => {
    database = await createTestDatabase(provider);
  });
  afterEach(async () => {
    vi.useRealTimers();
    errors.length = 0;
    await database.drop();
  });

  it('holds every event once and in one order, however many processes write and chain at the same moment', async () => {
    const trails = [open(), open(), open()];
    const writers = Array.from({ length: 4 }, (_, index) => writeOneByOne(15, index * 100));
    const chaining = trails.map(async (trail) => {
      for (let turn = 0; turn < 10; turn += 1) await trail.chain();
    });
    await Promise.all([...writers, ...chaining]);
    await trails[0]?.chain();
    const rows = await database.db.client.auditEvent.findMany({ orderBy: { sequence: 'asc' } });
    expect(rows.map(({ sequence }) => Number(sequence))).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect(await trails[1]?.verify()).toMatchObject({ faultCount: 0, events: 60, unchained: 0 });
    expect(errors).toEqual([]);
  });

  it('takes in an event that was committed late, although newer ones are chained', async () => {
    const audit = recorder();
    let commit = () => {};
    const waits = new Promise<void>((resolve) => {
      commit = resolve;
    });
    // SQLite has one writer at a time, so there the late one comes after by itself.
    const late = async () =>
      database.db.client.$transaction(async (tx) => {
        await audit.recordAll([event(1)], tx);
        if (provider === 'postgresql') await waits;
      });
    const slow = late();
    if (provider === 'postgresql') await new Promise((resolve) => setTimeout(resolve, 50));
    else await slow;
    await write(3, 2);
    await open().chain();
    commit();
    await slow;
    await open().chain();
    expect(await open().verify()).toMatchObject({ faultCount: 0, events: 4, unchained: 0 });
  });

  it('goes on as if nothing had been when a process dies in the middle of a batch', async () => {
    await write(25);
    const broken = createAuditTrail({
      db: database.db,
      key: KEY,
      log,
      batch: 10,
      onChained: async (events) => {
        if (events.some(({ sequence }) => sequence > 10)) throw new Error('the power is gone');
        return undefined;
      },
    });
    await expect(broken.chain()).rejects.toThrow('the power is gone');
    expect(await open().verify()).toMatchObject({ faultCount: 0, events: 10, unchained: 15 });
    await open().chain();
    expect(await open().verify()).toMatchObject({ faultCount: 0, events: 25, unchained: 0 });
  });

  it('shows each thing that somebody does to it who can write to the database but has no key', async () => {
    await write(30);
    const before = open();
    await before.chain();
    const { head } = await before.verify();
    const copy = await database.db.client.auditEvent.findMany();
    const checkpoints = await database.db.client.auditCheckpoint.findMany();
    const tamper: [what: string, statements: string[], faults: string[]][] = [
      ['change', [`UPDATE audit_events SET outcome = 'success' WHERE sequence = 7`], ['altered 7']],
      ['change whose', [`UPDATE audit_events SET subject_id = NULL WHERE sequence = 8`], ['altered 8']],
      ['change the time', [`UPDATE audit_events SET occurred_at = '2020-01-01T00:00:00.000+00:00' WHERE sequence = 9`], ['altered 9']],
      ['take its mark', [`UPDATE audit_events SET mac = NULL WHERE sequence = 5`], ['unmarked 5']],
      ['delete', [`DELETE FROM audit_events WHERE sequence = 12`], ['missing 12']],
      ['delete several', [`DELETE FROM audit_events WHERE sequence BETWEEN 12 AND 17`], ['missing 12']],
      [
        'delete and close the gap',
        [`DELETE FROM audit_events WHERE sequence = 12`, `UPDATE audit_events SET sequence = 12 WHERE sequence = 13`],
        ['moved 12', 'missing 13'],
      ],
      [
        'put an event in between',
        [
          `INSERT INTO audit_events (id, occurred_at, type, outcome, sequence, link, mac) SELECT 'zzz', occurred_at, type, outcome, sequence, link, mac FROM audit_events WHERE sequence = 4`,
        ],
        ['moved 4'],
      ],
      [
        'write an event of its own',
        [
          `INSERT INTO audit_events (id, occurred_at, type, outcome, mac) SELECT 'zzz', occurred_at, type, outcome, mac FROM audit_events WHERE sequence = 4`,
        ],
        ['altered null'],
      ],
      [
        'change the order',
        [`UPDATE audit_events SET sequence = 23 - sequence WHERE sequence IN (11, 12)`],
        ['moved 11', 'moved 12', 'moved 13'],
      ],
      ['take a place back', [`UPDATE audit_events SET sequence = NULL, link = NULL WHERE sequence = 20`], ['missing 20']],
      ['cut off the end', [`DELETE FROM audit_events WHERE sequence > 25`], ['missing 26']],
      [
        'cut off the end and move the head',
        [
          `DELETE FROM audit_events WHERE sequence > 25`,
          `UPDATE audit_checkpoints SET sequence = 25, link = (SELECT link FROM audit_events WHERE sequence = 25) WHERE name = 'head'`,
        ],
        ['head 25'],
      ],
      ['cut off the beginning', [`DELETE FROM audit_events WHERE sequence <= 10`], ['missing 1']],
      [
        'cut off the beginning and say it was retention',
        [
          `DELETE FROM audit_events WHERE sequence <= 10`,
          `INSERT INTO audit_checkpoints (name, sequence, link, made_at, faults, unmarked, mac) SELECT 'retention', sequence, link, made_at, faults, unmarked, mac FROM audit_checkpoints WHERE name <> 'head'`,
        ],
        ['retention 10', 'missing 1'],
      ],
      ['delete the head', [`DELETE FROM audit_checkpoints WHERE name = 'head'`], ['head null']],
      ['change the checkpoint of a day', [`UPDATE audit_checkpoints SET sequence = 3 WHERE name < 'head'`], ['checkpoint 3']],
      ['delete everything', ['DELETE FROM audit_events', 'DELETE FROM audit_checkpoints'], ['head null']],
    ];
    for (const [what, statements, expected] of tamper) {
      for (const statement of statements) await sql(statement);
      expect({ what, faults: (await kindsOf()).sort() }).toEqual({ what, faults: expected.sort() });
      await database.db.client.auditEvent.deleteMany();
      await database.db.client.auditEvent.createMany({ data: copy });
      await database.db.client.auditCheckpoint.deleteMany();
      await database.db.client.auditCheckpoint.createMany({ data: checkpoints });
      expect({ what, faults: await kindsOf() }).toEqual({ what, faults: [] });
    }
    // Whoever restores yesterday's database as a whole leaves nothing inside of it; what was kept elsewhere shows it.
    await write(5, 31);
    await open().chain();
    const later = await open().verify();
    await sql('DELETE FROM audit_events WHERE sequence > 30');
    await database.db.client.auditCheckpoint.deleteMany();
    await database.db.client.auditCheckpoint.createMany({ data: checkpoints });
    expect(await kindsOf(open(), { earlier: parseHead(head ?? '') })).toEqual([]);
    expect(await kindsOf(open(), { earlier: parseHead(later.head ?? '') })).toEqual(['head 35']);
    // Another key is nobody's.
    expect((await open(createSecretKey(Buffer.alloc(32, 9))).verify()).faultCount).toBeGreaterThan(30);
  });

  it('is not continued over an end that was altered, says so once, and goes on when an operator accepts what is there', async () => {
    await write(12);
    const trail = open();
    await trail.chain();
    await sql(`UPDATE audit_checkpoints SET sequence = 5 WHERE name = 'head'`);
    await write(3, 13);
    await trail.chain();
    await trail.chain();
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('broken');
    expect(await trail.verify()).toMatchObject({ unchained: 3, faults: [{ kind: 'head' }] });
    await sql(`DELETE FROM audit_events WHERE sequence = 4`);
    await open().continueChain();
    await open().chain();
    expect(await kindsOf()).toEqual(['missing 4']);
  });

  it('is verified from where retention has come to, and retention covers nothing up', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const start = Date.now();
    await write(30);
    await open().chain();
    vi.setSystemTime(start + 40 * DAY);
    await write(5, 31);
    await open().chain();
    const replay = await database.db.client.auditEvent.findFirstOrThrow({ where: { sequence: 3 } });
    // Made to look old, it must not go with the old ones; altered and missing old ones are counted when they go.
    await sql(
      `UPDATE audit_events SET occurred_at = old FROM (SELECT occurred_at AS old FROM audit_events WHERE sequence = 1) AS first WHERE sequence = 32`,
    );
    await sql(`DELETE FROM audit_events WHERE sequence IN (5, 6)`);
    await sql(`UPDATE audit_events SET ip = NULL WHERE sequence = 8`);
    expect(await open().deleteOlderThan(30)).toBe(28);
    const left = (await database.db.client.auditEvent.findMany({ orderBy: { sequence: 'asc' } })).map(({ sequence }) => Number(sequence));
    expect(left).toEqual([31, 32, 33, 34, 35]);
    expect(await kindsOf()).toEqual(['altered 32', 'retired null']);
    expect(await open().verify()).toMatchObject({ deletedThrough: 30, events: 5 });
    // The next ones go on behind it.
    await write(2, 36);
    await open().chain();
    expect(await kindsOf()).toEqual(['altered 32', 'retired null']);
    // A real event that retention deleted does not come back unseen, neither as a new one nor in its old place.
    await database.db.client.auditEvent.create({ data: { ...replay, sequence: null, link: null } });
    await open().chain();
    expect(await kindsOf()).toEqual(['altered 32', 'returned 38', 'retired null']);
    await database.db.client.auditEvent.deleteMany({ where: { id: replay.id } });
    await database.db.client.auditEvent.create({ data: replay });
    expect(await kindsOf()).toEqual(['altered 32', 'missing 38', 'returned 30', 'retired null']);
    expect(errors.filter((line) => line.includes('were deleted'))).toHaveLength(1);
  });

  it('calls no new event a returned one after the clock was years ahead for a while', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const start = Date.now();
    await write(5);
    await open().chain();
    vi.setSystemTime(start + 1000 * DAY);
    expect(await open().deleteOlderThan(365)).toBe(5);
    vi.setSystemTime(start + DAY);
    await write(2, 6);
    await open().chain();
    expect(await kindsOf()).toEqual([]);
  });

  it('takes in what was written before there was a chain, and from then on nothing without a mark', async () => {
    await write(3);
    await sql('UPDATE audit_events SET mac = NULL');
    await open().chain();
    expect(await kindsOf()).toEqual([]);
    await sql(`UPDATE audit_events SET outcome = 'success' WHERE sequence = 2`);
    await sql(
      `INSERT INTO audit_events (id, occurred_at, type, outcome) SELECT 'zzz', occurred_at, type, outcome FROM audit_events WHERE sequence = 1`,
    );
    await open().chain();
    expect(await kindsOf()).toEqual(['moved 2', 'unmarked 4']);
  });

  it('keeps whatever text there is as it was marked', async () => {
    const audit = recorder();
    await audit.record({ ...event(1), clientId: 'a\0b\ud800c', detail: { text: 'a\0b\ud800', long: '🔑'.repeat(400) } });
    audit.recordSoon({ ...event(2), clientId: 'x\0y\udc00', detail: { text: '\0\ud800' } });
    await audit.flush();
    await open().chain();
    expect(await open().verify()).toMatchObject({ faultCount: 0, events: 2 });
  });
});
