/**
 * Owns: the sign-in of devices without a keyboard (RFC 8628): how the library's pages become ours, how often a code may be guessed, and that each
 * device has a grant of its own.
 * Does not own: the pages (pages/device), device codes at rest (adapter), how often a device may ask (polling.ts), sign-in and consent, which are those of every application.
 */
import type { RateLimiter } from '../../platform/limits/index.js';
import type { ProviderExtension } from '../provider.js';
import { buildDeviceFlow, type DeviceFlowDeps, type DeviceFlowFeature } from './feature.js';
import { createGuessLimit } from './guess-limit.js';
import { keepDevicesApart } from './separate-grants.js';

export type { CodeProblem, Confirmation, DevicePages } from './feature.js';
export { isDeviceRequest } from './separate-grants.js';

export type DeviceFlow = { feature: DeviceFlowFeature; extensions: readonly ProviderExtension[] };

/** @param deps.wrongCodesPerMinute how many wrong codes one network may enter in a minute */
export function createDeviceFlow(
  deps: Omit<DeviceFlowDeps, 'onWrongCode'> & {
    limits: Pick<RateLimiter, 'consume' | 'giveBack'>;
    wrongCodesPerMinute: number;
    paths: { entry: string; authorization: string };
  },
): DeviceFlow {
  const guesses = createGuessLimit(deps);
  return {
    feature: buildDeviceFlow({ ...deps, onWrongCode: guesses.noteWrong }),
    extensions: [guesses.extension, keepDevicesApart],
  };
}
