/** Metadata with the given members in place of those there were; null takes one away. */
export function layOver(before: Record<string, unknown>, patch: Record<string, unknown>): Record<string, unknown> {
  const kept = { ...before };
  // These follow from others where they are not given.
  if (!Object.hasOwn(patch, 'response_types') && Object.hasOwn(patch, 'grant_types')) delete kept.response_types;
  if (Object.hasOwn(patch, 'token_endpoint_auth_method')) delete kept.token_endpoint_auth_signing_alg;
  // Of two that exclude each other, the one that is given takes the other's place.
  if (patch.jwks) delete kept.jwks_uri;
  if (patch.jwks_uri) delete kept.jwks;
  return { ...kept, ...patch };
}
