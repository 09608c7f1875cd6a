import { setTimeout as delay } from 'node:timers/promises';
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { nowDate, nowSeconds } from '../../platform/clock.js';
import { sha256 } from '../../platform/crypto/index.js';
import { type Database, noSql, sql } from '../../platform/db/index.js';
import type { ArtifactReader, StoredSession } from './artifact-reader.js';
import { originColumns, type RequestOrigin } from './origin.js';
import { expiryOf, isKey, type PayloadCodec, places, toColumn } from './payloads.js';
import { type SessionContext, stateOf } from './session-context.js';
import { adoptAuthorizations, mergeSessions } from './session-merge.js';
import { type SignIn, standingSignIn } from './standing.js';

type Deps = {
  db: Database;
  reader: ArtifactReader;
  codec: PayloadCodec;
  context: () => SessionContext;
  /** Where the request comes from, for the list of a person's sessions. */
  client?: (() => RequestOrigin | undefined) | undefined;
};

/** One save, as it is to be stored. */
type Save = { id: string; uid: string; payload: AdapterPayload; version: number };

/** Saves of one session that collide are few: tabs of one browser. Past this many rounds the request is told to try again. */
const MAX_ROUNDS = 40;

const idHashOf = (id: string) => sha256(id);

/**
 * The adapter of Session. The row is keyed by `uid`, which stays; the id in the cookie rotates, and only the newest one is valid. What a save
 * may do is decided by compare-and-set on the id it was made under and on `version`:
 * a current id writes (merging what another tab wrote meanwhile), a replaced id only adds authorizations, an ended session takes nothing.
 */
