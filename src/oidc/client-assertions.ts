import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { nowSeconds } from '../platform/clock.js';

/** An assertion's name is kept until it expires, so that it works once; nobody is to fill the table with names that are kept for years. */
const MAX_LIFETIME_SECONDS = 3600;
const MAX_JTI_CHARS = 256;
/** How far a client's clock may be ahead. */
const MAX_SKEW_SECONDS = 60;

/**
 * What the library leaves open about a client's assertion (RFC 7523) whose signature, issuer, subject, audience and times it has checked. It
 * remembers the assertion only after this.
 * @throws InvalidClientAuth, which is told to the client as `invalid_client` without a reason
 */
export function checkClientAssertion(
  ctx: KoaContextWithOIDC,
  claims: Record<string, unknown>,
  header: { alg?: unknown },
  client: Client,
): void {
  const { exp, iat, jti, aud } = claims;
  const refuse = (reason: string) => new errors.InvalidClientAuth(reason);
  if (typeof exp !== 'number' || exp - nowSeconds() > MAX_LIFETIME_SECONDS) throw refuse('a client assertion must expire within an hour');
  if (typeof iat === 'number' && iat - nowSeconds() > MAX_SKEW_SECONDS) throw refuse('the client assertion is from the future');
  if (typeof jti !== 'string' || jti.length > MAX_JTI_CHARS) throw refuse(`jti must be a text of at most ${MAX_JTI_CHARS} characters`);
  if (client.profile !== 'fapi2') return;
  // FAPI 2.0 Security Profile, section 5.3.2.1: with another audience an attacker's server could pass the assertion on to us.
  if (aud !== ctx.oidc.issuer) throw refuse('aud must be the issuer identifier, and nothing else');
  // The same, section 5.4.1.
  if (header.alg === 'RS256') throw refuse('RS256 is not among the algorithms of FAPI 2.0');
}
