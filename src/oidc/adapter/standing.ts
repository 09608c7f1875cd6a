import { type Database, noSql, type Sql, sql } from '../../platform/db/index.js';

/**
 * Whose sign-in something is given for. `generation` is the account's `sign_in_generation` as it was when the proof (a password hash, a
 * ticket) was read; undefined where nobody told it.
 */
export type SignIn = { accountId: string; generation?: number | undefined };

/** What a new grant rests on. Whatever is named must still be there at the moment of the insert. */
export type GrantStanding = {
  accountId: string | null;
  clientId: string | null;
  generation?: number | undefined;
  /** the browser session it is given in */
  sessionUid?: string | undefined;
  /** the resource ('' for the OpenID scopes) of a remembered consent, where that is all the person was asked */
  consentTo?: string | undefined;
};

const ofGeneration = (generation: number | undefined): Sql =>
  generation === undefined ? noSql : sql`AND accounts.sign_in_generation = ${generation}`;

/*
 * Each of these is a subquery with one row while what it asks for holds, and none afterwards, to be selected from by the statement that
 * writes. It holds the rows it looked at (on PostgreSQL; SQLite has one writer): whoever ends them waits until what was written is there to
 * be ended too, and whoever comes after the end finds no row.
 */

/** The account exists, may act, and nobody has ended its sign-ins since this one began. */
export function standingSignIn(db: Database, { accountId, generation }: SignIn): Sql {
  return sql`SELECT accounts.id FROM accounts
    WHERE accounts.id = ${accountId} AND accounts.status = ${'active'} ${ofGeneration(generation)} ${db.lockRows}`;
}

/** The client exists, and what it was given from `issuedAtSeconds` on is still good. A second is told from the next one only. */
export function standingClient(db: Database, clientId: string, issuedAtSeconds: number): Sql {
  return sql`SELECT clients.id FROM clients WHERE clients.id = ${clientId}
    AND (clients.tokens_not_before IS NULL OR clients.tokens_not_before < ${new Date(issuedAtSeconds * 1000)}) ${db.lockRows}`;
}

/** Everything a new grant rests on; undefined for a grant that names nobody. */
export function standingGrant(db: Database, standing: GrantStanding): Sql | undefined {
  const { accountId, clientId, generation, sessionUid, consentTo } = standing;
  if (accountId === null) return undefined;
  const client = clientId === null ? noSql : sql`JOIN clients ON clients.id = ${clientId}`;
  const session =
    sessionUid === undefined
      ? noSql
      : sql`JOIN sessions ON sessions.uid = ${sessionUid} AND sessions.account_id = accounts.id AND sessions.revoked_at IS NULL`;
  const consent =
    consentTo === undefined || clientId === null
      ? noSql
      : sql`JOIN consents ON consents.account_id = accounts.id AND consents.client_id = clients.id AND consents.resource = ${consentTo}`;
  return sql`SELECT accounts.id FROM accounts ${client} ${session} ${consent}
    WHERE accounts.id = ${accountId} AND accounts.status = ${'active'} ${ofGeneration(generation)} ${db.lockRows}`;
}
