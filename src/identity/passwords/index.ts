/**
 * Owns: what a password must be, how it is hashed and verified, and that hashing neither blocks the event loop nor queues without bound.
 * Does not own: whose password it is (accounts), what a wrong one leads to (login).
 */
import os from 'node:os';
import { buildDummyHash, createArgon2Scheme, type HashCost, hashWithArgon2id } from './argon2.js';
import { passwordRefused } from './errors.js';
import { createHashQueue } from './queue.js';
import type { PasswordScheme } from './schemes.js';
import { createStrengthEstimator, type PasswordAssessment } from './strength.js';

export type { HashCost } from './argon2.js';
export type { PasswordScheme } from './schemes.js';
export type { PasswordAssessment } from './strength.js';

/** Characters (Unicode code points after NFC), so that a person may count them. */
export const MIN_PASSWORD_CHARS = 8;
export const MAX_PASSWORD_CHARS = 128;
/** No password is this long in UTF-16 units before normalization; longer input is not even looked at. */
const MAX_INPUT_UNITS = 1024;

export type Passwords = {
  /** argon2id PHC string. @throws AppError `passwords.busy` (503, Retry-After) */
  hash(password: string): Promise<string>;
  /**
   * Verifies, with the work of one hash whatever `hash` is: null (no such account), unreadable, or right.
   * @throws AppError `passwords.busy` (503, Retry-After)
   */
  verify(hash: string | null, password: string): Promise<{ ok: boolean; needsRehash: boolean }>;
  /**
   * Judges a new password, for advice. @param inputs what an attacker who knows the person tries first: e-mail, names, username
   * @throws AppError `passwords.busy` (503, Retry-After)
   */
  assess(password: string, inputs: readonly string[]): Promise<PasswordAssessment>;
  /** @throws AppError `passwords.too_short`, `.too_long`, `.too_common`, `.too_weak` (422), `passwords.busy` (503, Retry-After) */
  requireAcceptable(password: string, inputs: readonly string[]): Promise<void>;
  /** Characters a new password has at least. */
  minLength: number;
  /** How many hashes wait for a core. */
  queueDepth(): number;
};

export type PasswordsDeps = {
  cost: HashCost;
  /** hashes at a time; more than cores would only make each slower. Default: as many as there are cores */
  concurrency?: number | undefined;
  /** hashes that may wait */
  maxWaiting: number;
  /** zxcvbn score a new password needs, 0 to 4; one from the list of common passwords is refused at any setting */
  minScore: number;
  /** this installation's name, which is no password */
  brandName: string;
  /** hashes of other systems that are still verified */
  schemes?: readonly PasswordScheme[] | undefined;
};

export function createPasswords({ cost, concurrency, maxWaiting, minScore, brandName, schemes = [] }: PasswordsDeps): Passwords {
  const cores = os.availableParallelism();
  const queue = createHashQueue({ concurrency: Math.min(concurrency ?? cores, cores), maxWaiting });
  const dummyHash = buildDummyHash(cost);
  const known: readonly PasswordScheme[] = [createArgon2Scheme(cost), ...schemes];
  const dummyScheme = known[0] as PasswordScheme;
  const estimate = createStrengthEstimator();

  async function judge(password: string, inputs: readonly string[], options?: { advice: boolean }): Promise<PasswordAssessment> {
    const tooLong: PasswordAssessment = { acceptable: false, score: 0, code: 'passwords.too_long', warning: null, suggestions: [] };
    if (password.length > MAX_INPUT_UNITS) return tooLong;
    const normalized = normalizePassword(password);
    const chars = [...normalized].length;
    if (chars > MAX_PASSWORD_CHARS) return tooLong;
    const { score, isCommon, warning, suggestions } = await estimate(normalized, [...inputs, brandName], options);
    const code =
      chars < MIN_PASSWORD_CHARS
        ? 'passwords.too_short'
        : isCommon
          ? 'passwords.too_common'
          : score < minScore
            ? 'passwords.too_weak'
            : undefined;
    return { acceptable: code === undefined, score, code, warning, suggestions };
  }

  return {
    assess: (password, inputs) => judge(password, inputs, { advice: true }),
    minLength: MIN_PASSWORD_CHARS,
    queueDepth: queue.depth,
    hash: (password) => queue.run(() => hashWithArgon2id(normalizePassword(password), cost)),
    async verify(hash, password) {
      const scheme = hash === null ? undefined : known.find((candidate) => candidate.recognises(hash));
      if (hash === null || !scheme || password.length > MAX_INPUT_UNITS) {
        await queue.run(() => dummyScheme.verify(dummyHash, ''));
        return { ok: false, needsRehash: false };
      }
      const ok = await queue.run(() => scheme.verify(hash, normalizePassword(password)));
      return { ok, needsRehash: ok && scheme.needsRehash(hash) };
    },
    async requireAcceptable(password, inputs) {
      const assessment = await judge(password, inputs);
      if (assessment.code !== undefined) throw passwordRefused(assessment.code, assessment);
    },
  };
}

/**
 * NFC, as in the OpaqueString profile (RFC 8265, section 4.2): the same characters give the same password on every keyboard (a phone may
 * send `e` and an accent where a desktop sends one letter), and nothing that a person can tell apart is made equal, as NFKC would.
 */
function normalizePassword(password: string): string {
  return password.normalize('NFC');
}
