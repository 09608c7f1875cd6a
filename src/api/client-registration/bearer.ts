/** The token of an Authorization header (RFC 6750, section 2.1). What is no bearer token is shown as an empty one, which is never good. */
export function bearerTokenOf(header: string): string | undefined {
  if (header === '') return undefined;
  return /^Bearer +([A-Za-z0-9\-._~+/]{1,512}=*)$/i.exec(header)?.[1] ?? '';
}

/** RFC 6750, section 3: an error is named where a token was shown. */
export const challengeOf = (hasToken: boolean): string => (hasToken ? 'Bearer error="invalid_token"' : 'Bearer');
