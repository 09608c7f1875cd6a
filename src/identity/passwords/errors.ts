import { AppError } from '../../platform/errors.js';
import type { PasswordAssessment } from './strength.js';

export type PasswordFault =
  | 'passwords.too_short'
  | 'passwords.too_long'
  | 'passwords.too_common'
  | 'passwords.too_weak'
  | 'passwords.breached';

const sentences: Record<PasswordFault, string> = {
  'passwords.too_short': 'Use at least 8 characters.',
  'passwords.too_long': 'Use at most 128 characters.',
  'passwords.too_common': 'This is one of the passwords that are tried first. Choose another.',
  'passwords.too_weak': 'This password is too easy to guess.',
  'passwords.breached': 'This password has been found in a data leak. Choose another.',
};

/** A new password that is refused, with the estimator's advice. */
export function passwordRefused(code: PasswordFault, assessment: Pick<PasswordAssessment, 'warning' | 'suggestions'>): AppError {
  const advice = [assessment.warning, ...assessment.suggestions].filter((sentence) => sentence !== null);
  const message = [sentences[code], ...(code === 'passwords.too_weak' ? advice : [])].join(' ');
  return new AppError(code, 422, message, { details: [{ path: 'password', message }] });
}

/** The queue of password hashes is full. */
export const passwordsBusy = (retryAfterSeconds: number) =>
  new AppError('passwords.busy', 503, 'Too many people are signing in right now. Try again in a moment.', { retryAfterSeconds });
