import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAudit } from '../../src/platform/audit/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

describe.each(databases)('the audit log on %s', (provider) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(provider);
  });
  afterAll(() => database.drop());

  it('keeps who, what, on whom, from where, in which request and with what outcome', async () => {
    const audit = createAudit({ db: database.db, log: { error: () => undefined }, requestId: () => 'request-1' });
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

  it('never fails what it records: an event that cannot be written goes to the log, without its details', async () => {
    const logged: string[] = [];
    const closed = await createTestDatabase(provider);
    await closed.drop();
    const audit = createAudit({ db: closed.db, log: { error: (fields, message) => logged.push(JSON.stringify({ fields, message })) } });
    await expect(
      audit.record({ type: 'login.failed', outcome: 'failure', subjectId: 'jane', detail: { reason: 'secret' } }),
    ).resolves.toBeUndefined();
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('login.failed');
    expect(logged[0]).not.toContain('secret');
  });
});
