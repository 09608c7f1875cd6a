import { AppError } from '../../platform/errors.js';

export const notOpen = () => new AppError('signing_keys.not_open', 503, 'The signing keys are not loaded yet.');

export const noActiveKey = (alg: string) =>
  new AppError(
    'signing_keys.none_active',
    503,
    `There is no readable active ${alg} signing key. Was the database restored without its secrets, or edited by hand?`,
  );

export const settingsRefused = (faults: readonly string[]) =>
  new AppError('signing_keys.settings_refused', 500, `The settings of the signing keys cannot be used: ${faults.join('; ')}.`);

/** @param readyAt when the next key may sign */
export const publishedTooShort = ({ kid, createdAt, readyAt }: { kid: string; createdAt: Date; readyAt: Date }) =>
  new AppError(
    'signing_keys.published_too_short',
    409,
    `The next key ${kid} has been published since ${createdAt.toISOString()} only, so applications may hold a copy of the JWKS without it. ` +
      `It can sign from ${readyAt.toISOString()} on. In an emergency use force: tokens then fail where that copy is still held.`,
  );

export const noSuchKey = (kid: string) => new AppError('signing_keys.not_found', 404, `There is no signing key ${kid}.`);

export const noNextKey = (alg: string) =>
  new AppError(
    'signing_keys.no_next',
    409,
    `There is no next ${alg} key yet; the server makes one as it runs. In an emergency use force: a key made now signs at once.`,
  );
