import type { KeyObject } from 'node:crypto';
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { nowDate, nowSeconds } from '../../platform/clock.js';
import { type Database, type Sql, sql } from '../../platform/db/index.js';
import { createArtifactCodec } from './artifact-codec.js';
import type { ArtifactReader } from './artifact-reader.js';
import { type ArtifactRow, idHashOf, insertOnceStatement, type StoredArtifact, saveStatement, userCodeHashOf } from './artifact-rows.js';
import { type ArtifactKind, isFirstFruit, kindRules } from './kinds.js';
import { isKey, type PayloadCodec } from './payloads.js';
import type { Redemptions } from './redemptions.js';
import { replayError } from './replay.js';
import type { Revocation } from './revocation.js';
import { isOwnPage } from './session-context.js';
import { standingClient, standingSignIn } from './standing.js';
import type { TokenWrites } from './token-writes.js';

export type ArtifactDeps = {
  db: Database;
  reader: ArtifactReader;
  codec: PayloadCodec;
  hmacPepper: KeyObject;
  revocation: Revocation;
  writes: TokenWrites;
  /** A pushed request is consumed at the end of the interaction it began, so its row outlives its expiry by that long. */
  interactionTtlSeconds: number;
  /** Notes which request used up a code whose grant the library looks for afterwards. */
  redemptions?: Redemptions | undefined;
  /** Hears of each second use that ended a grant here, because the library had read the artifact unused. Must not throw. */
  onReplay?: ((replay: Replay) => void) | undefined;
};

export type Replay = { kind: ArtifactKind; grantId: string; accountId: string | undefined; clientId: string | undefined };

type UsedArtifact = Pick<StoredArtifact, 'grant_id' | 'consumed_at'> & { account_id: string | null; client_id: string | null };

/** The adapter of one of the 12 short-lived models. `find` costs one statement, so do the writes; only a refused use costs more. */
export function createArtifactAdapter(kind: ArtifactKind, deps: ArtifactDeps): Adapter {
  const { db, revocation } = deps;
  const rules = kindRules[kind];
  const isToken = kind === 'AccessToken' || kind === 'RefreshToken';
  const { toRow, wake } = createArtifactCodec(kind, deps);

  /** A page's answer to an interaction; the library saves answered ones again, and may. */
  const isSubmission = ({ result }: AdapterPayload) => kind === 'Interaction' && result !== undefined && isOwnPage();

  /** A sign-in is stored while it stands, and a client's own token while the client does. */
  function standingOf(payload: AdapterPayload): Sql | undefined {
    const login = isSubmission(payload) ? payload.result?.login : undefined;
    if (login && isKey(login.accountId)) {
      const generation = typeof login.generation === 'number' ? login.generation : undefined;
      return standingSignIn(db, { accountId: login.accountId, generation });
    }
    if (kind === 'ClientCredentials' && isKey(payload.clientId)) return standingClient(db, payload.clientId, payload.iat ?? nowSeconds());
    return undefined;
  }

  async function refuseSecondUse(idHash: string): Promise<never> {
    const stored = await db.find<UsedArtifact>(sql`
      SELECT grant_id, account_id, client_id, consumed_at FROM artifacts WHERE id_hash = ${idHash} AND kind = ${kind}`);
    if (stored?.consumed_at && stored.grant_id !== null && rules.secondUse === 'revoke_grant') {
      await revocation.revokeGrant(stored.grant_id);
      const { grant_id: grantId, account_id: accountId, client_id: clientId } = stored;
      deps.onReplay?.({ kind, grantId, accountId: accountId ?? undefined, clientId: clientId ?? undefined });
    }
    throw rules.refusal('already used, revoked or unknown when it was to be consumed');
  }

  async function save(row: ArtifactRow, payload: AdapterPayload): Promise<void> {
    try {
      if ((await db.execute(saveStatement(db, row, row.createdAt))) > 0) return;
    } catch (error) {
      // Two pending devices drew the same user code: the second asks again and gets another.
      if (row.userCodeHash !== null && db.isUniqueViolation(error)) throw new errors.TemporarilyUnavailable('try again');
      throw error;
    }
    if (isFirstFruit(kind, payload.gty)) return;
    throw rules.refusal('saved too late: it, its grant or its session has ended');
  }

  return {
    find: (id) => deps.reader.read(idHashOf(id)).then((stored) => wake(stored, id)),

    async findByUserCode(userCode) {
      const stored = await db.find<StoredArtifact>(sql`
        SELECT id_hash, kind, payload, grant_id, consumed_at, revoked_at FROM artifacts
        WHERE user_code_hash = ${userCodeHashOf(deps.hmacPepper, userCode)}`);
      return wake(stored);
    },

    // The library asks sessions only; an interaction's uid is its id.
    async findByUid() {
      return undefined;
    },

    async upsert(id, payload, expiresIn) {
      const row = { ...toRow(id, payload, expiresIn), standing: standingOf(payload) };
      const waiting = isToken ? deps.writes.waiting() : undefined;
      if (waiting) return void waiting.saves.push({ row, alone: () => save(row, payload) });
      if (isSubmission(payload)) row.consumedAt = row.createdAt;
      if (kind === 'ReplayDetection') {
        if ((await db.execute(insertOnceStatement(db, row, row.createdAt))) === 0) throw replayError(id);
        return;
      }
      await save(row, payload);
    },

    async consume(id) {
      if (!rules.secondUse) throw new TypeError(`${kind} is not consumed`);
      const idHash = idHashOf(id);
      const use = { idHash, kind, lost: () => refuseSecondUse(idHash) };
      const waiting = kind === 'AuthorizationCode' ? deps.writes.waiting() : undefined;
      if (waiting) waiting.use = use;
      else await deps.writes.store({ use, saves: [] });
      if (kind === 'DeviceCode' || kind === 'BackchannelAuthenticationRequest') deps.redemptions?.note();
    },

    async destroy(id) {
      const destroyed = await db.execute(sql`UPDATE artifacts SET revoked_at = ${nowDate()}
        WHERE id_hash = ${idHashOf(id)} AND kind = ${kind} AND revoked_at IS NULL`);
      // An interaction is destroyed by the one request that resumes it: of two at once, one goes on.
      if (destroyed === 0 && kind === 'Interaction') throw rules.refusal('resumed already');
    },

    revokeByGrantId: revocation.revokeGrant,
  };
}
