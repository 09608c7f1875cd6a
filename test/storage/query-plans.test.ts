import { afterEach, describe, expect, it } from 'vitest';
import { databases } from '../support/database.js';
import { useEverything } from '../support/every-statement.js';
import { type Capture, captureStatements, fillTables, isExplainable, scannedTables } from '../support/query-plans.js';
import { startTestServer } from '../support/server.js';

let capture: Capture | undefined;
afterEach(() => capture?.stop());

/** Enough that PostgreSQL's planner would not read them all for one. */
const ROWS = 3000;

describe.each(databases)('every statement that people, applications and jobs cause (%s)', (provider) => {
  it('finds what it needs by an index in every table that grows', async () => {
    capture = captureStatements(provider);
    const server = await startTestServer({ provider });
    try {
      await useEverything(server);
      const statements = [...capture.statements.values()].filter(({ sql }) => isExplainable(sql));
      expect(statements.length).toBeGreaterThan(60);
      await fillTables(server.services.db, ROWS);
      const scans: { sql: string; plan: string[] }[] = [];
      for (const statement of statements) {
        const plan = await capture.explain(statement);
        if (scannedTables(provider, statement.sql, plan).length > 0) scans.push({ sql: statement.sql, plan });
      }
      expect(scans).toEqual([]);
      // Events that wait for their places are found one by one, not all of them for each.
      const places = statements.find(({ sql }) => sql.includes('UPDATE audit_events SET sequence')) as (typeof statements)[number];
      const byWhat = provider === 'sqlite' ? /autoindex_audit_events_1 \(id=/ : /audit_events_pkey|audit_events_sequence_occurred_at_idx/;
      expect((await capture.explain(places)).join('\n')).toMatch(byWhat);
      // The test would see it if one did not.
      const sample = statements[0] as (typeof statements)[number];
      const slow = await capture.explain({ ...sample, sql: "SELECT id_hash FROM artifacts WHERE payload = 'x'", args: [], argTypes: [] });
      expect(scannedTables(provider, sample.sql, slow)).toEqual(['artifacts']);
    } finally {
      await server.close();
    }
  });
});
