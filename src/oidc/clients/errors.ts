import { declarationError } from '../../platform/declarations/index.js';
import { AppError, type ErrorDetail } from '../../platform/errors.js';

/** The message lists every fault; each is in `details` as well. */
export const invalidMetadata = (faults: readonly ErrorDetail[]) => declarationError('clients.invalid', 422, faults);

export const clientNotFound = () => new AppError('clients.not_found', 404, 'There is no client with this id.');

export const idTaken = () => new AppError('clients.id_taken', 409, 'There is a client with this id already.');

export const hasNoSecret = () =>
  new AppError('clients.no_secret', 409, 'This client has no secret to rotate: it does not authenticate, or not with a secret.');

/** One answer for a client that is not there and for a token that is not its own (RFC 7592, section 2). */
export const invalidToken = () => new AppError('clients.invalid_token', 401, 'The token is not one that manages this client.');
