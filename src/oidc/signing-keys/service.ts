import type { JWK } from 'jose';
import type { AuditEventType } from '../../platform/audit/index.js';
import type { ChangeFeed } from '../../platform/changes/index.js';
import { addSeconds, now, nowDate } from '../../platform/clock.js';
import type { Sealer } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import type { Logger } from '../../platform/log/index.js';
import { noNextKey, noSuchKey, notOpen, publishedTooShort, settingsRefused } from './errors.js';
import { generateSigningKey, type PrivateJwk } from './generate.js';
import { type Keyset, openKeyset, sealContextOf } from './keyset.js';
import {
  type KeyState,
  type KeyTimes,
  maySignFrom,
  planPromotion,
  planRemovals,
  planRevocation,
  planSteps,
  rotatesAt,
  type Step,
} from './lifecycle.js';
import { type LiveToken, type Rehearsal, rehearse } from './rehearsal.js';
import { createSigningKeyRepository, type SealedKey } from './repository.js';
import { completeSettings, findSettingsFaults, type SigningKeySettings } from './settings.js';

/** The topic that processes watch for changed keys. */
export const SIGNING_KEYS_TOPIC = 'signing_keys';

/** The keys of this moment. `version` grows by one with every change that this process has taken over. */
export type CurrentKeys = {
  jwks: { keys: PrivateJwk[] };
  publicJwks: { keys: JWK[] };
  etag: string;
  version: number;
  active: { kid: string; alg: string; since: Date }[];
};

export type JwksDocument = { body: string; etag: string; maxAgeSeconds: number };

/** A key as an operator sees it. Times in ISO order of a key's life; no private part. */
export type SigningKeyInfo = {
  kid: string;
  alg: string;
  state: KeyState;
  createdAt: Date;
  activatedAt: Date | null;
  retiredAt: Date | null;
  removeAfter: Date | null;
  ageSeconds: number;
  /** next: from when on it may sign */
  maySignFrom: Date | null;
  /** active: when its successor takes over */
  rotatesAt: Date | null;
};

/** What was done: a step, with the key it was done to. */
export type AppliedStep = { action: Step['action']; kid: string; alg: string; retiredKid?: string };

export type SigningKeys = {
  /** Makes the keys that are missing, loads them, and follows changes from then on. @throws AppError `signing_keys.none_active` */
  open(): Promise<void>;
  close(): void;
  /** @throws AppError `signing_keys.not_open` */
  current(): CurrentKeys;
  /** The prepared answer of the JWKS endpoint. @throws AppError `signing_keys.not_open` */
  jwksDocument(): JwksDocument;
  /** Told, in order, after every change of the keys; a listener that fails is told again within a poll. @returns how to stop */
  onChange(listener: (keys: CurrentKeys) => void | Promise<void>): () => void;
  /** Does what is due: a job. However many processes call it at once, one makes the key. */
  rotateIfDue(): Promise<AppliedStep[]>;
  /**
   * An operator's rotation, of every algorithm in one transaction.
   * @param options.force signs with the next key at once, although applications may not know it yet
   * @throws AppError `signing_keys.published_too_short` saying when it can be done, `signing_keys.no_next`
   */
  rotate(options?: { force?: boolean; actorId?: string }): Promise<AppliedStep[]>;
  /**
   * An emergency: keys that somebody else may have neither sign nor are published from now on, and what they signed verifies nowhere where the
   * JWKS is read anew. One transaction, of which every process hears like of any other change.
   * @param options.kid this one only; default: every key there is, since whoever read one could read all
   * @throws AppError `signing_keys.not_found`
   */
  revoke(options?: { kid?: string; actorId?: string }): Promise<AppliedStep[]>;
  /** Takes retired keys out of the JWKS whose time is over: a job. @returns their kids */
  removeExpired(): Promise<string[]>;
  /** All keys by algorithm, the default one first and those no longer used last; of each the oldest first. */
  list(): Promise<SigningKeyInfo[]>;
  /**
   * A dry run that moves the clock and reports which tokens would stop verifying; nothing is changed.
   * @param options.daysAhead default: until a key made now has lived its whole life
   * @param options.settings settings to try
   * @param options.rotateNow begins with a forced rotation
   */
  rehearse(options?: {
    daysAhead?: number;
    settings?: Partial<SigningKeySettings>;
    rotateNow?: boolean;
    listLiveTokens?: () => AsyncIterable<LiveToken> | Promise<Iterable<LiveToken>>;
  }): Promise<Rehearsal>;
};

