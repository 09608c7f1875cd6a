import { afterEach, describe, expect, it } from 'vitest';
import { databases } from '../support/database.js';
import { useEverything } from '../support/every-statement.js';
import { type Capture, captureStatements, fillTables, isExplainable, scannedTables } from '../support/query-plans.js';
import { startTestServer } from '../support/server.js';
import { roundsOf } from './installation.js';

let capture: Capture | undefined;
afterEach(() => capture?.stop());

/** In each of the tables that grow. */
const ROWS = roundsOf(100) >= 100 ? 1_000_000 : 50_000;

describe.each(databases)(`every statement over tables of ${ROWS} rows (%s)`, (provider) => {
  it('still finds what it needs by an index', async () => {
    capture = captureStatements(provider);
    const server = await startTestServer({ provider });
    try {
      await useEverything(server);
      const statements = [...capture.statements.values()].filter(({ sql }) => isExplainable(sql));
      const began = performance.now();
      await fillTables(server.services.db, ROWS);
      const scans: { sql: string; plan: string[] }[] = [];
      for (const statement of statements) {
        const plan = await capture.explain(statement);
        if (scannedTables(provider, statement.sql, plan).length > 0) scans.push({ sql: statement.sql, plan });
      }
      console.log(
        `${provider}: ${statements.length} statements over 9 tables of ${ROWS} rows (filled in ${Math.round((performance.now() - began) / 1000)} s), ${scans.length} read a table from end to end`,
      );
      expect(scans).toEqual([]);
    } finally {
      await server.close();
    }
  });
});
