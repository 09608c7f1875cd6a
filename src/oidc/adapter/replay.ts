import Provider, { errors } from 'oidc-provider';

/**
 * What a replayed proof or assertion is answered when two requests brought it at the same moment. The library looks, then saves, and answers
 * by itself only if it found something; the one whose save comes second is told here, in the words it would have used.
 */
export function replayError(): Error {
  const ctx = Provider.ctx;
  if (!ctx) return new errors.InvalidGrant('replay detected');
  const isProof = ctx.get('DPoP') !== '';
  if (!isProof) return new errors.InvalidClientAuth('client assertion tokens must only be used once');
  if (ctx.oidc.route === 'token') return new errors.InvalidGrant('DPoP proof JWT Replay detected');
  if (ctx.oidc.route === 'pushed_authorization_request') return new errors.InvalidRequest('DPoP proof JWT Replay detected');
  return new errors.InvalidToken('DPoP proof JWT Replay detected');
}
