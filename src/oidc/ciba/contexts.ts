import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { now } from '../../platform/clock.js';
import type { BackchannelPayload } from '../adapter/index.js';
import { authenticationContexts } from '../authentication-contexts/index.js';
import type { BrowserSession } from '../browser-session.js';

const wordsOf = (value: unknown): string[] => (typeof value === 'string' ? value.split(' ').filter(Boolean) : []);

/**
 * As at the authorization endpoint, `acr_values` is a wish except where a resource server is named (RFC 9470, section 5); then nobody is asked who could
 * not be signed in as is wanted.
 * @throws `unmet_authentication_requirements`
 */
export function requireReachable({ oidc: { params, resourceServers } }: KoaContextWithOIDC): void {
  const asked = wordsOf(params?.acr_values);
  if (asked.length === 0 || Object.keys(resourceServers ?? {}).length === 0 || asked.some(authenticationContexts.isKnown)) return;
  throw new errors.CustomOIDCProviderError(
    'unmet_authentication_requirements',
    'no sign-in of the requested authentication context class can be had here',
  );
}

/** What tokens say of the class of the sign-in in which a question is answered. */
export const contextOf = ({ params }: BackchannelPayload, { amr }: BrowserSession): string | undefined =>
  authenticationContexts.answer(amr, wordsOf(params?.acr_values));

/**
 * ok · too_old: somebody signs in again first (`max_age`, a class that this sign-in is not of) · not_enough: they have, and it is still not what is
 * asked for.
 */
export function judgeSignIn(
  { params, iat, resource }: BackchannelPayload,
  { amr, signedInAt }: BrowserSession,
): 'ok' | 'too_old' | 'not_enough' {
  // A sign-in after the request is new enough for any, whatever the clock says about seconds.
  const signedInForIt = signedInAt.getTime() >= (iat ?? 0) * 1000;
  const maxAgeSeconds = params?.max_age === undefined ? Number.NaN : Number(params.max_age);
  if (!signedInForIt && signedInAt.getTime() < now() - maxAgeSeconds * 1000) return 'too_old';
  const asked = wordsOf(params?.acr_values);
  if (resource === undefined || asked.length === 0 || asked.some((acr) => authenticationContexts.isReached(acr, amr))) return 'ok';
  return signedInForIt ? 'not_enough' : 'too_old';
}
