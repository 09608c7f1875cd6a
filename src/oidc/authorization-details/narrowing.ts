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

/**
 * True when each of the asked is a part of a granted one that no other takes its part from: one payment that was allowed is not two (a matching in a
 * bipartite graph, by augmenting paths).
 */
export function areParts<Detail>(
  asked: readonly Detail[],
  granted: readonly Detail[],
  isPart: (one: Detail, other: Detail) => boolean,
): boolean {
  const takenBy = new Map<number, Detail>();
  const place = (detail: Detail, looked: Set<number>): boolean =>
    granted.some((other, at) => {
      if (looked.has(at) || !isPart(detail, other)) return false;
      looked.add(at);
      const holder = takenBy.get(at);
      if (holder !== undefined && !place(holder, looked)) return false;
      takenBy.set(at, detail);
      return true;
    });
  return asked.every((detail) => place(detail, new Set()));
}
