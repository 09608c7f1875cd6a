import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { nowSeconds } from '../platform/clock.js';

/** A signed request is good until it expires, as often as it comes; nobody is to sign one for years (FAPI 2.0 Message Signing, section 5.3.1). */
const MAX_LIFETIME_SECONDS = 3600;
const MAX_ID_CHARS = 256;
/** RFC 9101, section 10.8, and what signers wrote before it. */
const TYPES: ReadonlySet<unknown> = new Set([undefined, 'JWT', 'jwt', 'oauth-authz-req+jwt', 'application/oauth-authz-req+jwt']);

/**
 * What the library leaves open about a request object (RFC 9101): it checks the signature, issuer, audience, algorithm and times that are there.
 * A pushed request passes here too, as the unsigned object that the library makes of it.
 * @throws InvalidRequestObject
 */
export async function checkRequestObject(
  ctx: KoaContextWithOIDC,
  claims: Record<string, unknown>,
  header: { alg?: unknown; typ?: unknown },
  client: Client,
): Promise<void> {
  const refuse = (reason: string) => new errors.InvalidRequestObject(reason);
  const { exp, nbf, iss, aud, sub, iat, jti } = claims;
  if (typeof exp !== 'number') throw refuse('the Request Object must have an exp');
  if (exp - nowSeconds() > MAX_LIFETIME_SECONDS) throw refuse('the Request Object must expire within an hour');
  if (iss === undefined || aud === undefined) throw refuse('the Request Object must name its issuer and its audience');
  // RFC 9101, section 10.8: a client assertion, or another JWT that the client signed for us, is no request.
  if (sub === client.clientId) throw refuse('the Request Object must not have the client as its subject');
  if (!TYPES.has(header.typ)) throw refuse('the Request Object must have typ oauth-authz-req+jwt');
  if (ctx.oidc.route === 'backchannel_authentication') {
    // CIBA, section 7.1.1. Each asks a person something, so each is good once.
    if (typeof nbf !== 'number' || typeof iat !== 'number' || typeof jti !== 'string' || jti === '' || jti.length > MAX_ID_CHARS)
      throw refuse(`the Request Object must have nbf, iat and a jti of at most ${MAX_ID_CHARS} characters`);
    if (!(await ctx.oidc.provider.ReplayDetection.unique(`${client.clientId} backchannel`, jti, exp)))
      throw refuse('the Request Object was used already');
  }
  if (client.profile !== 'fapi2') return;
  // FAPI 2.0 Message Signing, section 5.3.1, and the Security Profile, section 5.4.1.
  if (typeof nbf !== 'number' || nowSeconds() - nbf > MAX_LIFETIME_SECONDS)
    throw refuse('the Request Object must have an nbf of the last hour');
  if (header.alg === 'RS256') throw refuse('RS256 is not among the algorithms of FAPI 2.0');
}
