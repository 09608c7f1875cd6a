import { describe, expect, it } from 'vitest';
import { troubleOf, unavailableError } from '../../src/platform/db/index.js';
import { OutboundError } from '../../src/platform/outbound/index.js';

/** As Prisma hands on what a driver adapter said. */
const known = (code: string, cause: object) =>
  Object.assign(new Error('Invalid invocation'), { code, meta: { driverAdapterError: { cause } } });
const sqlite = (text: string) => ({ originalCode: '8', originalMessage: text, kind: 'sqlite', extendedCode: 8, message: text });

describe('an error of the database', () => {
  it.each([
    ['unreachable', known('P2010', { kind: 'DatabaseNotReachable', host: 'db', port: 5432 })],
    ['unreachable', known('P2010', { originalCode: '57P01', kind: 'postgres', code: '57P01', message: 'terminating connection' })],
    ['unreachable', known('P2010', { originalCode: '08006', kind: 'postgres', code: '08006', message: 'connection failure' })],
    ['unreachable', new Error('Connection terminated unexpectedly')],
    ['unreachable', new Error('Client has encountered a connection error and is not queryable')],
    ['unreachable', new Error('outer', { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) })],
    ['unreachable', new Error('Connection terminated due to connection timeout')],
    ['busy', new Error('timeout exceeded when trying to connect')],
    ['busy', known('P1008', { kind: 'SocketTimeout' })],
    ['busy', known('P2010', { originalCode: '53300', kind: 'TooManyConnections' })],
    ['full', known('P2010', sqlite('SQLITE_FULL: database or disk is full'))],
    ['full', known('P2010', sqlite('SQLITE_IOERR_WRITE: disk I/O error'))],
    ['full', known('P2010', { originalCode: '53100', kind: 'postgres', code: '53100', message: 'could not extend file' })],
    ['read_only', known('P2039', sqlite('SQLITE_READONLY: attempt to write a readonly database'))],
    ['read_only', known('P2010', { originalCode: '25006', kind: 'postgres', code: '25006', message: 'read-only transaction' })],
  ] as const)('that means it is %s is answered 503, and when to come again', (trouble, error) => {
    expect(troubleOf(error)).toBe(trouble);
    const answer = unavailableError(error);
    expect(answer).toMatchObject({ code: 'database.unavailable', status: 503, cause: error });
    expect(answer?.retryAfterSeconds).toBeGreaterThan(0);
  });

  it.each([
    ['a unique violation', known('P2002', { kind: 'UniqueConstraintViolation' })],
    ['a broken rule of SQLite', known('P2010', sqlite('SQLITE_CONSTRAINT: NOT NULL constraint failed'))],
    ['a statement that is wrong', known('P2010', { originalCode: '42601', kind: 'postgres', code: '42601', message: 'syntax error' })],
    [
      'an address that cannot be reached, of a client',
      new Error('keys', { cause: new OutboundError('connection', 'x', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })) }),
    ],
    ['a mistake of ours', new TypeError('x is not a function')],
    ['nothing', undefined],
    ['a text', 'ECONNREFUSED'],
  ])('that is %s is none of them', (_what, error) => {
    expect(troubleOf(error)).toBeUndefined();
    expect(unavailableError(error)).toBeUndefined();
  });
});
