import { randomUUID } from 'node:crypto';
import {
  type BackchannelAuthenticationRequest,
  type Client,
  type Configuration,
  errors,
  type KoaContextWithOIDC,
  type Account as ProviderAccount,
} from 'oidc-provider';
import { type Account, displayNameOf } from '../../identity/index.js';
import type { Audit } from '../../platform/audit/index.js';
import { addSeconds, nowDate } from '../../platform/clock.js';
import type { Metrics } from '../../platform/metrics/index.js';
import type { BackchannelRequests } from '../adapter/index.js';
import { isOperatorMade } from '../clients/index.js';
import { findBindingMessageFault } from './binding-message.js';
import { requireReachable } from './contexts.js';
import type { AuthenticationDevice } from './device.js';
import type { CibaLimits } from './limits.js';

export type CibaFeature = NonNullable<NonNullable<Configuration['features']>['ciba']>;

export type CibaFeatureDeps = {
  accounts: { find(accountId: string): Promise<Account | null>; findByIdentifier(emailOrUsername: string): Promise<Account | null> };
  device: AuthenticationDevice;
  requests: Pick<BackchannelRequests, 'linkTokenOf'>;
  limits: CibaLimits;
  audit: Pick<Audit, 'record'>;
  metrics: Pick<Metrics, 'backchannelRequest'>;
};

const MAX_HINT_CHARS = 254;

/** True while the library handles an application's request to ask somebody. */
export const isBackchannelRequest = (ctx: unknown): boolean =>
  (ctx as { oidc?: { route?: unknown } } | undefined)?.oidc?.route === 'backchannel_authentication';

/**
 * Stands in for an account that is not there, or may not act, while an application asks for it: its request is stored and waits like any other, and
 * nobody is ever asked. `unknown_user_id` would tell every application who has an account here.
 */
export const nobody = (accountId: string): ProviderAccount => ({ accountId, claims: () => ({ sub: accountId }) });

/** The library's CIBA with our rules: who may ask, about whom, how often, and how the person is reached. Poll and ping; push is not offered. */
export function buildCibaFeature({ accounts, device, requests, limits, audit, metrics }: CibaFeatureDeps): CibaFeature {
  /** Why nobody is asked; undefined: somebody is. Each of these costs what asking costs, but for the mail, which is written beside the request. */
  async function reasonNotToAsk(account: Account | null, accountId: string): Promise<string | undefined> {
    const allowed = await limits.takeOfAccount(accountId);
    if (!account) return 'unknown';
    if (account.status !== 'active') return 'disabled';
    // The question goes to the address, so the address must be known to be the person's.
    if (account.emailVerifiedAt === null) return 'unverified';
    return allowed ? undefined : 'rate_limited';
  }

  return {
    enabled: true,
    deliveryModes: ['poll', 'ping'],

    // Called once for each request, after the client has authenticated and before the person is looked for.
    async validateRequestContext(ctx, requestContext) {
      const { client, params } = ctx.oidc;
      if (!client || !isOperatorMade(client))
        throw new errors.UnauthorizedClient('only applications that the operator made may ask people by themselves');
      if (requestContext !== undefined) throw new errors.InvalidRequest('request_context is not supported');
      for (const name of ['authorization_details', 'claims'])
        if (params?.[name] !== undefined)
          throw new errors.InvalidRequest(`${name} is not supported in backchannel authentication requests`);
      requireReachable(ctx);
      if (params?.id_token_hint !== undefined && client.subjectType === 'pairwise')
        throw new errors.InvalidRequest('id_token_hint is not supported for clients with pairwise subjects, use login_hint');
      await limits.takeOfClient(ctx);
    },

    validateBindingMessage(_ctx, message) {
      const fault = message === undefined ? null : findBindingMessageFault(message);
      if (fault) throw new errors.InvalidBindingMessage(fault);
    },

    async processLoginHint(_ctx, hint) {
      const typed = String(hint).trim();
      if (typed.length > MAX_HINT_CHARS || /\p{Cc}/u.test(typed))
        throw new errors.InvalidRequest(`login_hint must be an email address or a username of at most ${MAX_HINT_CHARS} characters`);
      return (await accounts.findByIdentifier(typed))?.id ?? `nobody:${randomUUID()}`;
    },

    processLoginHintToken() {
      throw new errors.InvalidRequest('login_hint_token is not supported, use login_hint or id_token_hint');
    },

    // Called when it is known who is meant, or that nobody is.
    async verifyUserCode(ctx, account, userCode) {
      if (userCode !== undefined) throw new errors.InvalidRequest('user_code is not supported');
      const hint = ctx.oidc.params?.login_hint;
      await limits.takeOfPerson(ctx, typeof hint === 'string' ? `hint ${hint.trim().toLowerCase()}` : `subject ${account.accountId}`);
    },

    async triggerAuthenticationDevice(ctx: KoaContextWithOIDC, request: BackchannelAuthenticationRequest, { accountId }, client: Client) {
      const account = await accounts.find(accountId);
      const reason = await reasonNotToAsk(account, accountId);
      if (account && reason === undefined) {
        const message = ctx.oidc.params?.binding_message;
        await device.ask({
          account: { id: account.id, email: account.email, name: displayNameOf(account) },
          client: { id: client.clientId, name: client.clientName ?? client.clientId },
          bindingMessage: typeof message === 'string' ? message : undefined,
          linkToken: requests.linkTokenOf(request.jti),
          expiresAt: addSeconds(nowDate(), request.expiration),
        });
      }
      metrics.backchannelRequest(reason === undefined ? 'asked' : 'not_asked');
      await audit.record({
        type: 'ciba.requested',
        outcome: reason === undefined ? 'success' : 'failure',
        subjectId: account?.id,
        clientId: client.clientId,
        ip: ctx.ip,
        ...(reason === undefined ? {} : { detail: { reason } }),
      });
    },
  };
}
