import type { KeyObject } from 'node:crypto';
import { hmacSha256, randomId, safeEqual } from '../../platform/crypto/index.js';

/** What a device token is bound to: a new password makes every device unknown again. */
export type DeviceOwner = { id: string; passwordSetAt: Date | null };

/**
 * Device tokens, for a long-lived cookie: a device id and, for each account that signed in there, a MAC that binds the two. They are no
 * credential; they only give the device lockout counters of its own (so that nobody else can lock its owner out) and spare its owner the
 * new-device mail. Nothing is stored.
 */
export type DeviceTokens = {
  /** The device's id, if the account signed in there since its password was set. */
  read(deviceToken: string | undefined, owner: DeviceOwner): string | null;
  /** A token that knows the account, and those the given one knows. */
  issue(deviceToken: string | undefined, owner: DeviceOwner): string;
};

const MAX_ACCOUNTS = 5;
const FORM = /^[\w-]{22}(\.[\w-]{22}){1,5}$/;

export function createDeviceTokens({ hmacPepper }: { hmacPepper: KeyObject }): DeviceTokens {
  const macOf = (deviceId: string, { id, passwordSetAt }: DeviceOwner) =>
    hmacSha256(hmacPepper, `device:${deviceId}:${id}:${passwordSetAt?.getTime() ?? 0}`).slice(0, 22);
  const parse = (deviceToken: string | undefined) => {
    if (deviceToken === undefined || !FORM.test(deviceToken)) return null;
    const [deviceId, ...macs] = deviceToken.split('.') as [string, ...string[]];
    return { deviceId, macs };
  };
  return {
    read(deviceToken, owner) {
      const device = parse(deviceToken);
      if (!device) return null;
      const mac = macOf(device.deviceId, owner);
      return device.macs.some((candidate) => safeEqual(candidate, mac)) ? device.deviceId : null;
    },
    issue(deviceToken, owner) {
      const device = parse(deviceToken) ?? { deviceId: randomId(16), macs: [] };
      const mac = macOf(device.deviceId, owner);
      const others = device.macs.filter((candidate) => candidate !== mac);
      return [device.deviceId, mac, ...others.slice(0, MAX_ACCOUNTS - 1)].join('.');
    },
  };
}
