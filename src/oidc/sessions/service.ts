import { isKey, type PayloadCodec, places } from '../adapter/index.js';
import type { SessionRepository, StoredSession } from './repository.js';

export type SessionSummary = {
  uid: string;
  accountId: string;
  /** where and with what the person signed in, as far as it was told */
  ip: string | null;
  userAgent: string | null;
  signedInAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
  /** applications that were signed in to through this session */
  clientIds: string[];
};

export type Sessions = {
  /** Living sessions of an account, last used first. */
  list(accountId: string): Promise<SessionSummary[]>;
  /**
   * Ends a session and, as a sign-out does, the grants it gave that were to end with it (an application with `offline_access` keeps its
   * own; see `grants`). With `accountId` only if it is that person's. @returns false when there is none
   */
  end(uid: string, options?: { accountId?: string }): Promise<boolean>;
  /**
   * Ends every session of an account, every grant and every token, and whoever is half-way through signing in. With `exceptSessionUid` that
   * session goes on with exactly the grants its own authorizations name; a uid of somebody else, or of an ended session, keeps nothing.
   */
  endAll(accountId: string, options?: { exceptSessionUid?: string }): Promise<void>;
};

export function createSessionService({ repository, codec }: { repository: SessionRepository; codec: PayloadCodec }): Sessions {
  const authorizationsOf = ({ uid, payload }: StoredSession) => codec.open(places.session(uid), payload)?.authorizations ?? {};
  const grantIdsOf = (session: StoredSession, { persistent }: { persistent: boolean }) =>
    Object.values(authorizationsOf(session)).flatMap(({ grantId, persistsLogout }) =>
      grantId && (persistent || !persistsLogout) ? [grantId] : [],
    );
  return {
    async list(accountId) {
      if (!isKey(accountId)) return [];
      return (await repository.list(accountId)).map((session) => ({
        uid: session.uid,
        accountId,
        ip: session.ip,
        userAgent: session.userAgent,
        signedInAt: session.signedInAt ?? session.createdAt,
        lastSeenAt: session.lastSeenAt,
        expiresAt: session.expiresAt,
        clientIds: Object.keys(authorizationsOf(session)),
      }));
    },
    async end(uid, { accountId } = {}) {
      const session = isKey(uid) ? await repository.find(uid) : null;
      if (!session || (accountId !== undefined && session.accountId !== accountId)) return false;
      return repository.end(uid, grantIdsOf(session, { persistent: false }));
    },
    async endAll(accountId, { exceptSessionUid } = {}) {
      if (!isKey(accountId)) return;
      const session = isKey(exceptSessionUid) ? await repository.find(exceptSessionUid) : null;
      const kept = session?.accountId === accountId ? { uid: session.uid, grantIds: grantIdsOf(session, { persistent: true }) } : undefined;
      await repository.endAll(accountId, kept);
    },
  };
}
