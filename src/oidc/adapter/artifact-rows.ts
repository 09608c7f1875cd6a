import type { KeyObject } from 'node:crypto';
import type { AdapterPayload } from 'oidc-provider';
import { nowDate } from '../../platform/clock.js';
import { hmacSha256, sha256 } from '../../platform/crypto/index.js';
import { type Database, noSql, type Sql, sql } from '../../platform/db/index.js';
import { type ArtifactKind, kindRules } from './kinds.js';
import { toColumn } from './payloads.js';

/** What is searched about an artifact, each in a column of its own. */
export type ArtifactRow = {
  idHash: string;
  kind: ArtifactKind;
  grantId: string | null;
  accountId: string | null;
  clientId: string | null;
  sessionUid: string | null;
  userCodeHash: string | null;
  payload: string;
  createdAt: Date;
  expiresAt: Date | null;
  consumedAt: Date | null;
  /** what must hold for it to be saved, where that is not a grant (see standing.ts) */
  standing?: Sql | undefined;
};

export type StoredArtifact = {
  id_hash: string;
  kind: string;
  payload: string;
  grant_id: string | null;
  consumed_at: Date | null;
  revoked_at: Date | null;
};

/** Bearer values are looked up by their SHA-256; so a hash read from the table is no id, since it would be hashed again. */
export const idHashOf = (id: string): string => sha256(id);

/** User codes are short enough to try them all, so their hash is keyed. The library normalises them before it saves and before it asks. */
export const userCodeHashOf = (pepper: KeyObject, userCode: string): string => hmacSha256(pepper, `user_code:${userCode}`);

/**
 * What the link to a backchannel authentication request carries, in the place of a user code: made from the request's id with a key that stays
 * here, so whoever has one of the two cannot make the other.
 */
export const linkTokenOf = (pepper: KeyObject, authReqId: string): string => hmacSha256(pepper, `backchannel_link:${authReqId}`);

/** The searched columns of a payload. An interaction belongs to whoever signs in with it, as soon as that is known. */
export function columnsOf(
  kind: ArtifactKind,
  payload: AdapterPayload,
): Pick<ArtifactRow, 'grantId' | 'accountId' | 'clientId' | 'sessionUid'> {
  if (kind === 'Interaction') {
    return {
      grantId: null,
      accountId: toColumn(payload.result?.login?.accountId ?? payload.session?.accountId),
      clientId: toColumn(payload.params?.client_id),
      sessionUid: toColumn(payload.session?.uid),
    };
  }
  // A device code that was refused is nobody's from then on: an approval that comes late finds it taken.
  const refused = kind === 'DeviceCode' && payload.error !== undefined ? '' : null;
  return {
    grantId: kindRules[kind].underGrant ? toColumn(payload.grantId) : null,
    accountId: toColumn(payload.accountId) ?? refused,
    clientId: toColumn(payload.clientId),
    sessionUid: toColumn(payload.sessionUid),
  };
}

/** Saves an artifact unless that would revive it, hand it to another account, or outlive its grant. One statement; 0 rows: refused. */
export function saveStatement(db: Database, row: ArtifactRow, at: Date): Sql {
  const sameOwner =
    row.kind === 'Interaction' ? noSql : sql`AND (artifacts.account_id IS NULL OR artifacts.account_id = excluded.account_id)`;
  // An interaction is answered once: the save that brings the answer marks it, and finds no mark.
  const submission =
    row.kind === 'Interaction' && row.consumedAt !== null
      ? { set: sql`, consumed_at = excluded.consumed_at`, once: sql`AND artifacts.consumed_at IS NULL` }
      : { set: noSql, once: noSql };
  return sql`${insertion(db, row, at)} ON CONFLICT (id_hash) DO UPDATE SET
      grant_id = excluded.grant_id, account_id = excluded.account_id, client_id = excluded.client_id, session_uid = excluded.session_uid,
      payload = excluded.payload, expires_at = excluded.expires_at ${submission.set}
    WHERE artifacts.revoked_at IS NULL AND artifacts.kind = excluded.kind ${sameOwner} ${submission.once}`;
}

/** Saves an artifact only if there is none: for what must be seen once. One statement; 0 rows: somebody was first. */
export function insertOnceStatement(db: Database, row: ArtifactRow, at: Date): Sql {
  return sql`${insertion(db, row, at)} ON CONFLICT (id_hash) DO NOTHING`;
}

