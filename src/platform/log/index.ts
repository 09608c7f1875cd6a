/** Owns: the structured log and what must never be in it. Does not own: the audit trail (platform/audit). */
import pino from 'pino';

export type Logger = pino.Logger;

/** Member names that may hold a secret, wherever a log object carries them. */
const SECRET_MEMBERS = [
  'password',
  'current_password',
  'new_password',
  'currentPassword',
  'newPassword',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'id_token_hint',
  'client_secret',
  'client_assertion',
  'code',
  'code_verifier',
  'authorization',
  'cookie',
  'csrf',
  'secret',
];

/**
 * @param options.level pino's level names; `pretty` is for a terminal
 * @param options.worker names the process in every line, where there are several; the `supervisor` is one of them
 * @param options.stderr to standard error: for a command whose standard output is its result
 */
export function createLogger({
  level,
  format,
  worker,
  stderr = false,
}: {
  level: string;
  format: 'pretty' | 'json';
  worker?: number | 'supervisor' | undefined;
  stderr?: boolean;
}): Logger {
  const paths = SECRET_MEMBERS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*["set-cookie"]`]);
  const destination = stderr ? 2 : 1;
  const options = {
    level,
    base: worker === undefined ? undefined : { worker },
    redact: { paths: [...new Set(paths)], censor: '[redacted]' },
  };
  if (format === 'json') return pino(options, batched(pino.destination(destination)));
  const pretty = { translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', singleLine: true, destination };
  return pino({ ...options, transport: { target: 'pino-pretty', options: pretty } });
}

type Destination = ReturnType<typeof pino.destination>;

/** Lines of one turn of the event loop are written by one call: a call for each costs more than what it says. At the exit nothing is left. */
function batched(destination: Destination): { write(line: string): void } {
  let lines = '';
  const flush = () => {
    if (lines === '') return;
    const text = lines;
    lines = '';
    destination.write(text);
  };
  process.on('exit', flush);
  return {
    write(line) {
      if (lines === '') setImmediate(flush);
      lines += line;
    },
  };
}

/** The same log for lines whose members are known to hold no secret: looking for some costs as much as the line. */
export const withoutRedaction = (log: Logger): Logger => log.child({}, { redact: [] });
