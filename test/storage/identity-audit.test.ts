import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuditEvent, createAudit } from '../../src/platform/audit/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

describe.each(databases)('the audit log on %s', (provider) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(provider);
  });
  afterAll(() => database.drop());

  it('keeps who, what, on whom, from where, in which request and with what outcome', async () => {
    const audit = createAudit({
      db: database.db,
      key: createSecretKey(Buffer.alloc(32, 4)),
      log: { error: () => undefined },
      requestId: () => 'request-1',
    });
    await audit.record({
      type: 'role.granted',
      outcome: 'success',
      actorId: 'actor',
      subjectId: 'subject',
      clientId: 'client',
      ip: '192.0.2.1',
      detail: { role: 'admin', long: 'x'.repeat(5000), number: 1, yes: true },
    });
    const [event] = await database.db.client.auditEvent.findMany();
    expect(event).toMatchObject({
      type: 'role.granted',
      outcome: 'success',
      actorId: 'actor',
      subjectId: 'subject',
      clientId: 'client',
      ip: '192.0.2.1',
      requestId: 'request-1',
      occurredAt: expect.any(Date),
    });
    expect(JSON.parse(event?.detail ?? '')).toEqual({ role: 'admin', long: 'x'.repeat(300), number: 1, yes: true });
  });

  it('names events so that later ones come after earlier ones, and no two are alike', async () => {
    const audit = createAudit({ db: database.db, key: createSecretKey(Buffer.alloc(32, 4)), log: { error: () => undefined } });
    const ids = async () =>
      (await database.db.client.auditEvent.findMany({ where: { type: 'role.revoked' }, select: { id: true } })).map(({ id }) => id);
    const revoke = () => audit.record({ type: 'role.revoked', outcome: 'success' });
    await Promise.all(Array.from({ length: 20 }, revoke));
    const before = await ids();
    expect(new Set(before).size).toBe(20);
    for (const id of before) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    await new Promise((resolve) => setTimeout(resolve, 2));
    await revoke();
    const [last] = (await ids()).filter((id) => !before.includes(id));
    expect(before.every((id) => id < (last ?? ''))).toBe(true);
  });

  it('never fails what it records: an event that cannot be written goes to the log, without its details', async () => {
    const logged: string[] = [];
    const closed = await createTestDatabase(provider);
    await closed.drop();
    const audit = createAudit({
      db: closed.db,
      key: createSecretKey(Buffer.alloc(32, 4)),
      log: { error: (fields, message) => logged.push(JSON.stringify({ fields, message })) },
    });
    await expect(
      audit.record({ type: 'login.failed', outcome: 'failure', subjectId: 'jane', detail: { reason: 'secret' } }),
    ).resolves.toBeUndefined();
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('login.failed');
    expect(logged[0]).not.toContain('secret');
  });

  it('is not driven by whoever asks for refusals: equal ones become one event, and past a number they are counted', async () => {
    const audit = createAudit({ db: database.db, key: createSecretKey(Buffer.alloc(32, 4)), log: { error: () => undefined } });
    await database.db.client.auditEvent.deleteMany();
    const refusal = (client: string): AuditEvent => ({
      type: 'token.refused',
      outcome: 'failure',
      clientId: client,
      detail: { error: 'invalid_grant' },
    });
    for (let number = 0; number < 50; number += 1) audit.recordSoon(refusal('busy'));
    for (let number = 0; number < 300; number += 1) audit.recordSoon(refusal(`client-${number}`));
    await audit.flush();
    const rows = await database.db.client.auditEvent.findMany();
    expect(rows).toHaveLength(101);
    const details = rows.map(({ clientId, detail }) => ({ clientId, ...JSON.parse(detail ?? '{}') }));
    expect(details).toContainEqual({ clientId: 'busy', error: 'invalid_grant', times: 50 });
    expect(details).toContainEqual({ clientId: null, omitted: 201 });
  });
});
