import type { AdapterPayload } from 'oidc-provider';

type Fields = Record<string, unknown>;

const same = (a: unknown, b: unknown) => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Three-way merge of flat fields: what I changed since `base` is mine, the rest is theirs. */
function mergeFields(base: Fields, theirs: Fields, mine: Fields): Fields {
  const merged: [string, unknown][] = [];
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const value = same(mine[key], base[key]) ? theirs[key] : mine[key];
    if (value !== undefined) merged.push([key, value]);
  }
  return Object.fromEntries(merged);
}

const authorizationsOf = (payload: AdapterPayload | undefined): Fields => payload?.authorizations ?? {};

/**
 * Puts together two states of one session that grew from `base` at the same moment: two tabs that authorized two clients keep both.
 * @param base the state this request began with; undefined when it is not known, then nothing counts as removed
 * @returns undefined when somebody signed in or out meanwhile and this request speaks for another person
 */
export function mergeSessions(base: AdapterPayload | undefined, theirs: AdapterPayload, mine: AdapterPayload): AdapterPayload | undefined {
  if (theirs.accountId !== base?.accountId && theirs.accountId !== mine.accountId) return undefined;
  const authorizations = mergeFields(authorizationsOf(base), authorizationsOf(theirs), authorizationsOf(mine));
  const merged = mergeFields({ ...base }, { ...theirs }, { ...mine }) as AdapterPayload;
  return withAuthorizations(merged, authorizations);
}

/**
 * What is left of a save that was made under an id which has been replaced meanwhile: the authorizations of the same person, nothing else.
 * Such a request proves only that its id was valid once, and that may be an id somebody planted before the sign-in (session fixation).
 * @returns undefined when it speaks for another person
 */
export function adoptAuthorizations(
  base: AdapterPayload | undefined,
  theirs: AdapterPayload,
  mine: AdapterPayload,
): AdapterPayload | undefined {
  if (theirs.accountId !== mine.accountId) return undefined;
  return withAuthorizations({ ...theirs }, mergeFields(authorizationsOf(base), authorizationsOf(theirs), authorizationsOf(mine)));
}

function withAuthorizations(payload: AdapterPayload, authorizations: Fields): AdapterPayload {
  const { authorizations: _replaced, ...rest } = payload;
  if (Object.keys(authorizations).length === 0) return rest;
  return { ...rest, authorizations: authorizations as NonNullable<AdapterPayload['authorizations']> };
}
