import { nowDate } from '../../platform/clock.js';
import { sha256 } from '../../platform/crypto/index.js';
import { type Database, sql } from '../../platform/db/index.js';

export type JwtAccessTokenRepository = ReturnType<typeof createJwtAccessTokenRepository>;

/** Kept among the artifacts, whose purge takes it away when the token would have expired. No model of the library has this name. */
const KIND = 'RevokedToken';
/** Not the hash of the `jti` itself: nothing that is looked up by a bearer value's hash may be found by a `jti`. */
const hashOf = (jti: string) => sha256(`revoked token ${jti}`);

export function createJwtAccessTokenRepository({ db }: { db: Pick<Database, 'find' | 'query' | 'execute'> }) {
  return {
    /** Whose a living grant of this client is; null when there is none. Not the registry's cache: other processes hear of an end within a second, introspection at once. */
    async findGrantAccount(grantId: string, clientId: string): Promise<string | null> {
      const rows = await db.query<{ account_id: string }>(sql`SELECT account_id FROM grants
        WHERE id = ${grantId} AND client_id = ${clientId} AND revoked_at IS NULL AND expires_at > ${nowDate()}`);
      return rows[0]?.account_id ?? null;
    },

    /** Since when a client's own tokens are good, and whether this one was revoked by itself; null when there is no such client. */
    async findStanding(clientId: string, jti: string): Promise<{ createdAt: Date; tokensNotBefore: Date | null; revoked: boolean } | null> {
      const row = await db.find<{ created_at: Date; tokens_not_before: Date | null; revoked: string | null }>(
        sql`SELECT clients.created_at, clients.tokens_not_before, artifacts.kind AS revoked FROM clients
          LEFT JOIN artifacts ON artifacts.id_hash = ${hashOf(jti)} AND artifacts.kind = ${KIND} WHERE clients.id = ${clientId}`,
      );
      return row ? { createdAt: row.created_at, tokensNotBefore: row.tokens_not_before, revoked: row.revoked !== null } : null;
    },

    /** Denies one token until it would have expired. */
    async deny({ jti, clientId, expiresAt }: { jti: string; clientId: string; expiresAt: Date }): Promise<void> {
      await db.execute(sql`INSERT INTO artifacts (id_hash, kind, client_id, payload, created_at, expires_at)
        VALUES (${hashOf(jti)}, ${KIND}, ${clientId}, ${''}, ${nowDate()}, ${expiresAt}) ON CONFLICT (id_hash) DO NOTHING`);
    },
  };
}