export function createSessionAdapter({ db, reader, codec, context, client: origin }: Deps): Adapter {
  const readByUid = (uid: string): Promise<StoredSession | undefined> =>
    db.find<StoredSession>(sql`SELECT uid, id_hash, payload, version, revoked_at FROM sessions WHERE uid = ${uid}`);

  function wake(stored: (StoredSession & { last_seen_at?: Date }) | undefined): AdapterPayload | undefined {
    if (!stored || stored.revoked_at !== null) return undefined;
    const payload = codec.reopen(places.session(stored.uid), stored.payload);
    // The hash in the row and the id sealed in it must agree, or one of them was moved here from another row.
    if (!payload?.jti || idHashOf(payload.jti) !== stored.id_hash) return undefined;
    // The first reading stays: what a request saves grew from it, whatever it reads again later.
    const { snapshots } = context();
    if (!snapshots.has(stored.uid)) {
      const { version, payload: sealed, last_seen_at: savedAt } = stored;
      snapshots.set(stored.uid, { version, sealed, found: savedAt && { state: stateOf(payload), savedAt } });
    }
    return payload;
  }

  function columns({ id, uid, payload }: Save) {
    const from = payload.accountId ? origin?.() : undefined;
    return {
      idHash: idHashOf(id),
      accountId: toColumn(payload.accountId),
      sealed: codec.seal(places.session(uid), { ...payload, jti: id }),
      signedInAt: typeof payload.loginTs === 'number' ? new Date(payload.loginTs * 1000) : null,
      expiresAt: expiryOf(payload, undefined, nowSeconds()) ?? nowDate(),
      ...originColumns(from),
    };
  }

  /** The sign-in this save makes a session of. One that has lasted needs no proof: what ended it would have ended its row. */
  function newSignIn(payload: AdapterPayload): SignIn | undefined {
    const { signIn } = context();
    return signIn && signIn.accountId === payload.accountId ? signIn : undefined;
  }

  async function hasEnded(signIn: SignIn | undefined): Promise<boolean> {
    return signIn !== undefined && (await db.query<unknown>(standingSignIn(db, signIn))).length === 0;
  }

  function remember(uid: string, version: number, sealed: string): void {
    context().snapshots.set(uid, { version, sealed });
  }

  async function insert(save: Save): Promise<boolean> {
    const row = columns(save);
    const at = nowDate();
    const signIn = row.accountId === null ? undefined : (newSignIn(save.payload) ?? { accountId: row.accountId });
    const values = sql`${save.uid}, ${row.idHash}, ${row.accountId}, ${row.sealed}, ${save.version}, ${row.ip}, ${row.userAgent},
      ${row.signedInAt}, ${at}, ${at}, ${row.expiresAt}`;
    const inserted = await db.execute(sql`INSERT INTO sessions
      (uid, id_hash, account_id, payload, version, ip, user_agent, signed_in_at, last_seen_at, created_at, expires_at)
      ${signIn ? sql`SELECT ${values} FROM (${standingSignIn(db, signIn)}) AS standing WHERE 1 = 1` : sql`VALUES (${values})`}
      ON CONFLICT DO NOTHING`);
    if (inserted > 0) remember(save.uid, save.version, row.sealed);
    return inserted > 0;
  }

  /** @param madeUnder the ids this save may find in the row; one of them is current, or somebody rotated meanwhile */
  async function update(save: Save, madeUnder: { id: string; oldId?: string | undefined }): Promise<boolean> {
    const row = columns(save);
    const signIn = newSignIn(save.payload);
    const standing = signIn ? sql`FROM (${standingSignIn(db, signIn)}) AS standing` : noSql;
    const updated = await db.execute(sql`UPDATE sessions SET
        id_hash = ${row.idHash}, account_id = ${row.accountId}, payload = ${row.sealed}, version = ${save.version + 1},
        ip = COALESCE(ip, ${row.ip}), user_agent = COALESCE(user_agent, ${row.userAgent}),
        signed_in_at = ${row.signedInAt}, last_seen_at = ${nowDate()}, expires_at = ${row.expiresAt}
      ${standing}
      WHERE uid = ${save.uid} AND version = ${save.version} AND revoked_at IS NULL
        AND id_hash IN (${idHashOf(madeUnder.id)}, ${idHashOf(madeUnder.oldId ?? madeUnder.id)})`);
    if (updated > 0) remember(save.uid, save.version + 1, row.sealed);
    return updated > 0;
  }

  function refuse(uid: string, { refused, withdrawCookie }: SessionContext): never {
    refused.add(uid);
    withdrawCookie();
    throw new errors.SessionNotFound('the session has ended');
  }

  /** Somebody else saved, rotated or ended this session since the request read it. */
  async function saveAfterOthers(id: string, uid: string, mine: AdapterPayload, here: SessionContext): Promise<void> {
    const oldId = here.session?.jti === id ? here.session.oldId : undefined;
    const snapshot = here.snapshots.get(uid);
    const base = snapshot && codec.open(places.session(uid), snapshot.sealed);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await readByUid(uid);
      if (!stored || stored.revoked_at !== null || (await hasEnded(newSignIn(mine)))) refuse(uid, here);
      const theirs = codec.open(places.session(uid), stored.payload);
      if (!theirs?.jti) refuse(uid, here);
      const isCurrent = [id, oldId].some((candidate) => candidate !== undefined && idHashOf(candidate) === stored.id_hash);
      if (!isCurrent) {
        here.withdrawCookie();
        // A request from before the sign-in has nothing to add, and nothing to complain about.
        if (!mine.accountId) return;
      }
      const payload = isCurrent ? mergeSessions(base, theirs, mine) : adoptAuthorizations(base, theirs, mine);
      if (!payload) refuse(uid, here);
      const next = isCurrent ? id : theirs.jti;
      if (await update({ id: next, uid, payload, version: stored.version }, { id: next, oldId: isCurrent ? oldId : undefined })) return;
      await delay(Math.random() * Math.min(round, 20));
    }
    here.refused.add(uid);
    throw new errors.TemporarilyUnavailable('the session is being changed by many requests at once, try again');
  }

  return {
    async find(id) {
      const payload = wake(await reader.findSession(idHashOf(id)));
      return payload?.jti === id ? payload : undefined;
    },

    async findByUid(uid) {
      if (!isKey(uid)) return undefined;
      return wake(reader.takeSession(uid) ?? (await readByUid(uid)));
    },

    async upsert(id, payload) {
      const { uid } = payload;
      if (!isKey(uid)) throw new TypeError('a session has a uid');
      const here = context();
      if (here.refused.has(uid)) return;
      const snapshot = here.snapshots.get(uid);
      const session = here.session?.jti === id ? here.session : undefined;
      const saved = snapshot
        ? await update({ id, uid, payload, version: snapshot.version }, { id, oldId: session?.oldId })
        : await insert({ id, uid, payload, version: 1 });
      if (!saved) await saveAfterOthers(id, uid, payload, here);
    },

    async destroy(id) {
      const { session } = context();
      // The library begins a rotation by destroying the old id; the save that follows replaces it in one statement, or nothing changes.
      if (session?.oldId === id && session.jti !== id) return;
      if (session?.jti === id) {
        await db.execute(sql`UPDATE sessions SET revoked_at = ${nowDate()} WHERE uid = ${session.uid} AND revoked_at IS NULL`);
      } else {
        await db.execute(sql`UPDATE sessions SET revoked_at = ${nowDate()} WHERE id_hash = ${idHashOf(id)} AND revoked_at IS NULL`);
      }
    },

    async consume() {
      throw new TypeError('Session is not consumed');
    },
    async findByUserCode() {
      return undefined;
    },
    async revokeByGrantId() {},
  };
}