type Audit = {
  record(event: {
    type: AuditEventType;
    outcome: 'success' | 'failure';
    actorId?: string;
    detail?: Record<string, string | number | boolean>;
  }): Promise<void>;
};

/** Keys are made before the lock is taken; should another process have changed the plan meanwhile, it is made again. */
const MAX_ATTEMPTS = 5;
const MAX_DAYS_AHEAD = 3650;

class SparesMissing extends Error {}

export function createSigningKeys(deps: {
  db: Pick<Database, 'client'>;
  sealer: Sealer;
  changes: Pick<ChangeFeed, 'write' | 'subscribe'>;
  settings?: Partial<SigningKeySettings>;
  audit?: Audit;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}): SigningKeys {
  const { db, sealer, changes, audit, log } = deps;
  const settings = completeSettings(deps.settings ?? {});
  const faults = findSettingsFaults(settings);
  if (faults.refused.length > 0) throw settingsRefused(faults.refused);
  const repository = createSigningKeyRepository(db);
  const listeners = new Set<(keys: CurrentKeys) => void | Promise<void>>();
  let keyset: Keyset | undefined;
  let keys: CurrentKeys | undefined;
  let toldVersion = 0;
  let unsubscribe: (() => void) | undefined;

  /** Reads the keys and tells who builds on them. The published document changes first: nobody signs with what is not published. */
  async function reload(): Promise<void> {
    const read = await openKeyset(await repository.list(), { sealer, settings, log });
    if (read.etag !== keyset?.etag) {
      keyset = read;
      keys = { jwks: read.jwks, publicJwks: read.publicJwks, etag: read.etag, active: read.active, version: (keys?.version ?? 0) + 1 };
    }
    if (!keys || toldVersion === keys.version) return;
    for (const listener of listeners) await listener(keys);
    toldVersion = keys.version;
  }

  /** Decides and does, under the topic's lock. `decide` is asked twice: without the lock, to make the keys it needs, and under it. */
  async function advance(decide: (rows: readonly KeyTimes[], at: Date) => Step[], actorId?: string): Promise<AppliedStep[]> {
    const spares: SealedKey[] = [];
    for (let attempt = 1; ; attempt++) {
      const planned = decide(await repository.list(), nowDate());
      if (planned.length === 0) return [];
      await makeSpares(planned, spares);
      try {
        const applied = await changes.write(SIGNING_KEYS_TOPIC, async (tx) => {
          const at = nowDate();
          const available = [...spares];
          const done: AppliedStep[] = [];
          for (const step of decide(await repository.list(tx), at)) {
            const key = step.action === 'create' ? takeSpare(available, step.alg) : undefined;
            await repository.apply(tx, step, at, { ...(key ? { key } : {}), retainSeconds: settings.retainSeconds });
            done.push(toApplied(step, key));
          }
          return done;
        });
        await announce(applied, actorId);
        return applied;
      } catch (error) {
        if (!(error instanceof SparesMissing) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async function makeSpares(planned: readonly Step[], spares: SealedKey[]): Promise<void> {
    const missing = planned.flatMap((step) => (step.action === 'create' ? [step.alg] : []));
    for (const spare of spares) {
      const index = missing.indexOf(spare.jwk.alg);
      if (index >= 0) missing.splice(index, 1);
    }
    for (const jwk of await Promise.all(missing.map((alg) => generateSigningKey(alg, settings.rsaBits)))) {
      spares.push({ jwk, sealed: sealer.seal(JSON.stringify(jwk), sealContextOf(jwk.kid)) });
    }
  }

  async function announce(applied: readonly AppliedStep[], actorId?: string): Promise<void> {
    for (const { action, kid, alg, retiredKid } of applied) {
      const detail = { kid, alg, ...(retiredKid ? { retired_kid: retiredKid } : {}) };
      log.info(detail, `signing key ${PAST[action]}`);
      try {
        await audit?.record({ type: `signing_key.${PAST[action]}`, outcome: 'success', ...(actorId ? { actorId } : {}), detail });
      } catch (error) {
        // The keys have changed already; a missing line must not look like a failed rotation.
        log.error({ err: error }, 'a change of the signing keys could not be recorded');
      }
    }
  }

  return {
    async open() {
      for (const fault of faults.unhealthy) log.warn(`signing keys: ${fault}`);
      await advance((rows, at) => planSteps(rows, at, settings));
      await reload();
      unsubscribe ??= changes.subscribe(SIGNING_KEYS_TOPIC, reload);
    },
    close() {
      unsubscribe?.();
      unsubscribe = undefined;
    },
    current() {
      if (!keys) throw notOpen();
      return keys;
    },
    jwksDocument() {
      if (!keyset) throw notOpen();
      return { body: keyset.body, etag: keyset.etag, maxAgeSeconds: settings.jwksMaxAgeSeconds };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    rotateIfDue: () => advance((rows, at) => planSteps(rows, at, settings)),
    rotate: ({ force = false, actorId } = {}) =>
      advance((rows, at) => {
        if (!force) for (const alg of settings.algs) requireReady(rows, alg, at, settings);
        return settings.algs.flatMap((alg) => planPromotion(rows, alg));
      }, actorId),
    revoke({ kid, actorId } = {}) {
      // Those that are there now: asked for twice at the same moment, it does not take the new keys away as well.
      let wanted: Set<string> | undefined;
      return advance((rows, at) => {
        wanted ??= new Set(rows.map((row) => row.kid).filter((each) => kid === undefined || each === kid));
        if (kid !== undefined && wanted.size === 0) throw noSuchKey(kid);
        const found = wanted;
        // Where somebody else was first there is nothing left of them, and only what is due anyway.
        if (!rows.some((row) => found.has(row.kid))) return planSteps(rows, at, settings);
        return planRevocation(rows, (each) => found.has(each), settings);
      }, actorId);
    },
    async removeExpired() {
      const removed = await advance((rows, at) => planRemovals(rows, at));
      return removed.map(({ kid }) => kid);
    },
    async list() {
      const rank = ({ alg }: { alg: string }) => (settings.algs as readonly string[]).indexOf(alg) >>> 0;
      const rows = await repository.list();
      return rows.sort((a, b) => rank(a) - rank(b)).map((row) => toInfo(row, settings));
    },
    async rehearse({ daysAhead, settings: tried, rotateNow = false, listLiveTokens } = {}) {
      const used = tried ? completeSettings({ ...deps.settings, ...tried }) : settings;
      const refused = findSettingsFaults(used).refused;
      if (refused.length > 0) throw settingsRefused(refused);
      const wholeLife = (2 * Math.max(used.rotationSeconds, used.publishAheadSeconds) + used.retainSeconds) / 86_400 + 1;
      const from = nowDate();
      const until = addSeconds(from, Math.min(daysAhead ?? wholeLife, MAX_DAYS_AHEAD) * 86_400);
      const liveTokens = listLiveTokens ? await listLiveTokens() : [];
      return rehearse(await repository.list(), { from, until, settings: used, rotateNow, liveTokens });
    },
  };
}

const PAST = { create: 'created', promote: 'rotated', retire: 'retired', remove: 'removed', revoke: 'revoked' } as const;

function takeSpare(available: SealedKey[], alg: string): SealedKey {
  const index = available.findIndex(({ jwk }) => jwk.alg === alg);
  const [key] = index < 0 ? [] : available.splice(index, 1);
  if (!key) throw new SparesMissing();
  return key;
}

function toApplied(step: Step, key: SealedKey | undefined): AppliedStep {
  if (step.action === 'create') return { action: 'create', kid: key?.jwk.kid ?? '', alg: step.alg };
  const retiredKid = step.action === 'promote' ? step.retiredKid : null;
  return { action: step.action, kid: step.kid, alg: step.alg, ...(retiredKid ? { retiredKid } : {}) };
}

function requireReady(rows: readonly KeyTimes[], alg: string, at: Date, settings: SigningKeySettings): void {
  const next = rows.find((row) => row.alg === alg && row.state === 'next');
  if (!next) throw noNextKey(alg);
  const readyAt = maySignFrom(next, settings);
  if (at < readyAt) throw publishedTooShort({ kid: next.kid, createdAt: next.createdAt, readyAt });
}

function toInfo(row: KeyTimes, settings: SigningKeySettings): SigningKeyInfo {
  const { kid, alg, createdAt, activatedAt, retiredAt, removeAfter } = row;
  const state = row.state as KeyState;
  return {
    kid,
    alg,
    state,
    createdAt,
    activatedAt,
    retiredAt,
    removeAfter,
    ageSeconds: Math.max(0, Math.floor((now() - createdAt.getTime()) / 1000)),
    maySignFrom: state === 'next' ? maySignFrom(row, settings) : null,
    rotatesAt: state === 'active' ? rotatesAt(row, settings) : null,
  };
}
