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

/** A session with the grants it holds, or grants alone. */
export type KeptSignIn = { uid: string | undefined; grantIds: readonly string[] };

/** A sign-in without a browser session: a grant, alive as long as its refresh token is. */
export type StoredSignIn = {
  id: string;
  ip: string | null;
  userAgent: string | null;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
};

/** Not run yet. */
export type Statement = ReturnType<Database['client']['$executeRaw']>;

export type SessionRepository = ReturnType<typeof createSessionRepository>;

/** Ended by one statement; there are more only where there was no bound before. */
const SURPLUS_AT_ONCE = 500;

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
    /** Last used first. @param most undefined: all of them */
    list(accountId: string, most?: number): Promise<StoredSession[]> {
      const limit: { take?: number } = most === undefined ? {} : { take: most };
      return client.session.findMany({ where: { accountId, ...living() }, select, orderBy: { lastSeenAt: 'desc' }, ...limit });
    },
    /** Living sessions of everybody that somebody is signed in to. */
    async countActive(): Promise<number> {
      const [row] = await client.$queryRaw<{ sessions: number | bigint }[]>`SELECT COUNT(*) AS sessions FROM sessions
        WHERE expires_at > ${nowDate()} AND revoked_at IS NULL AND account_id IS NOT NULL`;
      return Number(row?.sessions ?? 0);
    },
    /** Grants of a client that were neither revoked nor have run out. */
    async countSignIns(clientId: string): Promise<number> {
      const [row] = await client.$queryRaw<{ grants: number | bigint }[]>`SELECT COUNT(*) AS grants FROM grants
        WHERE client_id = ${clientId} AND revoked_at IS NULL AND expires_at > ${nowDate()}`;
      return Number(row?.grants ?? 0);
    },
    /** Sign-ins of an account at a client that people sign in to without a browser, last used first. */
    async listSignIns({ accountId, clientId, most }: { accountId: string; clientId: string; most: number }): Promise<StoredSignIn[]> {
      const rows = await client.$queryRaw<
        { id: string; ip: string | null; user_agent: string | null; created_at: Date; last_seen_at: Date; expires_at: Date }[]
      >`SELECT g.id, g.ip, g.user_agent, g.created_at, a.created_at AS last_seen_at, a.expires_at
        FROM grants g JOIN artifacts a ON a.grant_id = g.id
        WHERE g.account_id = ${accountId} AND g.client_id = ${clientId} AND g.revoked_at IS NULL AND a.kind = ${'RefreshToken'}
          AND a.consumed_at IS NULL AND a.revoked_at IS NULL AND a.expires_at > ${nowDate()}
        ORDER BY a.created_at DESC LIMIT ${most}`;
      return rows.map((row) => ({
        id: row.id,
        ip: row.ip,
        userAgent: row.user_agent,
        createdAt: new Date(row.created_at),
        lastSeenAt: new Date(row.last_seen_at),
        expiresAt: new Date(row.expires_at),
      }));
    },
    /** Living grants of an account at a client beyond so many, those that were used last left out. @param but one that counts, and is kept */
    async listSurplus({
      accountId,
      clientId,
      but,
      most,
    }: {
      accountId: string;
      clientId: string;
      but: string;
      most: number;
    }): Promise<string[]> {
      const others = sql`FROM grants g WHERE g.account_id = ${accountId} AND g.client_id = ${clientId} AND g.id <> ${but}
        AND g.revoked_at IS NULL AND g.expires_at > ${nowDate()}`;
      const ids = (order: Sql) => db.query<{ id: string }>(sql`SELECT g.id ${others} ${order} LIMIT ${SURPLUS_AT_ONCE} OFFSET ${most - 1}`);
      // Whoever has few, and that is nearly everybody, pays for no more than the count of them.
      if ((await ids(noSql)).length === 0) return [];
      const lastUsed = sql`(SELECT MAX(a.created_at) FROM artifacts a WHERE a.grant_id = g.id AND a.kind = ${'RefreshToken'})`;
      return (await ids(sql`ORDER BY COALESCE(${lastUsed}, g.created_at) DESC, g.id`)).map(({ id }) => id);
    },
    async endGrants(grantIds: readonly string[]): Promise<void> {
      const condition = { grants: within(sql`id`, grantIds), artifacts: within(sql`grant_id`, grantIds) };
      await client.$transaction(revocation.statements(condition));
    },
    /** @param accountId undefined: anybody's */
    async hasGrant(id: string, accountId: string | undefined): Promise<boolean> {
      const owner = accountId === undefined ? noSql : sql`AND account_id = ${accountId}`;
      const rows = await db.query(
        sql`SELECT id FROM grants WHERE id = ${id} ${owner} AND revoked_at IS NULL AND expires_at > ${nowDate()}`,
      );
      return rows.length > 0;
    },
    /** @returns false when it had ended already */
    async endGrant(id: string): Promise<boolean> {
      const [ended] = await client.$transaction(revocation.statements({ grants: sql`id = ${id}`, artifacts: sql`grant_id = ${id}` }));
      return (ended ?? 0) > 0;
    },
    find(uid: string): Promise<StoredSession | null> {
      return client.session.findFirst({ where: { uid, ...living() }, select });
    },
    /** @param others what is to happen with it, or not at all. @returns false when it had ended already */
    async end(uid: string, grantIds: readonly string[], others: readonly Statement[]): Promise<boolean> {
      const [ended] = await client.$transaction([
        client.$executeRaw`UPDATE sessions SET revoked_at = ${nowDate()} WHERE uid = ${uid} AND revoked_at IS NULL`,
        ...revocation.statements({ grants: within(sql`id`, grantIds), artifacts: within(sql`grant_id`, grantIds) }),
        ...others,
      ]);
      return (ended ?? 0) > 0;
    },
    /** @param kept a sign-in that goes on */
    async endAll(accountId: string, kept: KeptSignIn | undefined, others: readonly Statement[]): Promise<void> {
      const keptGrants = kept?.grantIds ?? [];
      const butSession = kept?.uid !== undefined ? sql`AND uid <> ${kept.uid}` : noSql;
      // An interaction is somebody half-way through signing in: with the old password, as far as anybody knows.
      const butInteraction =
        kept?.uid !== undefined ? sql`AND (kind <> ${'Interaction'} OR session_uid IS NULL OR session_uid <> ${kept.uid})` : noSql;
      await client.$transaction([
        // Sign-ins that have begun and are stored nowhere yet die by this; those being stored hold the row, and are seen below.
        client.$executeRaw`UPDATE accounts SET sign_in_generation = sign_in_generation + 1 WHERE id = ${accountId}`,
        client.$executeRaw`UPDATE sessions SET revoked_at = ${nowDate()}
          WHERE account_id = ${accountId} AND revoked_at IS NULL ${butSession}`,
        ...revocation.statements({
          grants: sql`account_id = ${accountId} AND NOT ${within(sql`id`, keptGrants)}`,
          grantless: sql`account_id = ${accountId} ${butInteraction}`,
        }),
        ...others,
      ]);
    },
  };
}
