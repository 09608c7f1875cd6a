/** One kind of sign-in that an application can ask for by name (`acr`). */
export type AuthenticationContextClass = {
  /** its name in `acr`, `acr_values` and the metadata */
  acr: string;
  /** @param methods what a sign-in was made with (`amr`, RFC 8176) */
  isReachedBy(methods: ReadonlySet<string>): boolean;
};

/**
 * All classes there are, weakest first. A class is here only if somebody can reach it: a second factor adds its row, and metadata, requests, tokens
 * and the question whether a sign-in is enough follow from the table. How long ago somebody signed in is no class: that is `max_age` and `auth_time`.
 */
export const AUTHENTICATION_CONTEXT_CLASSES: readonly AuthenticationContextClass[] = [
  { acr: 'urn:latchkey:acr:password', isReachedBy: (methods) => methods.has('pwd') },
];

export type AuthenticationContexts = {
  /** weakest first */
  names: readonly string[];
  isKnown(acr: string): boolean;
  isReached(acr: string, methods: readonly string[] | undefined): boolean;
  /** The class to tell of a sign-in: the first that was asked for and is reached, otherwise the strongest that is; undefined for none. */
  answer(methods: readonly string[] | undefined, asked?: readonly string[]): string | undefined;
};

export function createAuthenticationContexts(
  classes: readonly AuthenticationContextClass[] = AUTHENTICATION_CONTEXT_CLASSES,
): AuthenticationContexts {
  const byName = new Map(classes.map((each) => [each.acr, each]));
  const isReached = (acr: string, methods: readonly string[] | undefined): boolean =>
    byName.get(acr)?.isReachedBy(new Set(methods)) ?? false;
  return {
    names: [...byName.keys()],
    isKnown: (acr) => byName.has(acr),
    isReached,
    answer: (methods, asked = []) => [...asked, ...[...byName.keys()].reverse()].find((acr) => isReached(acr, methods)),
  };
}

/** Those of this server. */
export const authenticationContexts = createAuthenticationContexts();
