import { InvalidArgumentError } from 'commander';

// How the text of a flag becomes a value. A wrong one is a usage error that says what would be right.

export const wholeNumber =
  ({ min, max, what }: { min: number; max: number; what: string }) =>
  (text: string): number => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`It must be ${what}, ${min} to ${max}.`);
    return value;
  };

export const pageSize = wholeNumber({ min: 1, max: 200, what: 'a number' });

/** A repeated flag. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];

/** A repeated flag whose values have no spaces: a value with spaces is several. */
export const collectWords = (text: string, before: readonly string[] = []): string[] => [...before, ...text.split(/\s+/).filter(Boolean)];

/** JSON as a flag; an empty text stays one, since it takes a member away. */
export const jsonText = (text: string): unknown => {
  if (text === '') return '';
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It must be JSON.');
  }
};
