import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { nowDate, nowSeconds } from '../../platform/clock.js';
import { type Database, sql } from '../../platform/db/index.js';
import type { ArtifactReader, StoredGrant } from './artifact-reader.js';
import { originColumns, type RequestOrigin } from './origin.js';
import { expiryOf, isKey, type PayloadCodec, places, toColumn } from './payloads.js';
import type { Redemptions } from './redemptions.js';
import type { Revocation } from './revocation.js';
import type { SessionContext } from './session-context.js';
import { type GrantStanding, standingGrant } from './standing.js';

/** Grants live without an end where no lifetime is set; the column needs one. */
const NEVER = new Date('9999-12-31T00:00:00.000Z');

/** What a grant that is saved outside of the library rests on, or in it beyond the session. */
export type GrantBasis = Pick<GrantStanding, 'sessionUid' | 'consentTo' | 'generation'>;

type Deps = {
  db: Database;
  reader: ArtifactReader;
  codec: PayloadCodec;
  revocation: Revocation;
  context: () => SessionContext;
  basis: () => GrantBasis | undefined;
  origin: () => RequestOrigin | undefined;
  redemptions: Redemptions;
};

/** The adapter of Grant, in a table of its own. Its id is no bearer value: nothing is given to whoever knows it. */
export function createGrantAdapter({ db, reader, codec, revocation, context, basis, origin, redemptions }: Deps): Adapter {
  /** A sign-in that is just happening speaks for itself, any other by its session: it must not have ended meanwhile. */
  function standingOf(payload: AdapterPayload): GrantStanding {
    const [accountId, clientId] = [toColumn(payload.accountId), toColumn(payload.clientId)];
    const { signIn, session } = context();
    const rest = basis();
    if (signIn && signIn.accountId === accountId) return { accountId, clientId, ...rest, generation: signIn.generation };
    const sessionUid = session?.accountId === accountId ? session?.uid : undefined;
    return { accountId, clientId, ...(sessionUid ? { sessionUid } : {}), ...rest };
  }

  const read = (id: string): Promise<StoredGrant | undefined> =>
    db.find<StoredGrant>(sql`SELECT payload, revoked_at FROM grants WHERE id = ${id}`);

  return {
    async find(id) {
      if (!isKey(id)) return undefined;
      const stored = reader.takeGrant(id) ?? (await read(id));
      if (!stored || (stored.revoked_at !== null && !redemptions.isOfThisRequest())) return undefined;
      const payload = codec.reopen(places.grant(id), stored.payload);
      return payload && { ...payload, jti: id };
    },

    async upsert(id, { jti, ...payload }, expiresIn) {
      const sealed = codec.seal(places.grant(id), payload);
      const expiresAt = expiryOf(payload, expiresIn, nowSeconds()) ?? NEVER;
      const standing = standingOf(payload);
      // A browser's session knows where it came from; a sign-in without one is in its owner's list by its grant.
      const { ip, userAgent } = originColumns(standing.sessionUid === undefined ? origin() : undefined);
      const values = sql`${id}, ${standing.accountId}, ${standing.clientId}, ${sealed}, ${ip}, ${userAgent}, ${nowDate()}, ${expiresAt}`;
      const rest = standingGrant(db, standing);
      const saved = await db.execute(sql`INSERT INTO grants (id, account_id, client_id, payload, ip, user_agent, created_at, expires_at)
        ${rest ? sql`SELECT ${values} FROM (${rest}) AS standing WHERE 1 = 1` : sql`VALUES (${values})`}
        ON CONFLICT (id) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at WHERE grants.revoked_at IS NULL`);
      if (saved > 0) return;
      if (standing.sessionUid !== undefined || standing.generation !== undefined)
        throw new errors.SessionNotFound('the sign-in behind this grant has ended');
      throw new errors.InvalidGrant('the grant was revoked while it was being changed, or its account or client is gone');
    },

    destroy: revocation.revokeGrant,
    revokeByGrantId: revocation.revokeGrant,

    async consume() {
      throw new TypeError('Grant is not consumed');
    },
    async findByUid() {
      return undefined;
    },
    async findByUserCode() {
      return undefined;
    },
  };
}
