import { AppError, type ErrorDetail } from '../../platform/errors.js';

/** Something typed does not fit; `details` name the members (email, username, firstName, lastName, fullName). */
export function invalidInput(details: readonly ErrorDetail[]): AppError {
  return new AppError('accounts.invalid_input', 422, details.map(({ message }) => message).join(' '), { details });
}

export const accountNotFound = () => new AppError('accounts.not_found', 404, 'There is no such account.');

export const emailTaken = () => {
  const message = 'This address already has an account.';
  return new AppError('accounts.email_taken', 409, message, { details: [{ path: 'email', message }] });
};

export const usernamesRateLimited = (retryAfterSeconds: number) =>
  new AppError('accounts.rate_limited', 429, 'Too many usernames were tried. Try again later.', { retryAfterSeconds });

export const usernameTaken = () => {
  const message = 'This username is taken.';
  return new AppError('accounts.username_taken', 409, message, { details: [{ path: 'username', message }] });
};
