import { AppError } from '../../platform/errors.js';

const aboutNew = (code: string, status: number, message: string) =>
  new AppError(code, status, message, { details: [{ path: 'newEmail', message }] });

export const emailUnchanged = () => aboutNew('email_change.unchanged', 422, 'This is the address you have already.');

/** Told only to who has shown that the address is theirs. */
export const emailChangeTaken = () => aboutNew('email_change.taken', 409, 'This address already has an account.');

export const emailChangeRateLimited = (retryAfterSeconds: number) =>
  new AppError('email_change.rate_limited', 429, 'Too many requests. Try again later.', { retryAfterSeconds });

export const superseded = () => new AppError('login.superseded', 401, 'Your account was changed meanwhile. Please sign in again.');
