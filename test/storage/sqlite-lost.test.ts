import Connection from 'libsql';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSqliteConnection, type SqliteConnection } from '../../src/platform/db/sqlite-connection.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const insertion = (name: string) => ({ sql: 'INSERT INTO roles (name, description) VALUES (?, ?)', args: [name, name] });
/** So long a lock is waited for: much longer than the writes take on any machine. */
const LOCK_MS = 3_000;
const failing = { sql: 'INSERT INTO nowhere VALUES (1)', args: [] };

/** What SQLite says when it cannot even undo: at the statement itself, below everything of ours. */
function letRollbackFail(undone: boolean): void {
  const prepare = Connection.prototype.prepare;
  vi.spyOn(Connection.prototype, 'prepare').mockImplementation(function (this: Connection.Database, text: string) {
    const statement = prepare.call(this, text);
    if (text !== 'ROLLBACK') return statement;
    const run = statement.run.bind(statement);
    statement.run = () => {
      if (undone) run([]);
      throw new Connection.SqliteError('disk I/O error', 'SQLITE_IOERR', 10);
    };
    return statement;
  });
}

describe('a ROLLBACK that fails on SQLite', () => {
  let test: TestDatabase;
  let own: SqliteConnection;
  const lost = vi.fn();
  beforeEach(async () => {
    test = await createTestDatabase('sqlite');
    lost.mockReset();
    own = openSqliteConnection({ url: test.url, timeout: LOCK_MS, onLost: lost });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    own.client.close();
    await test.drop();
  });
  const names = async () => (await test.db.client.role.findMany({ orderBy: { name: 'asc' } })).map(({ name }) => name);

  it('leaves nothing to do where the transaction has ended all the same', async () => {
    letRollbackFail(true);
    const outcomes = await Promise.allSettled([insertion('a'), failing, insertion('b')].map(own.write));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await names()).toEqual(['a', 'b']);
    expect(lost).not.toHaveBeenCalled();
  });

  it('answers everybody with an error at once, writes nothing more, and is told once', async () => {
    letRollbackFail(false);
    await own.write(insertion('before'));
    const began = performance.now();
    const writes = [insertion('a'), failing, insertion('b')].map(own.write);
    // More than one group, so some of them wait for their turn.
    for (let index = 0; index < 100; index++) writes.push(own.write(insertion(`role ${index}`)));
    const outcomes = await Promise.allSettled(writes);
    expect(performance.now() - began).toBeLessThan(LOCK_MS);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']));
    const error = { code: 'SQLITE_IOERR', message: 'SQLITE_IOERR: a transaction could not be undone' };
    await expect(own.write(insertion('after'))).rejects.toMatchObject(error);
    await expect(own.client.transaction('deferred')).rejects.toMatchObject({ code: 'SQLITE_IOERR' });
    const read = new Promise((resolve) => own.readAll({ sql: 'SELECT * FROM roles', args: [] }, resolve));
    expect(await read).toMatchObject({ code: 'SQLITE_IOERR' });
    expect(lost).toHaveBeenCalledTimes(1);
    expect(await names()).toEqual(['before']);
  });

  it('ends the process, a moment later, where nobody says otherwise', async () => {
    letRollbackFail(false);
    const alone = openSqliteConnection({ url: test.url, timeout: 200 });
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      await Promise.allSettled([insertion('a'), failing].map(alone.write));
      expect(() => vi.runAllTimers()).toThrow('could not be undone');
    } finally {
      vi.useRealTimers();
      alone.client.close();
    }
  });

  it('ends a transaction of somebody, and whoever waits for it is answered', async () => {
    letRollbackFail(false);
    const transaction = await own.client.transaction('deferred');
    await transaction.execute(insertion('a'));
    const waiting = own.write(insertion('b'));
    await transaction.rollback();
    await expect(waiting).rejects.toMatchObject({ code: 'SQLITE_IOERR' });
    expect(lost).toHaveBeenCalledTimes(1);
    expect(await names()).toEqual([]);
  });

  it('leaves nothing to do where the connection was closed meanwhile, and the process goes on', async () => {
    const transaction = await own.client.transaction('deferred');
    await transaction.execute(insertion('a'));
    const waiting = own.write(insertion('b'));
    own.client.close();
    await transaction.rollback();
    await expect(waiting).rejects.toThrow();
    expect(lost).not.toHaveBeenCalled();
    expect(await names()).toEqual([]);
  });
});
