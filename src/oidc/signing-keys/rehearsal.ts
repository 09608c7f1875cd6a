import { addSeconds } from '../../platform/clock.js';
import { type KeyTimes, nextDueAt, planPromotion, planRemovals, planSteps, type Step } from './lifecycle.js';
import type { SigningKeySettings } from './settings.js';

/** Something alive that a verifier may yet look at, as the stores know it. `reference` names it for an operator and is no bearer value. */
export type LiveToken = {
  kind: 'sign_in' | 'access_token' | 'id_token';
  reference: string;
  /** The key that signed it, where it is known; else it follows from `alg` and `issuedAt`. */
  kid?: string;
  alg?: string;
  issuedAt: Date;
  /** Until when somebody may verify it. */
  verifiedUntil: Date;
};

export type RehearsalStep = { at: Date; action: 'create' | 'promote' | 'retire' | 'remove'; kid: string; alg: string };

export type RehearsalFinding = {
  /**
   * `removed_too_early`: the key leaves the JWKS while something it signed may still be verified. `signs_before_caches_know`: it signs while
   * applications may hold a JWKS without it. `no_such_key`: what signed it is not published any more.
   */
  reason: 'removed_too_early' | 'signs_before_caches_know' | 'no_such_key';
  /** What stops verifying. `new_token`: those signed in that time. */
  kind: LiveToken['kind'] | 'new_token';
  kid: string | null;
  alg: string;
  from: Date;
  until: Date;
  /** Set where one live token is meant, not whatever the key may have signed. */
  reference?: string;
};

export type Rehearsal = {
  from: Date;
  until: Date;
  /** What would be done, in order. Keys that do not exist yet are called `rehearsed-1`, `rehearsed-2` ... */
  steps: RehearsalStep[];
  wouldFail: RehearsalFinding[];
  /** Live tokens looked at one by one, and how many of them would stop verifying; the first 100 are among `wouldFail`. */
  liveTokens: { checked: number; failing: number };
};

type KeyHistory = KeyTimes & { removedAt: Date | null };

const MAX_TOKEN_FINDINGS = 100;

/**
 * Moves the clock over a copy of the keys and reports what would stop verifying. Changes nothing.
 * @param options.rotateNow begins with a forced rotation
 */
export async function rehearse(
  keys: readonly KeyTimes[],
  {
    from,
    until,
    settings,
    rotateNow = false,
    liveTokens,
  }: {
    from: Date;
    until: Date;
    settings: SigningKeySettings;
    rotateNow?: boolean;
    liveTokens?: AsyncIterable<LiveToken> | Iterable<LiveToken>;
  },
): Promise<Rehearsal> {
  const { history, steps } = simulate(keys, { from, until, settings, rotateNow });
  const wouldFail = history.flatMap((key) => [
    ...findEarlyRemoval(key, until, settings),
    ...findEarlySigning(key, history, from, settings),
  ]);
  const counts = { checked: 0, failing: 0 };
  for await (const token of liveTokens ?? []) {
    counts.checked++;
    const finding = findTokenFailure(token, history, { until, from, settings });
    if (finding && ++counts.failing <= MAX_TOKEN_FINDINGS) wouldFail.push(finding);
  }
  wouldFail.sort((a, b) => a.from.getTime() - b.from.getTime());
  return { from, until, steps, wouldFail, liveTokens: counts };
}

function simulate(
  keys: readonly KeyTimes[],
  { from, until, settings, rotateNow }: { from: Date; until: Date; settings: SigningKeySettings; rotateNow: boolean },
): { history: KeyHistory[]; steps: RehearsalStep[] } {
  const history: KeyHistory[] = keys.map((key) => ({ ...key, removedAt: null }));
  const steps: RehearsalStep[] = [];
  const present = () => history.filter((key) => key.removedAt === null);
  const doAll = (planned: Step[], at: Date) => {
    for (const step of planned) steps.push(...applyStep(history, step, at, settings));
  };
  if (rotateNow) for (const alg of settings.algs) doAll(planPromotion(present(), alg), from);
  for (let at: Date | null = from; at !== null && at <= until; at = nextDueAt(present(), at, settings)) {
    doAll(planSteps(present(), at, settings), at);
    doAll(planRemovals(present(), at), at);
  }
  return { history, steps };
}

