/** Owns: the structured log and what must never be in it. Does not own: the audit trail (platform/audit). */
import pino from 'pino';
import { currentRequest } from '../trace/index.js';
import { redactText, redactValue } from './redaction.js';

export { redactText };

export type Logger = pino.Logger;

/**
 * Every line names the request it belongs to, and its trace.
 * @param options.level pino's level names; `pretty` is for a terminal
 * @param options.worker names the process in every line, where there are several; the `supervisor` is one of them
 * @param options.stream somewhere else, in JSON
 * @param options.stderr to standard error: for a command whose standard output is its result
 */
export function createLogger({
  level,
  format,
  worker,
  stderr = false,
  stream,
}: {
  level: string;
  format: 'pretty' | 'json';
  worker?: number | 'supervisor' | undefined;
  stderr?: boolean;
  stream?: { write(line: string): void };
}): Logger {
  const destination = stderr ? 2 : 1;
  const options = {
    level,
    base: worker === undefined ? undefined : { worker },
    mixin: requestFields,
    formatters: { log: (fields: Record<string, unknown>) => redactValue(fields) as Record<string, unknown> },
    // Errors have become plain objects by then.
    serializers: { err: (error: unknown) => error },
    hooks: {
      logMethod(this: pino.Logger, args: Parameters<pino.LogFn>, method: pino.LogFn) {
        return method.apply(this, args.map((each) => (typeof each === 'string' ? redactText(each) : each)) as Parameters<pino.LogFn>);
      },
    },
  };
  if (stream) return pino(options, stream);
  if (format === 'json') return pino(options, batched(pino.destination(destination)));
  const pretty = { translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', singleLine: true, destination };
  return pino({ ...options, transport: { target: 'pino-pretty', options: pretty } });
}

type Destination = ReturnType<typeof pino.destination>;

/** Lines of so many milliseconds are written by one call: a call for each turn of the event loop costs more than the lines say. */
const BATCH_MS = 10;

/** What has lines that are not written yet. At the exit nothing is left, by one listener for all logs of a process. */
const unwritten = new Set<() => void>();
process.on('exit', () => {
  for (const flush of unwritten) flush();
});

function batched(destination: Destination): { write(line: string): void } {
  let lines = '';
  const flush = () => {
    if (lines === '') return;
    const text = lines;
    lines = '';
    unwritten.delete(flush);
    destination.write(text);
  };
  return {
    write(line) {
      if (lines === '') {
        unwritten.add(flush);
        setTimeout(flush, BATCH_MS);
      }
      lines += line;
    },
  };
}

/**
 * The same log for lines that name their request themselves, and whose members and texts are known to hold no secret: looking for some costs as
 * much as the line. A child would inherit what looks for them.
 */
export const withoutRedaction = (log: Logger): Logger =>
  pino({ level: log.level, base: log.bindings() }, (log as Logger & { [pino.symbols.streamSym]: Destination })[pino.symbols.streamSym]);

/** A field of the line's own stays what it is. */
function requestFields(): object {
  const request = currentRequest();
  return request ? { request_id: request.requestId, trace_id: request.traceId, span_id: request.spanId } : {};
}
