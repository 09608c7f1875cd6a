import { CommanderError } from 'commander';
import { ConfigurationError } from '../config/index.js';
import { AppError } from '../platform/errors.js';

/** Something a command cannot do, told to whoever typed it. `usage`: it was typed wrongly. */
export class CliError extends Error {
  /** What to do next. */
  readonly mend: string | undefined;
  readonly usage: boolean;
  constructor(message: string, { mend, usage = false, cause }: { mend?: string; usage?: boolean; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CliError';
    this.mend = mend;
    this.usage = usage;
  }
}

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** What to do about errors whose own text does not say it. */
const MENDS: Record<string, string> = {
  'accounts.not_found': 'See who is there: latchkey user list',
  'accounts.email_taken': 'Use another address, or change the account that has it: latchkey user show EMAIL',
  'accounts.username_taken': 'Choose another username.',
  'accounts.invalid_cursor': 'Take the cursor from the "next_cursor" of the page before, and keep its filter and order.',
  'audit.unknown_type': 'Types are like login.failed, or login.* for all of a kind; README lists them.',
  'audit.invalid_cursor': 'Take the cursor from the "next_cursor" of the page before, and keep its filter.',
  'clients.not_found': 'See which there are: latchkey client list',
  'clients.id_taken': 'Leave --client-id out and one is made, or change the one there is: latchkey client update CLIENT_ID',
  'clients.no_secret': 'See how the client authenticates: latchkey client show CLIENT_ID',
  'roles.unknown': 'See which there are: latchkey role list',
  'roles.last_admin': 'Give somebody else the role: latchkey role grant ACCOUNT admin',
  'password_change.conflict': 'Run the command again.',
  'signing_keys.published_too_short': 'See when the next key is ready: latchkey keys list',
  'backup.exists': 'Choose another name, or take the file away first.',
  'backup.damaged': 'Use another backup; nothing was changed.',
  'database.in_use': 'Stop the server first. Nothing was changed.',
  'signing_keys.not_found': 'See which keys there are: latchkey keys list',
  'signing_keys.no_next': 'See which keys there are: latchkey keys list',
};

/** How a failure is told: what happened and what to do next. Never a stack trace, unless it is asked for by LOG_LEVEL=debug. */
export function describeFailure(error: unknown, { debug }: { debug: boolean }): { text: string; exitCode: number } {
  if (error instanceof CommanderError) return { text: '', exitCode: error.exitCode === 0 ? 0 : EXIT_USAGE };
  const trace = debug && error instanceof Error ? `\n${error.stack}` : '';
  const told = (message: string, mend?: string) => `Error: ${message}${mend ? `\n${mend}` : ''}${trace}\n`;
  if (error instanceof CliError) return { text: told(error.message, error.mend), exitCode: error.usage ? EXIT_USAGE : EXIT_FAILURE };
  if (error instanceof ConfigurationError) return { text: told(error.message), exitCode: EXIT_FAILURE };
  if (error instanceof AppError) return { text: told(error.message, MENDS[error.code]), exitCode: EXIT_FAILURE };
  const [message, mend] = describeUnforeseen(error);
  return { text: told(message, mend), exitCode: EXIT_FAILURE };
}

/** Errors of the database and the system, in words. Their own texts may quote a connection URL, so they are told only with LOG_LEVEL=debug. */
function describeUnforeseen(error: unknown): [message: string, mend: string] {
  const codes = [...codesOf(error)];
  const has = (...wanted: string[]) => codes.some((code) => wanted.includes(code));
  if (has('ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'ECONNRESET', 'EHOSTUNREACH', 'EAI_AGAIN', 'P1001', 'P1002', 'DatabaseNotReachable'))
    return ['The database cannot be reached.', 'Is it running, and is DATABASE_URL its address? latchkey doctor tells more.'];
  if (has('28P01', '28000', 'P1000', 'AuthenticationFailed'))
    return ['The database refuses the user or password.', 'Correct the user and password in DATABASE_URL.'];
  if (has('3D000', 'P1003', 'DatabaseDoesNotExist'))
    return ['The database does not exist.', 'Create it, or correct its name in DATABASE_URL.'];
  if (has('SQLITE_CANTOPEN', 'ENOENT', 'ENOTDIR'))
    return ['The database file cannot be opened.', 'Does its folder exist, and may this user write there? See DATA_DIR and DATABASE_URL.'];
  if (has('SQLITE_NOTADB')) return ['The database file is not a database.', 'Correct DATABASE_URL, or restore the file from a backup.'];
  if (has('EACCES', 'EPERM', 'EROFS', 'SQLITE_READONLY'))
    return ['The data cannot be written.', 'Run the command as the user the server runs as. See DATA_DIR and DATABASE_URL.'];
  if (has('SQLITE_BUSY', 'P1008', 'SocketTimeout'))
    return ['The database was busy for too long.', 'Something else is writing a lot. Run the command again.'];
  return [
    'Something failed that this command did not foresee.',
    'Run it again with LOG_LEVEL=debug to see what; latchkey doctor may tell why.',
  ];
}

/** Codes of an error and of whatever caused it, as the drivers nest them. */
function* codesOf(error: unknown, depth = 0): Generator<string> {
  if (typeof error !== 'object' || error === null || depth > 5) return;
  const { code, rawCode, kind, originalCode, cause, meta, errors, driverAdapterError } = error as Record<string, unknown>;
  for (const each of [code, rawCode, kind, originalCode]) if (typeof each === 'string') yield each;
  for (const nested of [cause, meta, driverAdapterError, ...(Array.isArray(errors) ? errors : [])]) yield* codesOf(nested, depth + 1);
}
