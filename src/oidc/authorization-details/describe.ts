import type { DetailsMember, DetailsMembers } from '../resources/index.js';

/** A member in the words that its type has for it. */
export type Fact = { label: string; values: string[] };

/** Everything an object says; its members are all declared, so there is nothing that would not be shown. */
export function factsOf(members: DetailsMembers, value: object, prefix = ''): Fact[] {
  return Object.entries(members).flatMap(([name, member]) => {
    if (!Object.hasOwn(value, name)) return [];
    const label = prefix ? `${prefix} – ${member.label}` : member.label;
    const given = (value as Record<string, unknown>)[name];
    return member.kind === 'object' ? factsOf(member.members, given as object, label) : [{ label, values: wordsOf(member, given) }];
  });
}

function wordsOf(member: DetailsMember, value: unknown): string[] {
  switch (member.kind) {
    case 'boolean':
      return [value ? member.yes : member.no];
    case 'choice':
      return [member.values[String(value)] ?? String(value)];
    case 'list':
      return (value as string[]).map((entry) => member.values?.[entry] ?? entry);
    default:
      return [String(value)];
  }
}
