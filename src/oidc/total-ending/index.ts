/**
 * Owns: ending every sign-in of everybody at once, for an operator whose keys or database cannot be relied on as they are (a stolen key, a
 * database that was restored to an older state).
 * Does not own: one account's or one client's endings (oidc/sessions, oidc/grants), the decision that it is needed (cli).
 */
import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import { type Database, sql, sqlList } from '../../platform/db/index.js';

/** How much of each was ended. `artifacts`: codes, tokens, device codes, sign-ins half-way; `links`: of mails, and tickets. */
export type Ended = { sessions: number; grants: number; artifacts: number; links: number };

export type TotalEnding = {
  /** What lives now. */
  countLiving(): Promise<{ sessions: number; grants: number }>;
  /** Ends all of it in one transaction. What is being given at that moment rests on what ends here, and is not given. */
  end(options: { via: string }): Promise<Ended>;
};

/**
 * What stays. Names of what was used already (replay ids, tokens that were denied) are what refuses a second use; with a registration token a
 * client looks after its own metadata, which no sign-in is needed for.
 */
const LASTING = ['ReplayDetection', 'RevokedToken', 'RegistrationAccessToken'];

export function createTotalEnding({ db, audit }: { db: Database; audit: Pick<Audit, 'record'> }): TotalEnding {
  const { client } = db;
  return {
    async countLiving() {
      const living = { revokedAt: null, expiresAt: { gt: nowDate() } };
      const [sessions, grants] = await Promise.all([
        client.session.count({ where: { ...living, accountId: { not: null } } }),
        client.grant.count({ where: living }),
      ]);
      return { sessions, grants };
    },
    async end({ via }) {
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
      const ended = { sessions, grants, artifacts, links };
      await audit.record({ type: 'session.all_ended', outcome: 'success', detail: { via, everybody: true, ...ended } });
      return ended;
    },
  };
}
