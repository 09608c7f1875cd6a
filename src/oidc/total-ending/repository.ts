import { nowDate } from '../../platform/clock.js';
import { type Database, sql, sqlList } from '../../platform/db/index.js';

/**
 * What stays. Names of what was used already (replay ids, tokens that were denied) are what refuses a second use; with a registration token a
 * client looks after its own metadata, which no sign-in is needed for.
 */
const LASTING = ['ReplayDetection', 'RevokedToken', 'RegistrationAccessToken'];

export function createTotalEndingRepository({ db }: { db: Database }) {
  const { client } = db;
  return {
    async countLiving() {
      const living = { revokedAt: null, expiresAt: { gt: nowDate() } };
      const [sessions, grants, apiKeys] = await Promise.all([
        client.session.count({ where: { ...living, accountId: { not: null } } }),
        client.grant.count({ where: living }),
        client.apiKey.count({ where: { revokedAt: null } }),
      ]);
      return { sessions, grants, apiKeys };
    },
    async endSignIns() {
      const at = nowDate();
      // The order in which everybody locks: accounts, clients, sessions, grants, artifacts.
      const [, , sessions, grants, artifacts, links] = await client.$transaction([
        client.$executeRaw`UPDATE accounts SET sign_in_generation = sign_in_generation + 1`,
        client.$executeRaw`UPDATE clients SET tokens_not_before = ${at}`,
        client.$executeRaw`UPDATE sessions SET revoked_at = ${at} WHERE revoked_at IS NULL`,
        client.$executeRaw`UPDATE grants SET revoked_at = ${at} WHERE id IN
          (SELECT id FROM grants WHERE revoked_at IS NULL ORDER BY id ${db.lockForUpdate})`,
        client.$executeRaw`UPDATE artifacts SET revoked_at = ${at}, successor = NULL, successor_until = NULL
          WHERE revoked_at IS NULL AND kind NOT IN (${sqlList(LASTING.map((kind) => sql`${kind}`))})`,
        client.$executeRaw`UPDATE one_time_tokens SET consumed_at = ${at} WHERE consumed_at IS NULL`,
      ]);
      return { sessions, grants, artifacts, links };
    },
    async revokeApiKeys(): Promise<number> {
      return (await client.apiKey.updateMany({ where: { revokedAt: null }, data: { revokedAt: nowDate() } })).count;
    },
  };
}
