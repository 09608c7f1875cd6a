import { AppError } from '../../platform/errors.js';
import type { Permission } from '../roles/index.js';

/** The same refusal as the API's own, wherever it is made. */
export const insufficientPermission = (permission: Permission) =>
  new AppError('auth.insufficient_permission', 403, `This needs the permission ${permission}.`);

export const outranked = () =>
  new AppError('users.outranked', 403, 'This account may do things that you may not, so you cannot change it or give what it has.');

export const ownAccount = () =>
  new AppError('users.own_account', 403, 'This cannot be done to your own account here. Another administrator can, or your account page.');
