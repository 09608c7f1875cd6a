import { nowDate } from '../../platform/clock.js';
import { type Database, noSql, type Sql, sql, sqlList } from '../../platform/db/index.js';
import type { Revocation } from '../adapter/index.js';

export type StoredSession = {
  uid: string;
  accountId: string | null;
  payload: string;
  ip: string | null;
  userAgent: string | null;
  signedInAt: Date | null;
  lastSeenAt: Date;
  createdAt: Date;
  expiresAt: Date;
};

export type SessionRepository = ReturnType<typeof createSessionRepository>;

const nothing = sql`1 = 0`;
const within = (column: Sql, values: readonly string[]) => (values.length > 0 ? sql`${column} IN (${sqlList([...values])})` : nothing);

/** Each ending is one transaction: the account, then sessions, then grants, then their artifacts, the order every other writer keeps. */
export function createSessionRepository({ db, revocation }: { db: Database; revocation: Revocation }) {
  const { client } = db;
  const living = () => ({ revokedAt: null, expiresAt: { gt: nowDate() } });
  const select = {
    uid: true,
    accountId: true,
    payload: true,
    ip: true,
    userAgent: true,
    signedInAt: true,
    lastSeenAt: true,
    createdAt: true,
    expiresAt: true,
  } as const;
  return {
    list(accountId: string): Promise<StoredSession[]> {
      return client.session.findMany({ where: { accountId, ...living() }, select, orderBy: { lastSeenAt: 'desc' } });
    },
    find(uid: string): Promise<StoredSession | null> {
      return client.session.findFirst({ where: { uid, ...living() }, select });
    },
    /** @returns false when it had ended already */
    async end(uid: string, grantIds: readonly string[]): Promise<boolean> {
      const [ended] = await client.$transaction([
        client.$executeRaw`UPDATE sessions SET revoked_at = ${nowDate()} WHERE uid = ${uid} AND revoked_at IS NULL`,
        ...revocation.statements({ grants: within(sql`id`, grantIds), artifacts: within(sql`grant_id`, grantIds) }),
      ]);
      return (ended ?? 0) > 0;
    },
    /** @param kept a session that goes on, with the grants it holds */
    async endAll(accountId: string, kept: { uid: string; grantIds: readonly string[] } | undefined): Promise<void> {
      const keptGrants = kept?.grantIds ?? [];
      const butSession = kept ? sql`AND uid <> ${kept.uid}` : noSql;
      // An interaction is somebody half-way through signing in: with the old password, as far as anybody knows.
      const butInteraction = kept ? sql`AND (kind <> ${'Interaction'} OR session_uid IS NULL OR session_uid <> ${kept.uid})` : noSql;
      const butArtifacts =
        keptGrants.length > 0 ? sql`AND (grant_id IS NULL OR NOT ${within(sql`grant_id`, keptGrants)}) ${butInteraction}` : butInteraction;
      await client.$transaction([
        // Sign-ins that have begun and are stored nowhere yet die by this; those being stored hold the row, and are seen below.
        client.$executeRaw`UPDATE accounts SET sign_in_generation = sign_in_generation + 1 WHERE id = ${accountId}`,
        client.$executeRaw`UPDATE sessions SET revoked_at = ${nowDate()}
          WHERE account_id = ${accountId} AND revoked_at IS NULL ${butSession}`,
        ...revocation.statements({
          grants: sql`account_id = ${accountId} AND NOT ${within(sql`id`, keptGrants)}`,
          artifacts: sql`account_id = ${accountId} ${butArtifacts}`,
        }),
      ]);
    },
  };
}
