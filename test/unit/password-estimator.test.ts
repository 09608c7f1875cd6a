import { createRequire } from 'node:module';
import type * as Core from '@zxcvbn-ts/core';
import type * as Common from '@zxcvbn-ts/language-common';
import type * as English from '@zxcvbn-ts/language-en';
import { expect, it } from 'vitest';
import { loadEstimator } from '../../src/identity/passwords/estimator.js';
import { createKnownWords } from '../../src/identity/passwords/known-words.js';

/** The library as it is by itself: its modules for bundlers are other ones than those that the server loads. */
async function openUntouched(): Promise<Pick<Core.ZxcvbnFactory, 'check'>> {
  const { resolve } = createRequire(import.meta.url);
  const load = (name: string) => import(resolve(`@zxcvbn-ts/${name}`).replace(/\.cjs$/, '.mjs'));
  const { ZxcvbnFactory } = (await load('core')) as typeof Core;
  const [common, english] = [(await load('language-common')) as typeof Common, (await load('language-en')) as typeof English];
  return new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
    l33tMaxSubstitutions: 10,
  });
}

/** Always the same ones, so that a failure can be seen again. */
function createDice(seed: number) {
  let state = seed;
  return (sides: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const TYPED = [
  ...['password', 'PASSWORD', 'drowssap', 'p@ssw0rd', '4@8({[</\\|1!', 'Tr0ub4dour&3', 'correct horse battery staple 42', '1q2w3e4r5t'],
  ...['oneTwoThree', 'mondaytuesdaywednesday', 'redorangeyellow', 'eerht owt eno', 'janedoejanedoe', 'jane.doe@example.com', 'j4n3.d03'],
  ...[
    'abcabcabc',
    '2024-11-28',
    'smith',
    'htims',
    'café',
    'naïve',
    'İstanbul',
    'STRASSE',
    'ß',
    '密码锁钥匙',
    '🔑🚪🐈',
    '"',
    '","',
    '\\',
    '',
  ],
];

it('judges every password as the library does with its own way of looking words up', async () => {
  const [ours, untouched] = await Promise.all([loadEstimator(), openUntouched()]);
  const dice = createDice(20261128);
  const pieces = [
    'dragon',
    'sunshine',
    'nnnn',
    'Q',
    '7',
    '1999',
    '$',
    '@dm1n',
    'zxcvb',
    'ytrewq',
    'seven',
    'Eight',
    'venus',
    'doe',
    'é',
    'williams',
    ' ',
  ];
  const made = Array.from({ length: 60 }, () => Array.from({ length: 1 + dice(5) }, () => pieces[dice(pieces.length)]).join(''));
  for (const password of [...TYPED, ...made]) {
    const person = ['jane.doe@example.com', 'jane', 'doe', 'éa'];
    for (const inputs of [person, []]) {
      const { calcTime: _ours, ...mine } = ours.check(password, inputs);
      const { calcTime: _theirs, ...theirs } = untouched.check(password, inputs);
      expect(mine, password).toEqual(theirs);
    }
  }
});

it('finds every word of a list, with its place in it, and nothing that is none', () => {
  const lists = [
    { name: 'letters', json: '["a","ab","ba","é","name"]' },
    { name: 'again', json: '["ab"]' },
  ];
  const words = createKnownWords(lists);
  const found = (text: string, others?: Record<string, number>) =>
    words.findIn(text, others).map(({ start, end, name, rank }) => `${text.slice(start, end)} ${name} ${rank}`);
  expect(found('aba')).toEqual(['a letters 1', 'ab letters 2', 'ab again 1', 'ba letters 3', 'a letters 1']);
  expect(found('éx', { é: 3, x: 1 })).toEqual(['é letters 4', 'é userInputs 3', 'x userInputs 1']);
  // Of what every object has by itself nothing is a word.
  for (const none of ['', 'constructor', '__proto__', 'b","b', '"', 'nam'])
    expect(found(none).filter((line) => !/^a /.test(line))).toEqual([]);
});

it('refuses a list that it would read wrongly', () => {
  for (const json of ['["a\\"b"]', '["a\\\\"]', '["a]']) expect(() => createKnownWords([{ name: 'list', json }])).toThrow('word list');
});
