import { STATUS_CODES } from 'node:http';
import { unavailableError } from '../db/index.js';
import { AppError, type ErrorDetail } from '../errors.js';
import type { Logger } from '../log/index.js';

/** A failure as programs read it (RFC 9457), `application/problem+json`. */
export type ProblemDetails = {
  /** made from the code, so that it is as stable */
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors?: readonly ErrorDetail[];
  /** where a person can go on */
  browser_url?: string;
};

/** The problem details of an error. `rename` turns the name of a member into the one that the caller sent. */
export function problemOf(error: AppError, requestId: string, rename: (path: string) => string = (path) => path): ProblemDetails {
  return {
    type: `/problems/${error.code}`,
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    detail: error.message,
    code: error.code,
    request_id: requestId,
    ...(error.details ? { errors: error.details.map(({ path, message }) => ({ path: rename(path), message })) } : {}),
    ...(error.browserUrl === undefined ? {} : { browser_url: error.browserUrl }),
  };
}

/** The value of Retry-After for an error that says when to come again: whole seconds, at least one. */
export const retryAfterOf = ({ retryAfterSeconds }: AppError): string | undefined =>
  retryAfterSeconds === undefined ? undefined : String(Math.max(1, Math.ceil(retryAfterSeconds)));

/**
 * What was thrown while a request was answered, as something that may be told. An outage of the database becomes a 503; whatever nobody
 * expected is a plain 500 whose cause goes to the log only.
 */
export function toAppError(thrown: unknown, { log, requestId }: { log: Logger; requestId: string }): AppError {
  const error = thrown instanceof AppError ? thrown : (unavailableError(thrown) ?? thrown);
  if (error instanceof AppError) {
    if (error.status >= 500) log.error({ err: error, request_id: requestId, code: error.code }, 'request failed');
    else log.debug({ request_id: requestId, code: error.code, err: error.cause }, 'request refused');
    return error;
  }
  const status = (error as { status?: unknown } | null)?.status;
  // Koa's own refusals (a malformed URL, a bad cookie) carry a status and may be told.
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new AppError('request.invalid', status, 'The request is malformed.', { cause: error });
  log.error({ err: error, request_id: requestId }, 'request failed unexpectedly');
  return new AppError('server_error', 500, 'Something went wrong on our side.', { cause: error });
}
