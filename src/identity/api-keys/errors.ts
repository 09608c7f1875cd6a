import { AppError, type ErrorDetail } from '../../platform/errors.js';

/** Something typed does not fit; `details` name the members (name, permissions, expiresAt). */
export function invalidApiKey(details: readonly ErrorDetail[]): AppError {
  return new AppError('api_keys.invalid_input', 422, details.map(({ message }) => message).join(' '), { details });
}

export const permissionNotHeld = () => {
  const message = 'A key can only have permissions that you have yourself.';
  return new AppError('api_keys.permission_not_held', 422, message, { details: [{ path: 'permissions', message }] });
};

export const tooManyApiKeys = (limit: number) =>
  new AppError('api_keys.too_many', 409, `An account has at most ${limit} API keys. Revoke one you no longer need.`);

/** One answer for a key of somebody else, one that was revoked, and one that never was. */
export const apiKeyNotFound = () => new AppError('api_keys.not_found', 404, 'There is no such API key.');
