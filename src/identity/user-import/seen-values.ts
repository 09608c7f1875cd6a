import { createHash, randomBytes } from 'node:crypto';

/** On which line a value stood first. Takes some 20 bytes of memory for each value, however long it is. */
export type SeenValues = {
  find(kind: string, value: string): number | undefined;
  add(kind: string, value: string, line: number): void;
};

const FIRST_SLOTS = 1 << 12;
const WORDS_PER_SLOT = 3;

/** An open hash table of 64 bits of a salted SHA-256 and the line: of ten million values two are confused once in a hundred thousand imports. */
export function createSeenValues(): SeenValues {
  const salt = randomBytes(16);
  let slots = FIRST_SLOTS;
  let used = 0;
  let table = new Uint32Array(slots * WORDS_PER_SLOT);

  const digestOf = (kind: string, value: string): [high: number, low: number] => {
    const digest = createHash('sha256').update(salt).update(`${kind}:${value}`).digest();
    return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
  };

  /** The slot that has the digest, or the free one where it would be; a line is never 0. */
  function slotOf(words: Uint32Array, [high, low]: [number, number]): number {
    const count = words.length / WORDS_PER_SLOT;
    for (let slot = low % count; ; slot = (slot + 1) % count) {
      const at = slot * WORDS_PER_SLOT;
      if (words[at + 2] === 0 || (words[at] === high && words[at + 1] === low)) return at;
    }
  }

  function grow(): void {
    const larger = new Uint32Array(table.length * 2);
    for (let at = 0; at < table.length; at += WORDS_PER_SLOT) {
      if (table[at + 2] !== 0) larger.set(table.subarray(at, at + WORDS_PER_SLOT), slotOf(larger, [table[at] ?? 0, table[at + 1] ?? 0]));
    }
    table = larger;
    slots *= 2;
  }

  return {
    find: (kind, value) => table[slotOf(table, digestOf(kind, value)) + 2] || undefined,
    add(kind, value, line) {
      if (used >= slots * 0.75) grow();
      const digest = digestOf(kind, value);
      const at = slotOf(table, digest);
      if (table[at + 2] !== 0) return;
      table.set([...digest, line], at);
      used += 1;
    },
  };
}
