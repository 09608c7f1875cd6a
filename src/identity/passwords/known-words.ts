/** A word list of the estimator: its name there, and its words in order of how often they are met, as the text of a JSON array. */
export type WordList = { name: string; json: string };

/** A part of a password that is in a list, `rank` being its place there, from 1. `end` is the first character after it. */
export type KnownWord = { start: number; end: number; name: string; rank: number };

export type KnownWords = {
  /** Every word of the lists that stands in the text, by where it begins, then by its length, then in order of the lists. */
  findIn(text: string, others?: Readonly<Record<string, number>>): KnownWord[];
};

/** The list of the words that are handed in with a text. */
const OTHERS = 'userInputs';

const QUOTE = '"'.charCodeAt(0);
const FREE = 0;

/** FNV-1a, a character more at a time: of the text `wo` it is the hash of `w`, taken on with `o`. */
const HASH_OF_NOTHING = 0x811c9dc5 | 0;
const takeOn = (hash: number, unit: number) => Math.imul(hash ^ unit, 0x01000193);
/** The lowest bits of the hash alone depend on the lowest bits of the characters alone. */
const placeOf = (hash: number, places: number) => (hash ^ (hash >>> 15)) & (places - 1);

function hashOf(text: string): number {
  let hash = HASH_OF_NOTHING;
  for (let at = 0; at < text.length; at++) hash = takeOn(hash, text.charCodeAt(at));
  return hash;
}

/**
 * 237,000 words in 6 MB, of which next to nothing is looked at by the garbage collector. As an object for each list, which is what the estimator
 * makes of them, they are 25 MB, and each part of a password that is looked up becomes a name of properties, which V8 keeps among its old objects.
 * @param lists words without a quotation mark or a backslash in them
 */
export function createKnownWords(lists: readonly WordList[]): KnownWords {
  const { starts, hashes, listOf, firstOf, longest } = indexOf(lists);
  // At most half full, so that a look-up meets a free place soon.
  const places = 2 ** Math.ceil(Math.log2(starts.length * 2));
  const table = new Uint32Array(places);
  for (const [entry, hash] of hashes.entries()) {
    let place = placeOf(hash, places);
    while (table[place] !== FREE) place = (place + 1) & (places - 1);
    table[place] = entry + 1;
  }

  function isWord(entry: number, text: string, start: number, end: number): boolean {
    const { json } = lists[listOf[entry] as number] as WordList;
    const from = (starts[entry] as number) - start;
    for (let at = start; at < end; at++) if (json.charCodeAt(from + at) !== text.charCodeAt(at)) return false;
    return json.charCodeAt(from + end) === QUOTE;
  }

  return {
    findIn(text, others = {}) {
      const found: KnownWord[] = [];
      const given = new Map<number, { word: string; rank: number }[]>();
      let most = longest;
      for (const [word, rank] of Object.entries(others)) {
        given.set(hashOf(word), [...(given.get(hashOf(word)) ?? []), { word, rank }]);
        most = Math.max(most, word.length);
      }
      for (let start = 0; start < text.length; start++) {
        let hash = HASH_OF_NOTHING;
        for (let end = start + 1; end <= Math.min(text.length, start + most); end++) {
          hash = takeOn(hash, text.charCodeAt(end - 1));
          for (let place = placeOf(hash, places); table[place] !== FREE; place = (place + 1) & (places - 1)) {
            const entry = (table[place] as number) - 1;
            if (hashes[entry] !== hash || !isWord(entry, text, start, end)) continue;
            const list = listOf[entry] as number;
            found.push({ start, end, name: (lists[list] as WordList).name, rank: entry - (firstOf[list] as number) + 1 });
          }
          for (const { word, rank } of given.get(hash) ?? []) {
            if (text.slice(start, end) === word) found.push({ start, end, name: OTHERS, rank });
          }
        }
      }
      return found;
    },
  };
}

/** Where each word begins in the text of its list, and its hash. Words are counted through, from the first list to the last. */
function indexOf(lists: readonly WordList[]) {
  const count = lists.reduce((sum, { json }) => sum + countWords(json), 0);
  const [starts, hashes, listOf] = [new Uint32Array(count), new Int32Array(count), new Uint8Array(count)];
  const firstOf: number[] = [];
  let entry = 0;
  let longest = 0;
  for (const [list, { json }] of lists.entries()) {
    firstOf.push(entry);
    for (let at = json.indexOf('"') + 1; at > 0; at = json.indexOf('"', at) + 1) {
      const start = at;
      let hash = HASH_OF_NOTHING;
      for (let unit = json.charCodeAt(at); unit !== QUOTE; unit = json.charCodeAt(++at)) hash = takeOn(hash, unit);
      longest = Math.max(longest, at - start);
      [starts[entry], hashes[entry], listOf[entry]] = [start, hash, list];
      entry++;
      at++;
    }
  }
  return { starts, hashes, listOf, firstOf, longest };
}

/** @throws Error where the text is not as it has to be */
function countWords(json: string): number {
  let quotes = 0;
  for (let at = json.indexOf('"'); at !== -1; at = json.indexOf('"', at + 1)) quotes++;
  if (json.includes('\\') || quotes % 2 === 1) throw new Error('a word list has characters that it cannot have');
  return quotes / 2;
}
