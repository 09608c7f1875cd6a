import { AppError } from '../errors.js';

/** Why the database cannot do its work just now, though the statement was right. */
export type DatabaseTrouble = 'unreachable' | 'busy' | 'full' | 'read_only';

/** Codes of PostgreSQL, Node and Prisma, by what they mean. */
const CODES: Record<string, DatabaseTrouble> = {
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'unreachable',
  EPIPE: 'unreachable',
  DatabaseNotReachable: 'unreachable',
  ConnectionClosed: 'unreachable',
  P1001: 'unreachable',
  P1002: 'unreachable',
  P1017: 'unreachable',
  // PostgreSQL is stopping, starting, or has ended the connection.
  '57P01': 'unreachable',
  '57P02': 'unreachable',
  '57P03': 'unreachable',
  '57P05': 'unreachable',
  '58030': 'unreachable',
  // Everybody waits for something: a lock, a connection, memory.
  SocketTimeout: 'busy',
  TooManyConnections: 'busy',
  P1008: 'busy',
  P2024: 'busy',
  '53000': 'busy',
  '53200': 'busy',
  '53300': 'busy',
  '53100': 'full',
  // A standby, or a server that was set so.
  '25006': 'read_only',
};

const SQLITE_CODES: Record<string, DatabaseTrouble> = {
  SQLITE_FULL: 'full',
  SQLITE_IOERR: 'full',
  SQLITE_READONLY: 'read_only',
  SQLITE_CANTOPEN: 'unreachable',
  SQLITE_BUSY: 'busy',
  SQLITE_LOCKED: 'busy',
};

/** The driver says these without a code. */
const MESSAGES: readonly [RegExp, DatabaseTrouble][] = [
  [/^Connection terminated/, 'unreachable'],
  [/^Client has encountered a connection error/, 'unreachable'],
  [/^timeout expired$/, 'unreachable'],
  // All connections of the pool were in use for too long.
  [/^timeout exceeded when trying to connect/, 'busy'],
  [/Unable to start a transaction in the given time/, 'busy'],
];

const MAX_DEPTH = 5;

/**
 * What stands between the database and a right statement; undefined for every other error. Drivers and Prisma nest causes in each other. What has
 * become an error of ours is not looked into: an address of a client that cannot be reached (`OutboundError`) has the same codes as its cause.
 */
export function troubleOf(error: unknown, depth = 0): DatabaseTrouble | undefined {
  if (typeof error !== 'object' || error === null || error instanceof AppError || depth > MAX_DEPTH) return undefined;
  const { code, kind, originalCode, originalMessage, message, cause, meta, driverAdapterError } = error as Record<string, unknown>;
  for (const each of [kind, code, originalCode]) {
    const known = typeof each === 'string' ? CODES[each] : undefined;
    if (known) return known;
    // Class 08: connection exceptions.
    if (typeof each === 'string' && /^08[0-9A-Z]{3}$/.test(each)) return 'unreachable';
  }
  for (const text of [originalMessage, message]) {
    if (typeof text !== 'string') continue;
    const sqlite = kind === 'sqlite' || depth > 0 ? /^(SQLITE_[A-Z]+?)(?:_[A-Z]+)*:/.exec(text)?.[1] : undefined;
    if (sqlite && SQLITE_CODES[sqlite]) return SQLITE_CODES[sqlite];
    const said = MESSAGES.find(([pattern]) => pattern.test(text));
    if (said) return said[1];
  }
  for (const nested of [cause, meta, driverAdapterError]) {
    const found = troubleOf(nested, depth + 1);
    if (found) return found;
  }
  return undefined;
}

/** How soon to ask again: a restart takes seconds, and space comes back when somebody makes some. */
const RETRY_SECONDS: Record<DatabaseTrouble, number> = { unreachable: 2, busy: 1, full: 30, read_only: 30 };

/** The answer to a request that met such trouble: 503 with Retry-After. Undefined for every other error. */
export function unavailableError(error: unknown): AppError | undefined {
  const trouble = troubleOf(error);
  if (!trouble) return undefined;
  return new AppError('database.unavailable', 503, 'The service cannot reach its data right now. Try again shortly.', {
    cause: error,
    retryAfterSeconds: RETRY_SECONDS[trouble],
  });
}
