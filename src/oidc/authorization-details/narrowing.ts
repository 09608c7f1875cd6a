import type { DetailsMember, DetailsMembers } from '../resources/index.js';

type Members = Record<string, unknown>;

/**
 * True when one object asks for nothing that the other does not give. Only lists can be shortened: whether any other value is less than another is
 * for the resource server to know, not for us, so it has to be the same. A member that is left out may mean "all", so it is no less.
 */
export function isWithin(members: DetailsMembers, asked: object, granted: object): boolean {
  const [one, other] = [asked as Members, granted as Members];
  return Object.entries(members).every(([name, member]) => {
    if (!Object.hasOwn(one, name) || !Object.hasOwn(other, name)) return !Object.hasOwn(one, name) && !Object.hasOwn(other, name);
    return isMemberWithin(member, one[name], other[name]);
  });
}

function isMemberWithin(member: DetailsMember, asked: unknown, granted: unknown): boolean {
  if (member.kind === 'list') return (asked as unknown[]).every((entry) => (granted as unknown[]).includes(entry));
  if (member.kind === 'object') return isWithin(member.members, asked as object, granted as object);
  return asked === granted;
}
