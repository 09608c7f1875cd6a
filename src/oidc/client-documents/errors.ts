import { AppError, type ErrorDetail } from '../../platform/errors.js';

const LONGEST = 5;

/** The document is public and its host's own, so what is wrong with it is told. */
export const documentUnusable = (faults: readonly ErrorDetail[], cause?: unknown) =>
  new AppError(
    'client_documents.unusable',
    400,
    `the client ID metadata document cannot be used: ${faults
      .slice(0, LONGEST)
      .map(({ path, message }) => (path ? `${path} ${message}` : message))
      .join('; ')}`,
    { details: faults, cause },
  );

/** One text for whatever happened on the way: which of our neighbours answer is not to be learnt here. */
export const documentUnreachable = (cause: unknown) =>
  new AppError('client_documents.unreachable', 400, 'the client ID metadata document could not be fetched', { cause });

export const tooManyDocuments = (retryAfterSeconds: number) =>
  new AppError('client_documents.limited', 429, 'too many client ID metadata documents were asked for from this network', {
    retryAfterSeconds,
  });
