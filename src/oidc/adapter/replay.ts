import { decodeJwt } from 'jose';
import Provider, { errors } from 'oidc-provider';
import { sha256 } from '../../platform/crypto/index.js';

/**
 * What a replayed proof or assertion is answered when two requests brought it at the same moment. The library looks, then saves, and answers
 * by itself only if it found something; the one whose save comes second is told here, in the words it would have used.
 * @param id what the library remembers it by
 */
export function replayError(id: string): Error {
  const ctx = Provider.ctx;
  if (!ctx) return new errors.InvalidGrant('replay detected');
  // A request may bring both.
  const isAssertion = ctx.get('DPoP') === '' || isIdOf(id, ctx.oidc.params?.client_assertion);
  if (isAssertion) return new errors.InvalidClientAuth('client assertion tokens must only be used once');
  if (ctx.oidc.route === 'token') return new errors.InvalidGrant('DPoP proof JWT Replay detected');
  if (ctx.oidc.route === 'pushed_authorization_request') return new errors.InvalidRequest('DPoP proof JWT Replay detected');
  return new errors.InvalidToken('DPoP proof JWT Replay detected');
}

function isIdOf(id: string, assertion: unknown): boolean {
  if (typeof assertion !== 'string') return false;
  try {
    const { iss, jti } = decodeJwt(assertion);
    return sha256(`${iss}${jti}`) === id;
  } catch {
    return false;
  }
}