function insertion(db: Database, row: ArtifactRow, at: Date): Sql {
  const columns = sql`INSERT INTO artifacts
    (id_hash, kind, grant_id, account_id, client_id, session_uid, user_code_hash, payload, created_at, expires_at, consumed_at)`;
  const values = sql`${row.idHash}, ${row.kind}, ${row.grantId}, ${row.accountId}, ${row.clientId}, ${row.sessionUid}, ${row.userCodeHash},
    ${row.payload}, ${row.createdAt}, ${row.expiresAt}, ${row.consumedAt}`;
  if (row.grantId === null && row.standing) return sql`${columns} SELECT ${values} FROM (${row.standing}) AS standing WHERE 1 = 1`;
  if (row.grantId === null) return sql`${columns} VALUES (${values})`;
  const sessionLives =
    kindRules[row.kind].fromSession && row.sessionUid !== null
      ? sql`AND NOT EXISTS (SELECT 1 FROM sessions WHERE uid = ${row.sessionUid} AND revoked_at IS NOT NULL)`
      : noSql;
  return sql`${columns} SELECT ${values} FROM grants
    WHERE grants.id = ${row.grantId} AND grants.revoked_at IS NULL AND grants.expires_at > ${at} ${sessionLives} ${db.lockRows}`;
}

/** What is used up; a refresh token is told what it was exchanged for, sealed, until its reuse window ends, if there is one. */
export type Used = {
  idHash: string;
  kind: ArtifactKind;
  successor?: { sealed: string | null; until: Date | null };
};

/** Uses up what works once. 1 row: this call did it; 0: it was used or revoked. */
export const consumeStatement = ({ idHash, kind }: Pick<Used, 'idHash' | 'kind'>): Sql =>
  sql`UPDATE artifacts SET consumed_at = ${nowDate()}
    WHERE id_hash = ${idHash} AND kind = ${kind} AND consumed_at IS NULL AND revoked_at IS NULL`;

/** The order of an exchange: two tokens at most, then what is used up. As text, so that the statement is the same for each exchange. */
const PLACES = [sql`0`, sql`1`, sql`2`] as const;

/**
 * Uses up a code or a refresh token and saves what it is exchanged for, in one statement: all of it or nothing. As many rows as there are tokens and
 * one more: done; 0: it was used or revoked, or its grant has ended.
 *
 * One INSERT: the tokens, and what is used up, whose row is there and so takes the update. Their order is fixed, because PostgreSQL passes over
 * a row that its statement locks after having changed it. The grant is locked before the row that is used up, as a revocation does. Whose the
 * tokens are they have from that row.
 */
export function exchangeStatement(db: Database, rows: readonly ArtifactRow[], { idHash, kind, successor }: Used): Sql {
  const [first] = rows;
  if (!first) throw new TypeError('what is used up is used up for something');
  // Each ends in a column, from which the parameters beside it have their type.
  const ofToken = (column: Sql, read: (row: ArtifactRow) => unknown) =>
    sql`CASE part.place ${rows.reduce((cases, row, place) => sql`${cases} WHEN ${PLACES[place]} THEN ${read(row)}`, noSql)} ELSE ${column} END`;
  const ofUsed = (column: Sql, value: unknown) => sql`CASE part.place WHEN ${PLACES[rows.length]} THEN ${value} ELSE ${column} END`;
  const places = rows.reduce((parts, _row, place) => sql`${parts} UNION ALL SELECT ${PLACES[place + 1]}`, sql`SELECT 0 AS place`);
  return sql`INSERT INTO artifacts
    (id_hash, kind, grant_id, account_id, client_id, session_uid, payload, created_at, expires_at, consumed_at, successor, successor_until)
    SELECT ${ofToken(sql`used.id_hash`, (row) => row.idHash)}, ${ofToken(sql`used.kind`, (row) => row.kind)}, used.grant_id, used.account_id,
      used.client_id, used.session_uid, ${ofToken(sql`used.payload`, (row) => row.payload)}, ${first.createdAt},
      ${ofToken(sql`used.expires_at`, (row) => row.expiresAt)}, ${ofUsed(sql`used.consumed_at`, first.createdAt)},
      ${ofUsed(sql`used.successor`, successor?.sealed ?? null)}, ${ofUsed(sql`used.successor_until`, successor?.until ?? null)}
    FROM grants, artifacts used, (${places}) part
    WHERE grants.id = ${first.grantId} AND grants.revoked_at IS NULL AND grants.expires_at > ${first.createdAt}
      AND used.id_hash = ${idHash} AND used.grant_id = grants.id AND used.kind = ${kind} AND used.consumed_at IS NULL AND used.revoked_at IS NULL
    ORDER BY part.place ${db.lockInOrder('grants', 'used')}
    ON CONFLICT (id_hash) DO UPDATE
      SET consumed_at = excluded.consumed_at, successor = excluded.successor, successor_until = excluded.successor_until
      WHERE artifacts.id_hash = ${idHash}`;
}