function applyStep(history: KeyHistory[], step: Step, at: Date, settings: SigningKeySettings): RehearsalStep[] {
  const { alg } = step;
  const find = (kid: string) => history.find((key) => key.kid === kid && key.removedAt === null);
  const retire = (kid: string): RehearsalStep[] => {
    const key = find(kid);
    if (key) Object.assign(key, { state: 'retired', retiredAt: at, removeAfter: addSeconds(at, settings.retainSeconds) });
    return [{ at, action: 'retire', kid, alg }];
  };
  switch (step.action) {
    case 'create': {
      const kid = `rehearsed-${history.filter((key) => key.kid.startsWith('rehearsed-')).length + 1}`;
      const activatedAt = step.state === 'active' ? at : null;
      history.push({ kid, alg, state: step.state, createdAt: at, activatedAt, retiredAt: null, removeAfter: null, removedAt: null });
      return [{ at, action: 'create', kid, alg }];
    }
    case 'promote': {
      const key = find(step.kid);
      if (key) Object.assign(key, { state: 'active', activatedAt: at });
      return [...(step.retiredKid ? retire(step.retiredKid) : []), { at, action: 'promote', kid: step.kid, alg }];
    }
    case 'retire':
      return retire(step.kid);
    case 'revoke':
    case 'remove': {
      const key = find(step.kid);
      if (key) key.removedAt = at;
      return [{ at, action: 'remove', kid: step.kid, alg }];
    }
  }
}

/** The latest that anything the key signed may be verified, against the moment it leaves the JWKS. */
function findEarlyRemoval(key: KeyHistory, until: Date, settings: SigningKeySettings): RehearsalFinding[] {
  if (!key.removedAt || !key.activatedAt) return [];
  const { removedAt, kid, alg } = key;
  const signedLast = key.retiredAt ?? until;
  const kinds = [
    ['sign_in', settings.longestSignInSeconds],
    ['access_token', settings.longestTokenTtlSeconds],
  ] as const;
  return kinds.flatMap(([kind, seconds]) => {
    const verifiedUntil = addSeconds(signedLast, seconds);
    return removedAt < verifiedUntil ? [{ reason: 'removed_too_early', kind, kid, alg, from: removedAt, until: verifiedUntil }] : [];
  });
}

/** Only a JWKS from before the key was published can lack it; the first keys of a line have no such time before them. */
function findEarlySigning(
  key: KeyHistory,
  history: readonly KeyHistory[],
  from: Date,
  settings: Pick<SigningKeySettings, 'jwksMaxAgeSeconds'>,
): RehearsalFinding[] {
  const { kid, alg, activatedAt } = key;
  const known = addSeconds(key.createdAt, settings.jwksMaxAgeSeconds);
  if (!activatedAt || activatedAt >= known || known <= from) return [];
  const lacksIt = history.some((other) => other.alg === alg && other.createdAt < key.createdAt);
  return lacksIt ? [{ reason: 'signs_before_caches_know', kind: 'new_token', kid, alg, from: activatedAt, until: known }] : [];
}

function findTokenFailure(
  token: LiveToken,
  history: readonly KeyHistory[],
  { from, until, settings }: { from: Date; until: Date; settings: Pick<SigningKeySettings, 'algs'> },
): RehearsalFinding | null {
  if (token.verifiedUntil <= from) return null;
  const alg = token.alg ?? settings.algs[0] ?? '';
  const signer = token.kid
    ? history.find((key) => key.kid === token.kid)
    : history.find(
        (key) =>
          key.alg === alg && key.activatedAt && key.activatedAt <= token.issuedAt && !(key.retiredAt && key.retiredAt <= token.issuedAt),
      );
  const common = { kind: token.kind, reference: token.reference, alg: signer?.alg ?? alg, until: token.verifiedUntil };
  if (!signer) return { ...common, reason: 'no_such_key', kid: token.kid ?? null, from };
  if (!signer.removedAt || signer.removedAt > until || signer.removedAt >= token.verifiedUntil) return null;
  return { ...common, reason: 'removed_too_early', kid: signer.kid, from: signer.removedAt };
}
