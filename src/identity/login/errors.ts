import { AppError } from '../../platform/errors.js';

/** One answer for an unknown account and a wrong password. */
export const invalidCredentials = () =>
  new AppError('login.invalid_credentials', 401, 'The email address or username and the password do not match an account.');

export const loginLocked = (retryAfterSeconds: number) =>
  new AppError('login.locked', 403, 'Too many failed attempts. Try again later, or choose a new password.', { retryAfterSeconds });

export const loginUnverified = () =>
  new AppError('login.unverified', 403, 'Confirm your email address first: open the link in the mail we sent.');

export const loginDisabled = () => new AppError('login.disabled', 403, 'This account has been disabled.');

export const loginRateLimited = (retryAfterSeconds: number) =>
  new AppError('login.rate_limited', 429, 'Too many failed attempts from your network. Try again in a moment.', { retryAfterSeconds });

/** The password was right and is not enough: the rest happens in a browser. */
export const loginInteractionRequired = (browserUrl: string) =>
  new AppError('login.interaction_required', 403, 'This account needs more than a password. Sign in with a browser.', { browserUrl });
