import { type Client, errors } from 'oidc-provider';
import { isOperatorMade, TOKEN_EXCHANGE, type TokenExchangePolicy } from '../clients/index.js';

export { TOKEN_EXCHANGE };

/** So many actors may stand behind each other in one token (RFC 8693, section 4.1): longer chains are loops. */
export const MAX_ACTORS = 4;

/** What this client may exchange; nothing is allowed that an operator has not named. @throws UnauthorizedClient */
export function requirePolicy(client: Client): TokenExchangePolicy {
  const policy = client.token_exchange as TokenExchangePolicy | undefined;
  if (!policy || !isOperatorMade(client) || client.clientAuthMethod === 'none')
    throw new errors.UnauthorizedClient('this client may not exchange tokens');
  return policy;
}

/**
 * The one resource server that the result is for. `audience` and `resource` name it alike.
 * @throws InvalidTarget for none, several, and those that the policy does not name
 */
export function requireTarget(policy: TokenExchangePolicy, params: Record<string, unknown>): string {
  const named = new Set([params.audience ?? [], params.resource ?? []].flat());
  const [target] = named;
  if (named.size !== 1 || typeof target !== 'string') throw new errors.InvalidTarget('name one audience');
  if (!policy.audiences.includes(target)) throw new errors.InvalidTarget();
  return target;
}
