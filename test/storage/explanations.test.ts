import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createSealer } from '../../src/platform/crypto/index.js';
import { createExplanations, type Explanations, readExplanationId } from '../../src/platform/explanations/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';

describe.each(databases)('an explanation is kept on %s', (provider) => {
  let database: TestDatabase;
  let explanations: Explanations;
  const deps = () => ({ db: database.db, sealer: createSealer(Buffer.alloc(32, 7)), log: { warn: () => undefined } });
  beforeAll(async () => {
    database = await createTestDatabase(provider);
    explanations = createExplanations(deps());
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => database.drop());

  it('once for the same mistake made often, and within bounds for whoever causes errors at will', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const note = (client: string, error: string, ip = '192.0.2.1') =>
      explanations.note(
        { where: 'token', error, description: null, reason: null, clientId: client, comparisons: [], hints: [] },
        { ip, requestId: 'r' },
      );
    const same = new Set(Array.from({ length: 100 }, () => note('app', 'same')));
    expect(same.size).toBe(1);
    const ids = Array.from({ length: 100 }, (_, number) => note('app', `error-${number}`)).filter(Boolean);
    expect(ids).toHaveLength(19);
    // Somebody else who has trouble with the same application is heard, until its own share is used up; then other applications are.
    const others = Array.from({ length: 100 }, (_, number) => note('app', `more-${number}`, `198.51.${number}.1`)).filter(Boolean);
    expect(others).toHaveLength(40);
    expect(note('another', 'error')).toBeDefined();
    const everybody = Array.from({ length: 1000 }, (_, number) => note(`app-${number}`, 'error', `203.0.${number % 250}.1`)).filter(
      Boolean,
    );
    expect(everybody).toHaveLength(300 - 61);
    await explanations.flush();
    expect(await database.db.client.explanation.count()).toBe(300);
  });

  it('no longer than its turn: past a number of one client, and past another in all, the oldest go', async () => {
    const { client } = database.db;
    await client.explanation.deleteMany();
    const bounded = createExplanations({ ...deps(), most: { ofClient: 50, inAll: 100 } });
    const row = (clientId: string) => (_: unknown, number: number) => {
      const at = new Date(Date.UTC(2026, 0, 1) + number * 1000);
      return { id: `${clientId}-${number}`, clientId, payload: 'x', createdAt: at, expiresAt: at };
    };
    await client.explanation.createMany({ data: Array.from({ length: 1100 }, row('busy')) });
    await client.explanation.createMany({ data: Array.from({ length: 120 }, row('other')) });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 });
    const explanation = { where: 'token', error: 'e', description: null, reason: null, clientId: 'busy', comparisons: [], hints: [] };
    const id = bounded.note(explanation, { ip: '192.0.2.1', requestId: 'r' }) ?? '';
    await bounded.flush();
    expect(await client.explanation.count({ where: { clientId: 'busy' } })).toBeLessThanOrEqual(50);
    expect(await client.explanation.count()).toBe(100);
    expect(await bounded.find(id)).toMatchObject({ error: 'e', requestId: 'r' });
  });

  it('under an id that is read in any case, and with letters that look alike', () => {
    expect(readExplanationId(' abcde-01fgh ')).toBe('ABCDE-01FGH');
    expect(readExplanationId('ABCDEOIFGH')).toBe('ABCDE-01FGH');
    for (const text of ['', 'ABCDE', 'ABCDE-01FGH1', 'UUUUU-UUUUU', "' OR 1=1 --"]) expect(readExplanationId(text)).toBeUndefined();
  });
});
