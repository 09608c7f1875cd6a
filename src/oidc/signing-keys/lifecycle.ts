import { addSeconds } from '../../platform/clock.js';
import type { SigningKeySettings } from './settings.js';

export const SIGNING_ALGS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
export type SigningAlg = (typeof SIGNING_ALGS)[number];

/** `next`: published, does not sign yet. `active`: signs. `retired`: published for what it signed. */
export type KeyState = 'next' | 'active' | 'retired';

/** What the lifecycle decides on: a key without its key. */
export type KeyTimes = {
  kid: string;
  alg: string;
  state: string;
  createdAt: Date;
  activatedAt: Date | null;
  retiredAt: Date | null;
  removeAfter: Date | null;
};

export type Step =
  | { action: 'create'; alg: SigningAlg; state: 'active' | 'next' }
  /** `kid` begins to sign, `retiredKid` (if there is one) stops. */
  | { action: 'promote'; alg: string; kid: string; retiredKid: string | null }
  | { action: 'retire'; alg: string; kid: string }
  | { action: 'remove'; alg: string; kid: string }
  /** In an emergency: it is gone at once, whatever its state. */
  | { action: 'revoke'; alg: string; kid: string };

type Timing = Pick<SigningKeySettings, 'algs' | 'rotationSeconds' | 'publishAheadSeconds'>;

const of = (keys: readonly KeyTimes[], alg: string, state: KeyState) => keys.filter((key) => key.alg === alg && key.state === state);
const newestFirst = (a: KeyTimes, b: KeyTimes) => (b.activatedAt ?? b.createdAt).getTime() - (a.activatedAt ?? a.createdAt).getTime();

/** From when on a key may sign: when every cache filled before it was published has run out. */
export function maySignFrom(key: Pick<KeyTimes, 'createdAt'>, settings: Pick<Timing, 'publishAheadSeconds'>): Date {
  return addSeconds(key.createdAt, settings.publishAheadSeconds);
}

/** When an active key has signed long enough. */
export function rotatesAt(key: Pick<KeyTimes, 'createdAt' | 'activatedAt'>, settings: Pick<Timing, 'rotationSeconds'>): Date {
  return addSeconds(key.activatedAt ?? key.createdAt, settings.rotationSeconds);
}

/**
 * What is due at a moment. A next key always stands by, published from the moment its predecessor begins to sign: so an unplanned rotation
 * can take place at once on any day but the first hours, and the planned one never waits. Deciding and rehearsing both use this function.
 */
export function planSteps(keys: readonly KeyTimes[], at: Date, settings: Timing): Step[] {
  const steps: Step[] = [];
  for (const alg of settings.algs) steps.push(...planAlg(keys, alg, at, settings));
  for (const key of keys) {
    if ((settings.algs as readonly string[]).includes(key.alg)) continue;
    // An algorithm that is no longer used: what has signed stays published, what has not may go.
    if (key.state === 'active') steps.push({ action: 'retire', alg: key.alg, kid: key.kid });
    if (key.state === 'next') steps.push({ action: 'remove', alg: key.alg, kid: key.kid });
  }
  return steps;
}

function planAlg(keys: readonly KeyTimes[], alg: SigningAlg, at: Date, settings: Timing): Step[] {
  const [active, ...extra] = of(keys, alg, 'active').sort(newestFirst);
  const next = of(keys, alg, 'next').sort(newestFirst).at(-1);
  // More than one active key cannot come about here; a restored or edited table may have it.
  const retired: Step[] = extra.map((key) => ({ action: 'retire', alg, kid: key.kid }));
  if (!active) {
    // The first key of its line signs at once: no application can have cached a JWKS that lacks it and still expect its algorithm.
    const first: Step = next ? { action: 'promote', alg, kid: next.kid, retiredKid: null } : { action: 'create', alg, state: 'active' };
    return [...retired, first, { action: 'create', alg, state: 'next' }];
  }
  if (!next) return [...retired, { action: 'create', alg, state: 'next' }];
  if (at < rotatesAt(active, settings) || at < maySignFrom(next, settings)) return retired;
  return [...retired, ...planPromotion(keys, alg)];
}

/** The active key of one algorithm gives way to the next one, and a new next is made. Without a next key, a new one signs at once. */
export function planPromotion(keys: readonly KeyTimes[], alg: SigningAlg): Step[] {
  const active = of(keys, alg, 'active').sort(newestFirst)[0];
  const next = of(keys, alg, 'next').sort(newestFirst).at(-1);
  const steps: Step[] = next
    ? [{ action: 'promote', alg, kid: next.kid, retiredKid: active?.kid ?? null }]
    : [...(active ? [{ action: 'retire' as const, alg, kid: active.kid }] : []), { action: 'create', alg, state: 'active' }];
  return [...steps, { action: 'create', alg, state: 'next' }];
}

/**
 * Keys that somebody else may have are gone at once; where that was the active one, another signs. A key that only stood by takes over, since
 * it is not among them; where all of them go, new ones are made.
 * @param isRevoked which keys go
 */
export function planRevocation(keys: readonly KeyTimes[], isRevoked: (kid: string) => boolean, settings: Pick<Timing, 'algs'>): Step[] {
  const [gone, left] = [keys.filter(({ kid }) => isRevoked(kid)), keys.filter(({ kid }) => !isRevoked(kid))];
  const steps: Step[] = gone.map(({ alg, kid }) => ({ action: 'revoke', alg, kid }));
  for (const alg of settings.algs) {
    const [active, next] = [of(left, alg, 'active')[0], of(left, alg, 'next').sort(newestFirst).at(-1)];
    if (!active && next) steps.push({ action: 'promote', alg, kid: next.kid, retiredKid: null }, { action: 'create', alg, state: 'next' });
    else if (!active) steps.push({ action: 'create', alg, state: 'active' }, { action: 'create', alg, state: 'next' });
    else if (!next) steps.push({ action: 'create', alg, state: 'next' });
  }
  return steps;
}

/** Retired keys whose time to be published is over. */
export function planRemovals(keys: readonly KeyTimes[], at: Date): Step[] {
  return keys
    .filter((key) => key.state === 'retired' && key.removeAfter !== null && key.removeAfter <= at)
    .map(({ alg, kid }) => ({ action: 'remove', alg, kid }));
}

/** The next moment after `at` when something becomes due, or null. */
export function nextDueAt(keys: readonly KeyTimes[], at: Date, settings: Timing): Date | null {
  const moments: Date[] = keys.flatMap((key) => (key.state === 'retired' && key.removeAfter ? [key.removeAfter] : []));
  for (const alg of settings.algs) {
    const active = of(keys, alg, 'active')[0];
    const next = of(keys, alg, 'next')[0];
    if (active && next) moments.push(new Date(Math.max(rotatesAt(active, settings).getTime(), maySignFrom(next, settings).getTime())));
  }
  const later = moments.filter((moment) => moment > at).sort((a, b) => a.getTime() - b.getTime());
  return later[0] ?? null;
}
