/**
 * Errors of the database and the system that somebody at a terminal can mend, in words: what happened and what to do. Their own texts may quote a
 * connection URL, so they are told only to whoever asks by LOG_LEVEL=debug. Undefined: none of those.
 */
export function describeSystemFailure(error: unknown): [message: string, mend: string] | undefined {
  const codes = [...codesOf(error)];
  const has = (...wanted: string[]) => codes.some((code) => wanted.includes(code));
  if (has('ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'ECONNRESET', 'EHOSTUNREACH', 'EAI_AGAIN', 'P1001', 'P1002', 'DatabaseNotReachable'))
    return ['The database cannot be reached.', 'Is it running, and is DATABASE_URL its address? latchkey doctor tells more.'];
  if (has('28P01', '28000', 'P1000', 'AuthenticationFailed'))
    return ['The database refuses the user or password.', 'Correct the user and password in DATABASE_URL.'];
  if (has('3D000', 'P1003', 'DatabaseDoesNotExist'))
    return ['The database does not exist.', 'Create it, or correct its name in DATABASE_URL.'];
  if (has('SQLITE_CANTOPEN', 'ENOENT', 'ENOTDIR') || isUnopened(error))
    return ['The database file cannot be opened.', 'Does its folder exist, and may this user write there? See DATA_DIR and DATABASE_URL.'];
  if (has('SQLITE_NOTADB')) return ['The database file is not a database.', 'Correct DATABASE_URL, or restore the file from a backup.'];
  if (has('EACCES', 'EPERM', 'EROFS', 'SQLITE_READONLY'))
    return [
      'The data cannot be written.',
      'May this user write there? Server and commands run as one user. See DATA_DIR and DATABASE_URL.',
    ];
  if (has('SQLITE_BUSY', 'P1008', 'SocketTimeout'))
    return ['The database was busy for too long.', 'Something else is writing a lot. Try again.'];
  return undefined;
}

/** Codes of an error and of whatever caused it, as the drivers nest them. */
function* codesOf(error: unknown, depth = 0): Generator<string> {
  if (typeof error !== 'object' || error === null || depth > 5) return;
  const { code, rawCode, kind, originalCode, cause, meta, errors, driverAdapterError } = error as Record<string, unknown>;
  for (const each of [code, rawCode, kind, originalCode]) if (typeof each === 'string') yield each;
  for (const nested of [cause, meta, driverAdapterError, ...(Array.isArray(errors) ? errors : [])]) yield* codesOf(nested, depth + 1);
}

/** libsql gives its refusal to open a file no code of its own, only SQLite's number for it in the text. */
const isUnopened = (error: unknown): boolean => error instanceof Error && /^ConnectionFailed\(.*: 14"\)$/.test(error.message);
