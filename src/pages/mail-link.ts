import { AppError } from '../platform/errors.js';

/** The token of a mail link, from a query or a form. @throws AppError `token.unknown` for what cannot be one */
export function tokenOf(value: unknown): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > 128) throw tokenError('unknown');
  return value;
}

/** Why a mail link leads nowhere: each case has a sentence and a way on of its own. */
export function tokenError(state: 'expired' | 'used' | 'unknown'): AppError {
  if (state === 'expired') return new AppError('token.expired', 400, 'This link has expired.');
  if (state === 'used') return new AppError('token.already_used', 400, 'This link was used already.');
  return new AppError('token.unknown', 400, 'This link is not one of ours.');
}
