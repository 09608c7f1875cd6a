import type { KeyObject } from 'node:crypto';
import { addSeconds, now, nowDate } from '../../platform/clock.js';
import { hmacSha256 } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import { networkOf } from '../../platform/limits/index.js';
import type { DeviceOwner } from './device-tokens.js';
import { createSignInDeviceRepository } from './sign-in-device-repository.js';

/** Where a sign-in came from, as far as the request tells. */
export type SignInOrigin = { ip?: string | undefined; userAgent?: string | undefined };

/** `new` is what the owner should hear of; `first` is the account's very first sign-in, which they are making themselves. */
export type DeviceNovelty = 'known' | 'new' | 'first';

/**
 * Where an account has signed in from: programs keep no cookie, and would cause a mail each time. A device is a user agent in a network, which
 * anybody can imitate. So it spares a mail and nothing else; for the lockout only the cookie counts.
 */
export type SignInDevices = {
  /** Remembers the device for 90 days from its last sign-in, to the day. Of any number of calls at once, one is told that it is new. */
  remember(owner: DeviceOwner & { createdAt: Date }, origin: SignInOrigin): Promise<DeviceNovelty>;
};

const KEPT_SECONDS = 90 * 24 * 3600;
/** Most sign-ins come from a device that was seen today, and cost one look. */
const PROLONG_SECONDS = 24 * 3600;
export const MAX_DEVICES = 20;

export function createSignInDevices({ db, hmacPepper }: { db: Database; hmacPepper: KeyObject }): SignInDevices {
  const rows = createSignInDeviceRepository(db);
  // Bound to the password's age, as the cookie is: after a reset, where a thief signed in from is new again.
  const hashOf = ({ id, passwordSetAt }: DeviceOwner, { ip, userAgent = '' }: SignInOrigin) =>
    hmacSha256(hmacPepper, `sign_in_device:${id}:${passwordSetAt?.getTime() ?? 0}:${networkOf(ip)}:${userAgent}`);

  /** Every sign-in of the last 90 days has left a row, so an account younger than that and without any has had none. */
  async function isFirst({ id, createdAt }: { id: string; createdAt: Date }): Promise<boolean> {
    if (createdAt.getTime() <= now() - KEPT_SECONDS * 1000) return false;
    return !(await rows.hasAny(id));
  }

  return {
    async remember(owner, origin) {
      const device = { accountId: owner.id, deviceHash: hashOf(owner, origin) };
      const at = nowDate();
      const expiresAt = addSeconds(at, KEPT_SECONDS);
      const lastSeenAt = await rows.findLastSeen(device, at);
      if (lastSeenAt !== null && (lastSeenAt > addSeconds(at, -PROLONG_SECONDS) || (await rows.prolong(device, at, expiresAt))))
        return 'known';
      const first = await isFirst(owner);
      if (!(await rows.add(device, at, expiresAt))) return 'known';
      await rows.keepNewest(owner.id, MAX_DEVICES);
      return first ? 'first' : 'new';
    },
  };
}
