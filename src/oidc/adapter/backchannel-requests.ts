import type { AdapterPayload } from 'oidc-provider';
import { now, nowDate } from '../../platform/clock.js';
import { type Database, noSql, type Sql, sql } from '../../platform/db/index.js';
import { createArtifactCodec } from './artifact-codec.js';
import { idHashOf, linkTokenOf, type StoredArtifact, userCodeHashOf } from './artifact-rows.js';
import type { AdapterDeps } from './index.js';
import { createPayloadCodec } from './payloads.js';

const KIND = 'BackchannelAuthenticationRequest';

/** ended: with everything of its person, or its application's */
export type BackchannelState = 'open' | 'expired' | 'decided' | 'ended' | 'unknown';

/** A request as it is stored; `jti` is its `auth_req_id`. */
export type BackchannelPayload = AdapterPayload & { jti: string };

/** What a person says to a request: a grant, or the error its application is told. */
export type BackchannelDecision = { sessionUid: string } & (
  | { grantId: string; authTime: number; amr?: string[] | undefined; acr?: string | undefined }
  | { error: string; errorDescription: string }
);

type Statement = ReturnType<Database['client']['$executeRaw']>;

export type BackchannelRequests = {
  /** What the link to a request carries. Made from its id with a key that stays here, so whoever has one cannot make the other. */
  linkTokenOf(authReqId: string): string;
  find(linkToken: string): Promise<{ state: Exclude<BackchannelState, 'unknown'>; payload: BackchannelPayload } | { state: 'unknown' }>;
  /**
   * Stores a decision, once: of any number at the same moment one is stored, and none about a request that has run out, was ended, or whose person
   * has signed out of the session in which it was made.
   * @param alongside a statement for the same transaction, which must do nothing unless its condition holds: that this decision is the stored one
   */
  decide(request: BackchannelPayload, decision: BackchannelDecision, alongside?: (stored: Sql) => Statement): Promise<boolean>;
};

const MAX_TOKEN_CHARS = 128;

/** What becomes of backchannel authentication requests between their application's asking and its collecting the answer. */
export function createBackchannelRequests({
  db,
  secrets: { sealer, hmacPepper },
  onUnreadable,
}: Pick<AdapterDeps, 'db' | 'secrets' | 'onUnreadable'>): BackchannelRequests {
  const { client } = db;
  const codec = createPayloadCodec(sealer, onUnreadable);
  const { toRow, wake } = createArtifactCodec(KIND, { codec, hmacPepper, interactionTtlSeconds: 0 });
  type Row = StoredArtifact & { session_uid: string | null };
  return {
    linkTokenOf: (authReqId) => linkTokenOf(hmacPepper, authReqId),

    async find(linkToken) {
      if (linkToken.length === 0 || linkToken.length > MAX_TOKEN_CHARS) return { state: 'unknown' };
      const [stored] = await client.$queryRaw<Row[]>`
        SELECT id_hash, kind, payload, grant_id, session_uid, consumed_at, revoked_at FROM artifacts
        WHERE user_code_hash = ${userCodeHashOf(hmacPepper, linkToken)}`;
      const payload = wake(stored && { ...stored, revoked_at: null });
      if (!stored || !payload?.jti) return { state: 'unknown' };
      const found = payload as BackchannelPayload;
      // Whoever decided is told so, whatever became of what they allowed.
      if (stored.session_uid !== null) return { state: 'decided', payload: found };
      if (stored.revoked_at !== null) return { state: 'ended', payload: found };
      return { state: (found.exp ?? 0) * 1000 > now() ? 'open' : 'expired', payload: found };
    },

    async decide({ consumed: _consumed, ...request }, decision, alongside) {
      const row = toRow(request.jti, { ...request, ...decision }, undefined);
      // Held, as by every save that rests on a grant: whoever ends it waits until this row rests on it, and so finds it.
      const granted =
        row.grantId === null
          ? noSql
          : sql`AND EXISTS (SELECT 1 FROM grants WHERE grants.id = ${row.grantId} AND grants.revoked_at IS NULL ${db.lockRows})`;
      const update = client.$executeRaw`UPDATE artifacts
        SET grant_id = ${row.grantId}, session_uid = ${decision.sessionUid}, payload = ${row.payload}
        WHERE id_hash = ${row.idHash} AND kind = ${KIND} AND account_id = ${row.accountId} AND session_uid IS NULL
          AND consumed_at IS NULL AND revoked_at IS NULL AND expires_at > ${nowDate()}
          AND EXISTS (SELECT 1 FROM sessions WHERE sessions.uid = ${decision.sessionUid}
            AND sessions.account_id = artifacts.account_id AND sessions.revoked_at IS NULL) ${granted}`;
      if (!alongside) return (await update) > 0;
      // Sealing is never the same twice, so the payload tells this decision from any other.
      const stored = sql`EXISTS (SELECT 1 FROM artifacts WHERE id_hash = ${idHashOf(request.jti)} AND payload = ${row.payload})`;
      const [updated] = await client.$transaction([update, alongside(stored)]);
      return (updated ?? 0) > 0;
    },
  };
}
