import type { KoaContextWithOIDC } from 'oidc-provider';
import type { AuthenticationContexts } from './classes.js';

/** When and how the person behind a token signed in (RFC 9068, section 2.2.1; RFC 9470, section 6). */
export type SignInClaims = { auth_time?: number; acr?: string; amr?: readonly string[] };

/** Whatever a token is made from remembers the sign-in. */
type Source = { authTime?: number; acr?: string; amr?: readonly string[] };

/** What carries a sign-in to the token endpoint, under the library's names. */
const SOURCES = ['AuthorizationCode', 'RefreshToken', 'DeviceCode', 'BackchannelAuthenticationRequest'] as const;

/**
 * The sign-in behind the tokens that a request gets. It is that of the authorization, and stays so through every refresh (RFC 9068, 2.2.1).
 * Nothing where no person signed in.
 */
export function signInClaimsOf(ctx: KoaContextWithOIDC | undefined, contexts: AuthenticationContexts): SignInClaims {
  const entities = (ctx?.oidc?.entities ?? {}) as Record<string, Source | undefined>;
  const source = SOURCES.map((name) => entities[name]).find((entity) => entity?.authTime !== undefined);
  if (!source) return {};
  const acr = source.acr ?? contexts.answer(source.amr);
  return {
    ...(source.authTime === undefined ? {} : { auth_time: source.authTime }),
    ...(acr === undefined ? {} : { acr }),
    ...(source.amr?.length ? { amr: source.amr } : {}),
  };
}

/** The same of a token that is there already: what was made from it says nothing else. */
export function signInClaimsIn(claims: Record<string, unknown> | undefined): SignInClaims {
  const { auth_time: time, acr, amr } = claims ?? {};
  return {
    ...(typeof time === 'number' ? { auth_time: time } : {}),
    ...(typeof acr === 'string' ? { acr } : {}),
    ...(Array.isArray(amr) ? { amr: amr as string[] } : {}),
  };
}
