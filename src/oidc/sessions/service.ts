import { isKey, type PayloadCodec, places } from '../adapter/index.js';
import { FIRST_PARTY_CLIENT_ID } from '../first-party/index.js';
import type { KeptSignIn, SessionRepository, Statement, StoredSession } from './repository.js';

export type SessionSummary = {
  /** names the sign-in and is no secret: a browser session's uid, or the id of the grant where there is no browser */
  uid: string;
  /** `api`: an application with its own sign-in form, over our JSON API */
  kind: 'browser' | 'api';
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
  /** Browser sessions of everybody that somebody is signed in to: a count over an index, for monitoring. */
  countActive(): Promise<number>;
  /** Sign-ins of everybody over our JSON API whose grant lives: a count over an index, for statistics. */
  countApiSignIns(): Promise<number>;
  /** Living sign-ins of an account, last used first: at most `MAX_LISTED` of each kind. */
  list(accountId: string): Promise<SessionSummary[]>;
  /**
   * Ends a sign-in and, as a sign-out does, the grants it gave that were to end with it (an application with `offline_access` keeps its
   * own; see `grants`). With `accountId` only if it is that person's. @returns false when there is none
   */
  end(uid: string, options?: { accountId?: string }): Promise<boolean>;
  /**
   * Ends what an account has beyond `MAX_API_SIGN_INS` sign-ins over our JSON API: those that were not used for longest. To be called with each
   * new one, once it is stored: of several at the same moment the last to be stored sees them all. @param newUid the new one, which stays
   * @returns how many were ended
   */
  endSurplusApiSignIns(accountId: string, newUid: string): Promise<number>;
  /**
   * Ends every session of an account, every grant and every token, and whoever is half-way through signing in. With `exceptSessionUid` that
   * session goes on with exactly the grants its own authorizations name; a uid of somebody else, or of an ended session, keeps nothing.
   */
  endAll(accountId: string, options?: { exceptSessionUid?: string }): Promise<void>;
};

/** Living sign-ins of one account over our JSON API. A program that signs in anew at each start would make them without end. */
export const MAX_API_SIGN_INS = 50;
/** Browser sessions have no bound, a page of them has. */
const MAX_LISTED = 100;

/** Tells applications that sign-ins at them have ended: statements for the transaction that ends them, and a wake-up call after it. */
export type EndNotices = {
  statements(ended: readonly { clientId: string; accountId: string; sid: string }[]): Promise<Statement[]>;
  wake(): void;
};

type Deps = { repository: SessionRepository; codec: PayloadCodec; notices: EndNotices };

export function createSessionService({ repository, codec, notices }: Deps): Sessions {
  const authorizationsOf = ({ uid, payload }: StoredSession) => codec.open(places.session(uid), payload)?.authorizations ?? {};
  const grantIdsOf = (session: StoredSession, { persistent }: { persistent: boolean }) =>
    Object.values(authorizationsOf(session)).flatMap(({ grantId, persistsLogout }) =>
      grantId && (persistent || !persistsLogout) ? [grantId] : [],
    );
  /** What the applications of sessions are to be told when these end. */
  const noticesOf = (ended: readonly StoredSession[]) =>
    notices.statements(
      ended.flatMap((session) =>
        Object.entries(authorizationsOf(session)).flatMap(([clientId, { sid }]) =>
          session.accountId !== null && sid ? [{ clientId, accountId: session.accountId, sid }] : [],
        ),
      ),
    );
  /** What goes on when all else of an account ends: a session with the grants its authorizations name, or one grant without a session. */
  async function keptOf(session: StoredSession | null, accountId: string, uid: string | undefined): Promise<KeptSignIn | undefined> {
    if (session)
      return session.accountId === accountId ? { uid: session.uid, grantIds: grantIdsOf(session, { persistent: true }) } : undefined;
    return isKey(uid) && (await repository.hasGrant(uid, accountId)) ? { uid: undefined, grantIds: [uid] } : undefined;
  }

  return {
    countActive: repository.countActive,
    countApiSignIns: () => repository.countSignIns(FIRST_PARTY_CLIENT_ID),
    async list(accountId) {
      if (!isKey(accountId)) return [];
      const [sessions, signIns] = await Promise.all([
        repository.list(accountId, MAX_LISTED),
        repository.listSignIns({ accountId, clientId: FIRST_PARTY_CLIENT_ID, most: MAX_LISTED }),
      ]);
      const inBrowsers = sessions.map((session) => ({
        uid: session.uid,
        kind: 'browser' as const,
        accountId,
        ip: session.ip,
        userAgent: session.userAgent,
        signedInAt: session.signedInAt ?? session.createdAt,
        lastSeenAt: session.lastSeenAt,
        expiresAt: session.expiresAt,
        clientIds: Object.keys(authorizationsOf(session)),
      }));
      const byPrograms = signIns.map(({ id, ip, userAgent, createdAt, lastSeenAt, expiresAt }) => ({
        ...{ uid: id, kind: 'api' as const, accountId, ip, userAgent },
        ...{ signedInAt: createdAt, lastSeenAt, expiresAt, clientIds: [FIRST_PARTY_CLIENT_ID] },
      }));
      return [...inBrowsers, ...byPrograms].sort((a, b) => b.lastSeenAt.getTime() - a.lastSeenAt.getTime());
    },
    async end(uid, { accountId } = {}) {
      const session = isKey(uid) ? await repository.find(uid) : null;
      if (!session && isKey(uid) && (await repository.hasGrant(uid, accountId))) return repository.endGrant(uid);
      if (!session || (accountId !== undefined && session.accountId !== accountId)) return false;
      const ended = await repository.end(uid, grantIdsOf(session, { persistent: false }), await noticesOf([session]));
      notices.wake();
      return ended;
    },
    async endSurplusApiSignIns(accountId, newUid) {
      const surplus = await repository.listSurplus({ accountId, clientId: FIRST_PARTY_CLIENT_ID, but: newUid, most: MAX_API_SIGN_INS });
      if (surplus.length > 0) await repository.endGrants(surplus);
      return surplus.length;
    },
    async endAll(accountId, { exceptSessionUid } = {}) {
      if (!isKey(accountId)) return;
      const session = isKey(exceptSessionUid) ? await repository.find(exceptSessionUid) : null;
      const kept = await keptOf(session, accountId, exceptSessionUid);
      const ending = (await repository.list(accountId)).filter(({ uid }) => uid !== kept?.uid);
      await repository.endAll(accountId, kept, await noticesOf(ending));
      notices.wake();
    },
  };
}
