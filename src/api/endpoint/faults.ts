import type { z } from 'zod';

type Issue = Parameters<z.core.$ZodErrorMap>[0];

const KINDS: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  date: 'a date',
};

/** What is wrong with a member, in words that follow its name; undefined leaves the schema's own. */
export function faultInWords(issue: Issue): string | undefined {
  if (issue.code === 'invalid_type') return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `must be one of: ${issue.values.map(String).join(', ')}`;
  if (issue.code !== 'too_small' && issue.code !== 'too_big') return undefined;
  const [limit, bound] = issue.code === 'too_small' ? ['least', issue.minimum] : ['most', issue.maximum];
  if (issue.origin === 'string')
    return bound === 1 && limit === 'least' ? 'must not be empty' : `must have at ${limit} ${bound} characters`;
  if (issue.origin === 'array') return `must have at ${limit} ${bound} entries`;
  return `must be at ${limit} ${bound}`;
}
