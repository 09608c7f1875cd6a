/**
 * Owns: what a password must be, how it is hashed and verified, and that hashing neither blocks the event loop nor queues without bound.
 * Does not own: whose password it is (accounts), what a wrong one leads to (login).
 */
import os from 'node:os';
import { type HashCost, hashWithArgon2id } from './argon2.js';
import type { BreachedPasswords } from './breached.js';
import { passwordRefused } from './errors.js';
import { createHashQueue } from './queue.js';
import type { InspectedHash, PasswordScheme } from './schemes.js';
import { createStrengthEstimator, type PasswordAssessment } from './strength.js';
import { createVerifier, MAX_INPUT_UNITS, normalizePassword } from './verifier.js';

export type { HashCost } from './argon2.js';
export { type BreachedPasswords, createBreachedPasswords } from './breached.js';
export type { InspectedHash, PasswordScheme } from './schemes.js';
export type { PasswordAssessment } from './strength.js';

/** Characters (Unicode code points after NFC), so that a person may count them. */
export const MIN_PASSWORD_CHARS = 8;
export const MAX_PASSWORD_CHARS = 128;

export type Passwords = {
  /** argon2id PHC string. @throws AppError `passwords.busy` (503, Retry-After) */
  hash(password: string): Promise<string>;
  /**
   * Verifies, with the work of one hash whatever `hash` is: null (no such account), unreadable, or right. A hash of another system or of other
   * costs takes its own time besides; see `failureFloorMs`. `needsRehash` is for `hash` to make it anew.
   * @throws AppError `passwords.busy` (503, Retry-After)
   */
  verify(hash: string | null, password: string): Promise<{ ok: boolean; needsRehash: boolean }>;
  /**
   * How long, in milliseconds, this password is seen to take at the dearest imported hash met so far: a failure that is answered sooner could be
   * told from one at such an account. 0 when there was none.
   */
  failureFloorMs(password: string): number;
  /** What a hash from elsewhere is, for whoever imports it; null: nothing that could be verified. */
  inspectHash(hash: string): InspectedHash | null;
  /**
   * Judges a new password, for advice. @param inputs what an attacker who knows the person tries first: e-mail, names, username
   * @throws AppError `passwords.busy` (503, Retry-After)
   */
  assess(password: string, inputs: readonly string[]): Promise<PasswordAssessment>;
  /** @throws AppError `passwords.too_short`, `.too_long`, `.too_common`, `.too_weak`, `.breached` (422), `passwords.busy` (503, Retry-After) */
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
  /** hashes that are verified beside argon2, bcrypt, PBKDF2 and scrypt */
  schemes?: readonly PasswordScheme[] | undefined;
  /** where leaked passwords are looked up; default: nowhere */
  breached?: BreachedPasswords | undefined;
  log?: { warn(fields: object, message: string): void } | undefined;
};

export function createPasswords(deps: PasswordsDeps): Passwords {
  const { cost, concurrency, maxWaiting, minScore, brandName, schemes = [], breached, log = { warn: () => undefined } } = deps;
  const cores = os.availableParallelism();
  const queue = createHashQueue({ concurrency: Math.min(concurrency ?? cores, cores), maxWaiting });
  const verifier = createVerifier({ cost, queue, schemes, log });
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
    verify: verifier.verify,
    failureFloorMs: verifier.failureFloorMs,
    inspectHash: verifier.inspect,
    async requireAcceptable(password, inputs) {
      const assessment = await judge(password, inputs);
      if (assessment.code !== undefined) throw passwordRefused(assessment.code, assessment);
      // Last, so that what is refused anyway is asked about nowhere.
      if (breached && (await breached.count(normalizePassword(password))) > 0) throw passwordRefused('passwords.breached', assessment);
    },
  };
}
