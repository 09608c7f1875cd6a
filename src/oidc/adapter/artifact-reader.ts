import Provider, { type KoaContextWithOIDC } from 'oidc-provider';
import { type Database, noSql, type Sql, sql } from '../../platform/db/index.js';
import type { StoredArtifact } from './artifact-rows.js';

export type StoredGrant = { payload: string; revoked_at: Date | null };
export type StoredSession = { uid: string; id_hash: string; payload: string; version: number; revoked_at: Date | null };
/** A session's row, with when it was last saved. */
export type SavedSession = StoredSession & { last_seen_at: Date };
/** A token's row, with what a used refresh token was exchanged for. */
export type StoredToken = StoredArtifact & { successor: string | null; successor_until: Date | null };

/** Reads artifacts, and with each of them what the library asks for next: its grant and its session. */
export type ArtifactReader = {
  read(idHash: string): Promise<StoredToken | undefined>;
  /** The grant of the artifact that this request has just read; once, since what is asked for again may have changed. */
  takeGrant(id: string): StoredGrant | undefined;
  takeSession(uid: string): StoredSession | undefined;
  /** The session of a cookie. */
  findSession(idHash: string): Promise<SavedSession | undefined>;
};

/** What is read with a token or a session for others, by the id of its account: columns whose names are not those below. */
export type Beside = {
  columns: Sql;
  join(accountId: Sql): Sql;
  isWanted(ctx: KoaContextWithOIDC): boolean;
  keep(ctx: KoaContextWithOIDC, row: object): void;
};

type JoinedRow = StoredToken & {
  grant_payload: string | null;
  grant_revoked_at: Date | null;
  session_uid: string | null;
  session_id_hash: string | null;
  session_payload: string | null;
  session_version: number | null;
  session_revoked_at: Date | null;
};

type Companions = {
  reading: Map<string, Promise<StoredToken | undefined>>;
  grants: Map<string, StoredGrant>;
  sessions: Map<string, StoredSession>;
};

/**
 * One statement where the library makes up to five: introspection looks for a token as an access token, a client's own and a refresh token at the
 * same moment, and whoever finds one looks for its grant and its session. Only within one request, so nobody is told what another read before.
 */
export function createArtifactReader({ db, beside }: { db: Database; beside?: Beside | undefined }): ArtifactReader {
  // On the request's own context: a WeakMap with an entry for each request is what the collector of young objects walks again and again.
  const COMPANIONS = Symbol('what was read beside the tokens of this request');
  type WithCompanions = KoaContextWithOIDC & { [COMPANIONS]?: Companions };

  function companionsOf(ctx: WithCompanions): Companions {
    ctx[COMPANIONS] ??= { reading: new Map(), grants: new Map(), sessions: new Map() };
    return ctx[COMPANIONS];
  }

  const accountOf = (accountId: Sql) => beside && { columns: sql`, ${beside.columns}`, join: beside.join(accountId) };
  const [account, accountOfSession] = [accountOf(sql`a.account_id`), accountOf(sql`s.account_id`)];
  const nothing = { columns: noSql, join: noSql };

  const findJoined = (idHash: string, { columns, join } = nothing) =>
    db.find<JoinedRow>(sql`SELECT a.id_hash, a.kind, a.payload, a.grant_id, a.consumed_at, a.revoked_at, a.successor,
        a.successor_until, g.payload AS grant_payload, g.revoked_at AS grant_revoked_at, s.uid AS session_uid, s.id_hash AS session_id_hash,
        s.payload AS session_payload, s.version AS session_version, s.revoked_at AS session_revoked_at ${columns}
      FROM artifacts a LEFT JOIN grants g ON g.id = a.grant_id LEFT JOIN sessions s ON s.uid = a.session_uid ${join} WHERE a.id_hash = ${idHash}`);

  function keep(row: JoinedRow | undefined, { grants, sessions }: Companions): StoredToken | undefined {
    if (!row) return undefined;
    if (row.grant_id !== null && row.grant_payload !== null) {
      grants.set(row.grant_id, { payload: row.grant_payload, revoked_at: row.grant_revoked_at });
    }
    const { session_uid: uid, session_id_hash: id_hash, session_payload: payload, session_version: version } = row;
    if (uid !== null && id_hash !== null && payload !== null && version !== null) {
      sessions.set(uid, { uid, id_hash, payload, version, revoked_at: row.session_revoked_at });
    }
    return row;
  }

  const readAlone = (idHash: string) =>
    db.find<StoredToken>(sql`
      SELECT id_hash, kind, payload, grant_id, consumed_at, revoked_at, successor, successor_until FROM artifacts WHERE id_hash = ${idHash}`);

  const take = <Value>(of: 'grants' | 'sessions', key: string): Value | undefined => {
    const companions = (Provider.ctx as WithCompanions | undefined)?.[COMPANIONS];
    const value = companions?.[of].get(key);
    companions?.[of].delete(key);
    return value as Value | undefined;
  };

  return {
    read(idHash) {
      const { ctx } = Provider;
      if (!ctx) return readAlone(idHash);
      const companions = companionsOf(ctx);
      const reading = companions.reading.get(idHash);
      if (reading) return reading;
      const wanted = beside?.isWanted(ctx) ? beside : undefined;
      const begun = findJoined(idHash, wanted && account).then(
        (row) => {
          companions.reading.delete(idHash);
          if (row) wanted?.keep(ctx, row);
          return keep(row, companions);
        },
        (error: unknown) => {
          companions.reading.delete(idHash);
          throw error;
        },
      );
      companions.reading.set(idHash, begun);
      return begun;
    },
    takeGrant: (id) => take<StoredGrant>('grants', id),
    takeSession: (uid) => take<StoredSession>('sessions', uid),
    async findSession(idHash) {
      const { ctx } = Provider;
      const wanted = ctx && beside?.isWanted(ctx) ? beside : undefined;
      const { columns, join } = (wanted && accountOfSession) ?? nothing;
      const row = await db.find<SavedSession>(sql`SELECT s.uid, s.id_hash, s.payload, s.version, s.revoked_at, s.last_seen_at ${columns}
        FROM sessions s ${join} WHERE s.id_hash = ${idHash}`);
      if (ctx && row) wanted?.keep(ctx, row);
      return row;
    },
  };
}
