import { AppError } from '../errors.js';

/** Why a request was not made or brought nothing. */
export type OutboundReason =
  | 'url'
  | 'scheme'
  | 'port'
  | 'name'
  | 'address'
  | 'connection'
  | 'redirect'
  | 'response'
  | 'encoding'
  | 'too_large'
  | 'timeout'
  | 'aborted'
  | 'busy';

/**
 * An outbound request that came to nothing. `message` is for whoever named the address, and the same for every reason: which of our neighbours
 * answer, and how, is not to be learnt here. `reason` and `cause` are for the operator's log.
 */
export class OutboundError extends AppError {
  readonly reason: OutboundReason;

  constructor(reason: OutboundReason, explanation: string, cause?: unknown) {
    super('outbound.failed', 502, 'The address cannot be used, or did not give a proper answer.', {
      cause: new Error(explanation, cause === undefined ? undefined : { cause }),
    });
    this.name = 'OutboundError';
    this.reason = reason;
  }

  /** What happened, for the log. */
  get explanation(): string {
    return (this.cause as Error).message;
  }
}
