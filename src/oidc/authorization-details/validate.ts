import type { DetailsMember, DetailsMembers } from '../resources/index.js';

/** Control characters, halves of surrogate pairs, and what turns or hides neighbouring text: people decide by what they see. */
const DISPLAYABLE = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]*$/u;

/**
 * What is wrong with one object, by its declared members; undefined for nothing. Names and values that somebody made up are not repeated.
 * @param at how its members are named in the answer
 */
export function findFault(members: DetailsMembers, value: object, at: string): string | undefined {
  const given = value as Record<string, unknown>;
  if (Object.keys(given).some((name) => !Object.hasOwn(members, name))) return `${at} has a member that its type does not have`;
  for (const [name, member] of Object.entries(members)) {
    const path = `${at}.${name}`;
    if (Object.hasOwn(given, name)) {
      const fault = findMemberFault(member, given[name], path);
      if (fault) return fault;
    } else if (!member.optional) return `${path} is missing`;
  }
  return undefined;
}

function findMemberFault(member: DetailsMember, value: unknown, path: string): string | undefined {
  switch (member.kind) {
    case 'text':
      return isText(value, member.maxChars)
        ? undefined
        : `${path} must be a text of 1 to ${member.maxChars} characters, all of which can be shown`;
    case 'number': {
      const fits =
        typeof value === 'number' && value >= member.min && value <= member.max && (!member.integer || Number.isSafeInteger(value));
      return fits ? undefined : `${path} must be a ${member.integer ? 'whole ' : ''}number from ${member.min} to ${member.max}`;
    }
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${path} must be true or false`;
    case 'choice':
      return typeof value === 'string' && Object.hasOwn(member.values, value) ? undefined : `${path} is none of the values of its type`;
    case 'list':
      return isList(member, value) ? undefined : `${path} must be a list of 1 to ${member.maxEntries} different values of its type`;
    case 'object':
      return isObject(value) ? findFault(member.members, value, path) : `${path} must be an object`;
  }
}

const isText = (value: unknown, maxChars: number): value is string =>
  typeof value === 'string' && value.trim() !== '' && [...value].length <= maxChars && DISPLAYABLE.test(value);

function isList({ values, maxChars, maxEntries }: DetailsMember & { kind: 'list' }, value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0 || value.length > maxEntries || new Set(value).size < value.length) return false;
  return value.every((entry) => (values ? typeof entry === 'string' && Object.hasOwn(values, entry) : isText(entry, maxChars)));
}

export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
