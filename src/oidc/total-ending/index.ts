/**
 * Owns: ending every sign-in (or API key) of everybody at once, for an operator whose keys or database cannot be relied on as they are: a
 * stolen key, a database that was restored to an older state.
 * Does not own: one account's or one client's endings (oidc/sessions, oidc/grants), the decision that it is needed (cli).
 */
import type { Audit } from '../../platform/audit/index.js';
import type { Database } from '../../platform/db/index.js';
import { createTotalEndingRepository } from './repository.js';

/** How much of each was ended. `artifacts`: codes, tokens, device codes, sign-ins half-way; `links`: of mails, and tickets. */
export type Ended = { sessions: number; grants: number; artifacts: number; links: number };

export type TotalEnding = {
  /** What lives now. */
  countLiving(): Promise<{ sessions: number; grants: number; apiKeys: number }>;
  /** Ends all of it in one transaction. What is being given at that moment rests on what ends here, and is not given. */
  endSignIns(options: { via: string }): Promise<Ended>;
  /** @returns how many there were */
  revokeApiKeys(): Promise<number>;
};

export function createTotalEnding({ db, audit }: { db: Database; audit: Pick<Audit, 'record'> }): TotalEnding {
  const repository = createTotalEndingRepository({ db });
  return {
    countLiving: repository.countLiving,
    async endSignIns({ via }) {
      const ended = await repository.endSignIns();
      await audit.record({ type: 'session.all_ended', outcome: 'success', detail: { via, everybody: true, ...ended } });
      return ended;
    },
    revokeApiKeys: repository.revokeApiKeys,
  };
}
