import type { ZxcvbnResult } from '@zxcvbn-ts/core';
import { type PasswordFault, passwordsBusy } from './errors.js';
import { type Estimator, loadEstimator } from './estimator.js';

/** How good a new password would be. `score` is zxcvbn's, 0 (tried first) to 4. `code` says why it is not acceptable. */
export type PasswordAssessment = {
  acceptable: boolean;
  score: 0 | 1 | 2 | 3 | 4;
  code?: PasswordFault | undefined;
  warning: string | null;
  suggestions: string[];
};

/** Estimates how many guesses a password takes. Loads its dictionaries at the first call, since they are large. */
export type StrengthEstimator = (
  password: string,
  inputs: readonly string[],
  options?: {
    /** only told to somebody who types: goes without when there is much to judge */
    advice?: boolean;
  },
) => Promise<{ score: 0 | 1 | 2 | 3 | 4; isCommon: boolean; warning: string | null; suggestions: string[] }>;

/**
 * The estimator works on the event loop and its cost grows with the square of the length and with the substitutions it tries (128 hostile
 * characters took most of a second). A password is at least as strong as any part of it, so of a long one both ends are judged.
 */
const MAX_ESTIMATED_CHARS = 40;
/** A piece that is repeated is judged as often as it takes to fill this, twice at least: the rest adds next to nothing but work. */
const REPEATED_CHARS = 8;
const MAX_INPUTS = 40;

/**
 * The estimator works on the event loop, where tokens are waiting too: it takes this share of the time and no more, save for a burst. Past it
 * passwords are refused as busy; advice already at half of it, so that nobody who types on can stop people from registering.
 */
const TIME_SHARE = 0.25;
const BURST_MS = 4000;

function createTimeBudget() {
  let usedMs = 0;
  let lookedAt = performance.now();
  return {
    /** @throws AppError `passwords.busy` (503, Retry-After) */
    require(ceilingMs: number): void {
      const at = performance.now();
      usedMs = Math.max(0, usedMs - (at - lookedAt) * TIME_SHARE);
      lookedAt = at;
      if (usedMs > ceilingMs) throw passwordsBusy(Math.ceil((usedMs - ceilingMs) / TIME_SHARE / 1000));
    },
    spend(ms: number): void {
      usedMs += ms;
    },
  };
}

export function createStrengthEstimator(): StrengthEstimator {
  let loading: Promise<Estimator> | undefined;
  const budget = createTimeBudget();
  return async (password, inputs, { advice = false } = {}) => {
    loading ??= loadEstimator();
    const estimator = await loading;
    budget.require(advice ? BURST_MS / 2 : BURST_MS);
    const startedAt = performance.now();
    const personal = splitInputs(inputs);
    const chars = [...password];
    const ends = [chars.slice(0, MAX_ESTIMATED_CHARS), ...(chars.length > MAX_ESTIMATED_CHARS ? [chars.slice(-MAX_ESTIMATED_CHARS)] : [])];
    const judged = ends.map(withoutRepeats);
    const [stronger] = judged.map((end) => estimator.check(end.join(''), personal)).sort((a, b) => b.guesses - a.guesses);
    budget.spend(performance.now() - startedAt);
    const { score, feedback, sequence } = stronger as ZxcvbnResult;
    const [first, second] = sequence;
    return {
      score,
      // Matched whole by the list of common passwords, in whatever disguise the estimator sees through.
      isCommon:
        judged[0]?.length === chars.length &&
        second === undefined &&
        first?.pattern === 'dictionary' &&
        first.dictionaryName === 'passwords-common',
      warning: feedback.warning,
      suggestions: feedback.suggestions,
    };
  };
}

/** Of a text that is one piece over and over its beginning, which is no stronger than the whole. */
function withoutRepeats(chars: string[]): string[] {
  const isPiece = (length: number) => chars.every((char, index) => index < length || char === chars[index - length]);
  for (let length = 1; length * 2 < chars.length; length++) {
    if (isPiece(length)) return chars.slice(0, length * Math.max(2, Math.ceil(REPEATED_CHARS / length)));
  }
  return chars;
}

/** What a person is called, whole and in pieces: `jane.doe@example.com` is also jane.doe, jane, doe and example, `Jane Doe` also janedoe. */
function splitInputs(inputs: readonly string[]): string[] {
  const pieces = inputs
    .map((input) => input.slice(0, 254).toLowerCase())
    .flatMap((input) => [input, input.split('@')[0] ?? '', input.replace(/[^\p{L}\p{N}]+/gu, ''), ...input.split(/[^\p{L}\p{N}]+/u)])
    .filter((piece) => [...piece].length >= 3);
  return [...new Set(pieces)].slice(0, MAX_INPUTS);
}
