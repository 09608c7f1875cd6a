import { buildDummyHash, createArgon2Scheme, type HashCost } from './argon2.js';
import { bcryptScheme } from './bcrypt.js';
import { firebaseScryptScheme } from './firebase-scrypt.js';
import { pbkdf2Scheme } from './pbkdf2.js';
import type { HashQueue } from './queue.js';
import type { InspectedHash, PasswordScheme } from './schemes.js';
import { scryptScheme } from './scrypt.js';

/** No password is this long in UTF-16 units before normalization; longer input is not even looked at. */
export const MAX_INPUT_UNITS = 1024;

/** Costs are few in an installation; whoever imports more kinds of them than this has the first ones counted. */
const MAX_COSTS_KEPT = 100;
/** One answer never takes as long as another to the millisecond. */
const FLOOR_MARGIN = 1.25;
/** Nobody waits longer for an answer because a machine was once that busy. */
const MAX_FLOOR_MS = 5000;

/** Whether a stored hash is of a password, and how long that may be seen to take. */
export type Verifier = {
  verify(hash: string | null, password: string): Promise<{ ok: boolean; needsRehash: boolean }>;
  /** Milliseconds that a wrong password takes at the dearest imported hash met so far, 0 when there was none. */
  failureFloorMs(password: string): number;
  inspect(hash: string): InspectedHash | null;
};

export type VerifierDeps = {
  cost: HashCost;
  queue: HashQueue;
  /** beside the ones that are built in */
  schemes: readonly PasswordScheme[];
  log: { warn(fields: object, message: string): void };
};

/**
 * Verifies with the work of a hash whatever it is given. A hash that is to be made anew takes another time than today's: after a wrong password
 * the work for an unknown account is done as well, so that a cheap one is never answered sooner, and what a dear one took is told to whoever
 * keeps failures back (see `failureFloorMs`).
 */
export function createVerifier({ cost, queue, schemes, log }: VerifierDeps): Verifier {
  const ours = createArgon2Scheme(cost);
  const known: readonly PasswordScheme[] = [ours, bcryptScheme, pbkdf2Scheme, scryptScheme, firebaseScryptScheme, ...schemes];
  const dummyHash = buildDummyHash(cost);
  /** The quickest that one wrong password was seen to take, by scheme and costs: what the machine was busy with besides does not count. */
  const quickestMs = new Map<string, number>();

  const verifyDummy = () => timed(queue, () => ours.verify(dummyHash, ''));

  /** A hash that only looks like one of its scheme (a salt too short, lanes without memory) matches nothing. */
  function verifyOne(scheme: PasswordScheme, hash: string, password: string) {
    return timed(queue, async () => {
      try {
        return await scheme.verify(hash, password);
      } catch (error) {
        log.warn({ err: error, scheme: scheme.inspect(hash)?.description }, 'a stored password hash cannot be verified');
        return null;
      }
    });
  }

  function remember(scheme: PasswordScheme, hash: string, ms: number): void {
    const description = scheme.inspect(hash)?.description;
    if (description === undefined || (quickestMs.size >= MAX_COSTS_KEPT && !quickestMs.has(description))) return;
    quickestMs.set(description, Math.min(ms, quickestMs.get(description) ?? Number.POSITIVE_INFINITY));
  }

  return {
    async verify(hash, password) {
      const forms = formsOf(password);
      const scheme = hash === null || forms.length === 0 ? undefined : known.find((candidate) => candidate.recognises(hash));
      if (hash === null || !scheme) {
        for (const _ of forms.length === 0 ? [''] : forms) await verifyDummy();
        return { ok: false, needsRehash: false };
      }
      for (const form of forms) {
        const { ok, ms } = await verifyOne(scheme, hash, form);
        // Hashed as it was typed, the password would be another on the next keyboard.
        if (ok) return { ok: true, needsRehash: scheme.needsRehash(hash) || form !== normalizePassword(form) };
        if (!scheme.needsRehash(hash)) continue;
        const dummy = await verifyDummy();
        if (ok === false) remember(scheme, hash, ms + dummy.ms);
      }
      return { ok: false, needsRehash: false };
    },
    failureFloorMs: (password) => Math.min(Math.max(0, ...quickestMs.values()) * formsOf(password).length * FLOOR_MARGIN, MAX_FLOOR_MS),
    inspect: (hash) => known.map((scheme) => scheme.inspect(hash)).find((inspected) => inspected !== null) ?? null,
  };
}

/** Runs a hash in its turn; the time is the hash's own. */
const timed = <Answer>(queue: HashQueue, hash: () => Promise<Answer>): Promise<{ ok: Answer; ms: number }> =>
  queue.run(async () => {
    const startedAt = performance.now();
    return { ok: await hash(), ms: performance.now() - startedAt };
  });

/**
 * What a password may have been when it was hashed: as it was typed (other systems hash what they are sent), and normalized (we do). One, except
 * for the rare password that is typed in pieces; then every account takes two hashes, unknown ones too. None for input that is no password.
 */
function formsOf(password: string): string[] {
  return password.length > MAX_INPUT_UNITS ? [] : [...new Set([password, normalizePassword(password)])];
}

/**
 * NFC, as in the OpaqueString profile (RFC 8265, section 4.2): the same characters give the same password on every keyboard (a phone may
 * send `e` and an accent where a desktop sends one letter), and nothing that a person can tell apart is made equal, as NFKC would.
 */
export function normalizePassword(password: string): string {
  return password.normalize('NFC');
}
