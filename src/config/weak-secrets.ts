/** Fewer than this many bits, as far as a look at the characters tells: nobody makes such a secret with a random generator. */
const MIN_BITS = 96;

/**
 * What shows that a secret was not made at random, in words, or null. It finds what people type, repeat and count up; that nothing is found
 * proves nothing.
 */
export function weaknessOf(secret: string | Buffer): string | null {
  const symbols = [...(typeof secret === 'string' ? Buffer.from(secret) : secret)];
  if (isRepeated(symbols)) return 'repeats itself';
  if (countsUp(symbols)) return 'counts up or down';
  if (entropyBits(symbols) < MIN_BITS) return 'has too few different characters';
  return null;
}

/** A piece of at most half the length, over and over. */
function isRepeated(symbols: readonly number[]): boolean {
  for (let period = 1; period <= symbols.length / 2; period++) {
    if (symbols.every((symbol, index) => symbol === symbols[index % period])) return true;
  }
  return false;
}

/** Neighbours that are mostly one and the same step apart. */
function countsUp(symbols: readonly number[]): boolean {
  const steps = new Map<number, number>();
  for (let index = 1; index < symbols.length; index++) {
    const step = ((symbols[index] ?? 0) - (symbols[index - 1] ?? 0) + 256) % 256;
    steps.set(step, (steps.get(step) ?? 0) + 1);
  }
  return Math.max(0, ...steps.values()) > (symbols.length - 1) / 2;
}

/** Shannon's measure over the symbols as they come, each for itself. */
function entropyBits(symbols: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const symbol of symbols) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / symbols.length);
  return bits;
}
