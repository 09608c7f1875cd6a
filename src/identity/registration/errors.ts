import { AppError } from '../../platform/errors.js';

export const registrationRateLimited = (retryAfterSeconds: number) =>
  new AppError('registration.rate_limited', 429, 'Too many requests from your network. Try again later.', { retryAfterSeconds });

/** The link was opened in another browser than the registering one. */
export const passwordRequired = () =>
  new AppError('registration.password_required', 401, 'Enter the password you chose when you created the account.', {
    details: [{ path: 'password', message: 'Enter the password you chose when you created the account.' }],
  });

export const wrongPassword = () =>
  new AppError('registration.wrong_password', 401, 'This is not the password that was chosen when the account was created.', {
    details: [{ path: 'password', message: 'This is not the password that was chosen when the account was created.' }],
  });
