import { type Database, sql } from '../../platform/db/index.js';

type DeviceKey = { accountId: string; deviceHash: string };

/** More than an account can have, for the LIMIT that SQLite wants before an OFFSET. */
const ALL = 1000;

export function createSignInDeviceRepository(db: Database) {
  return {
    async hasAny(accountId: string): Promise<boolean> {
      return (await db.find(sql`SELECT account_id FROM sign_in_devices WHERE account_id = ${accountId} LIMIT 1`)) !== undefined;
    },

    /** When the device was last seen, if it has not expired. */
    async findLastSeen({ accountId, deviceHash }: DeviceKey, at: Date): Promise<Date | null> {
      const row = await db.find<{ last_seen_at: Date }>(sql`SELECT last_seen_at FROM sign_in_devices
        WHERE account_id = ${accountId} AND device_hash = ${deviceHash} AND expires_at > ${at}`);
      return row?.last_seen_at ?? null;
    },

    /** Answers whether the device is still there. */
    async prolong({ accountId, deviceHash }: DeviceKey, at: Date, expiresAt: Date): Promise<boolean> {
      const prolonged = await db.execute(sql`UPDATE sign_in_devices SET last_seen_at = ${at}, expires_at = ${expiresAt}
        WHERE account_id = ${accountId} AND device_hash = ${deviceHash} AND expires_at > ${at}`);
      return prolonged === 1;
    },

    /**
     * Answers whether it was this call that added the device; an expired row counts as none. From the account, so that one which is being deleted
     * is no error.
     */
    async add({ accountId, deviceHash }: DeviceKey, at: Date, expiresAt: Date): Promise<boolean> {
      const added = await db.execute(sql`INSERT INTO sign_in_devices (account_id, device_hash, last_seen_at, expires_at)
        SELECT id, ${deviceHash}, ${at}, ${expiresAt} FROM accounts WHERE id = ${accountId}
        ON CONFLICT (account_id, device_hash) DO UPDATE SET last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at
        WHERE sign_in_devices.expires_at <= ${at}`);
      return added === 1;
    },

    async keepNewest(accountId: string, most: number): Promise<void> {
      const surplus = sql`SELECT device_hash FROM sign_in_devices WHERE account_id = ${accountId}
        ORDER BY last_seen_at DESC, device_hash LIMIT ${ALL} OFFSET ${most}`;
      await db.execute(sql`DELETE FROM sign_in_devices WHERE account_id = ${accountId} AND device_hash ${db.oneOf(surplus)}`);
    },
  };
}
