import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
// @ts-expect-error a script, without types
import { findLockFaults as find } from '../../scripts/migration.mjs';

const findLockFaults = find as (sql: string) => string[];
const CREATE = 'CREATE INDEX "artifacts_kind_idx" ON "artifacts"("kind");';
const LOCKS = '-- Locks: writers of tokens, 3 s for each million of them';

describe('a migration of PostgreSQL', () => {
  it('is refused when it drops an index before it builds one, since readers wait from then on', () => {
    const drop = 'DROP INDEX "artifacts_old_idx";';
    expect(findLockFaults([drop, LOCKS, CREATE].join('\n'))).toEqual([expect.stringContaining('Build first, drop last')]);
    expect(findLockFaults([LOCKS, CREATE, '', '-- DropIndex', drop].join('\n'))).toEqual([]);
    const renamed = 'ALTER INDEX "artifacts_kind_idx" RENAME TO "artifacts_old_idx";';
    expect(findLockFaults([LOCKS, CREATE, drop, renamed].join('\n'))).toEqual([]);
    const shipped = readFileSync('prisma/postgresql/migrations/20261128043909_partial_indexes/migration.sql', 'utf8');
    expect(findLockFaults(shipped).filter((fault) => fault.includes('drop last'))).toHaveLength(9);
  });

  it('says whom the building of an index of a large table keeps waiting, unless the table is new', () => {
    expect(findLockFaults(CREATE)).toEqual([expect.stringContaining('writers of artifacts')]);
    expect(findLockFaults(`-- CreateIndex\nCREATE UNIQUE INDEX "a"\n  ON grants (id);`)).toEqual([
      expect.stringContaining('writers of grants'),
    ]);
    expect(findLockFaults(`-- Locks: \n${CREATE}`)).toHaveLength(1);
    expect(findLockFaults(`${LOCKS}\n${CREATE}`)).toEqual([]);
    expect(findLockFaults('CREATE TABLE "artifacts" (\n"kind" TEXT\n);\n'.concat(CREATE))).toEqual([]);
    expect(findLockFaults('CREATE INDEX "leases_idx" ON "leases"("name");')).toEqual([]);
  });
});
