import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { MatcherBaseClass, OptionsType, ZxcvbnFactory } from '@zxcvbn-ts/core';
import { createKnownWords, type KnownWords, type WordList } from './known-words.js';

/** zxcvbn over word lists of ours; see `createKnownWords`. */
export type Estimator = Pick<ZxcvbnFactory, 'check'>;

const MAX_SUBSTITUTIONS = 10;

/** The lists as the packages bring them, named as their own modules name them: the estimator has warnings by these names. */
const LISTS = [
  ['diceware-common', '@zxcvbn-ts/language-common/src/diceware.json'],
  ['passwords-common', '@zxcvbn-ts/language-common/src/passwords.json'],
  ['commonWords-en', '@zxcvbn-ts/language-en/src/commonWords.json'],
  ['firstnames-en', '@zxcvbn-ts/language-en/src/firstnames.json'],
  ['lastnames-en', '@zxcvbn-ts/language-en/src/lastnames.json'],
  ['wikipedia-en', '@zxcvbn-ts/language-en/src/wikipedia.json'],
] as const;
/** Several short ones. Words of these that follow each other (one, two, three) are weak together. */
const SEQUENCES = '@zxcvbn-ts/language-en/src/wordSequences.json';
const GRAPHS = '@zxcvbn-ts/language-common/src/adjacencyGraphs.json';
/** The packages' own modules bring all lists with them. */
const TRANSLATIONS = '@zxcvbn-ts/language-en/dist/translations.cjs';

export async function loadEstimator(): Promise<Estimator> {
  const require = createRequire(import.meta.url);
  const read = (file: string) => readFile(require.resolve(file), 'utf8');
  const [{ ZxcvbnFactory }, graphs, sequences, ...texts] = await Promise.all([
    import('@zxcvbn-ts/core'),
    read(GRAPHS).then((text) => JSON.parse(text) as NonNullable<OptionsType['graphs']>),
    read(SEQUENCES).then((text) => Object.entries(JSON.parse(text) as Record<string, string[]>)),
    ...LISTS.map(([, file]) => read(file)),
  ]);
  const lists: WordList[] = [
    ...LISTS.map(([name], index) => ({ name, json: texts[index] as string })),
    ...sequences.map(([name, words]) => ({ name, json: JSON.stringify(words) })),
  ];
  const translations = require(TRANSLATIONS) as NonNullable<OptionsType['translations']>;
  const estimator = new ZxcvbnFactory({ graphs, translations, l33tMaxSubstitutions: MAX_SUBSTITUTIONS });
  lookUpIn(createKnownWords(lists), estimator, new Set(sequences.map(([name]) => name)));
  return estimator;
}

/** What the matcher of dictionaries is asked, and what it answers. */
type Asked = { password: string; userInputsOptions?: { rankedDictionary: Record<string, number> } };
type DictionaryMatcher = MatcherBaseClass & { wordSequenceCheck?: boolean; match(asked: Asked): object[] };

/**
 * Gives the matcher of dictionaries, and those that are built on it (reversed words, substitutions, sequences), our way of looking up. The library
 * takes further matchers, but keeps its own way for what they are to be built on.
 */
function lookUpIn(words: KnownWords, estimator: ZxcvbnFactory, sequences: ReadonlySet<string>): void {
  const { matchers } = (estimator as unknown as { matching: { matchers: Record<string, MatcherBaseClass> } }).matching;
  const matcher = Object.getPrototypeOf(matchers.dictionary) as DictionaryMatcher;
  matcher.match = function (this: DictionaryMatcher, { password, userInputsOptions }) {
    // Some capitals have small letters that are longer.
    const lower = password.toLowerCase().slice(0, password.length);
    const found = words.findIn(lower, this.wordSequenceCheck ? {} : userInputsOptions?.rankedDictionary);
    const wanted = this.wordSequenceCheck ? found.filter(({ name }) => sequences.has(name)) : found;
    return wanted.map(({ start, end, name, rank }) => ({
      pattern: 'dictionary',
      i: start,
      j: end - 1,
      token: password.slice(start, end),
      matchedWord: lower.slice(start, end),
      rank,
      dictionaryName: name,
      reversed: false,
      l33t: false,
    }));
  };
}
