/** One faulty member of an input: where it is and what to do about it. */
export type ErrorDetail = { path: string; message: string };

/**
 * A failure a caller can act on. `code` is stable (`feature.reason`), `message` is public text; the private reason travels as `cause`
 * and reaches the log only. What is not an AppError is a plain 500 at the edge.
 */
export class AppError extends Error {
  readonly code: string;
  /** HTTP status at the edge. */
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  readonly details: readonly ErrorDetail[] | undefined;
  /** where a person can go on with a browser, if that is the way */
  readonly browserUrl: string | undefined;

  constructor(
    code: string,
    status: number,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number; details?: readonly ErrorDetail[]; browserUrl?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.status = status;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.details = options.details;
    this.browserUrl = options.browserUrl;
  }
}
