import { AppError } from '../../platform/errors.js';

/** One answer for a token that is missing, wrong, used up or revoked. */
export const notAllowed = () =>
  new AppError('client_registration.not_allowed', 401, 'Registration needs an initial access token that is still good.');

export const tooMany = (retryAfterSeconds: number) =>
  new AppError('client_registration.limited', 429, 'Too many registrations from this network. Try again later.', { retryAfterSeconds });
