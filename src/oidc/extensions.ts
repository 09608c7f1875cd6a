import type { EventEmitter } from 'node:events';
import type { Provider } from 'oidc-provider';
import type { Audit } from '../platform/audit/index.js';
import type { Logger } from '../platform/log/index.js';
import type { RefreshUses } from './adapter/index.js';
import { afterwards, isForPrograms } from './afterwards.js';
import { answerContexts, authenticationContexts } from './authentication-contexts/index.js';
import { isUnverified } from './clients/index.js';
import type { DeviceFlow } from './device/index.js';
import { tidyMetadata } from './discovery-document.js';
import type { FirstPartyGrant } from './first-party/index.js';
import { dressForwardingForms, type ForwardPage } from './forwarding-forms.js';
import { findClients } from './found-clients.js';
import { type DeparturePage, holdDepartures } from './held-departures.js';
import { answerForJwts, type JwtAccessTokens } from './jwt-access-tokens/index.js';
import type { LogoutNotices } from './logout-notices/index.js';
import { joinParallelSignIns } from './parallel-sign-ins.js';
import type { ProviderExtension } from './provider.js';
import { answerWithSuccessor } from './refresh-rotation.js';
import type { Refusals } from './refusals/index.js';
import { saveSessionsThatChanged } from './session-saves.js';
import type { TokenExchange } from './token-exchange/index.js';
import { countTokens, type TokenMetrics } from './token-metrics.js';
import { tokenPolicy } from './token-policy.js';
import { answerUnavailable } from './unavailable.js';

export type ExtensionDeps = {
  audit: Audit;
  log: Logger;
  metrics: TokenMetrics;
  forward: ForwardPage;
  askBeforeLeaving: DeparturePage;
  refreshUses: RefreshUses;
  jwtAccessTokens: JwtAccessTokens;
  firstPartyGrant: Pick<FirstPartyGrant, 'extension'>;
  logoutNotices: Pick<LogoutNotices, 'extension'>;
  deviceFlow: Pick<DeviceFlow, 'extensions'>;
  /** how often whoever waits for a person may ask */
  pacePolling: ProviderExtension;
  tokenExchange: Pick<TokenExchange, 'extension'>;
  refusals: Pick<Refusals, 'extension'>;
  /** true for the secret that a client had before its latest rotation, within its grace time */
  isPreviousSecret(clientId: string, secret: string): Promise<boolean> | boolean;
  /** a client that nobody here made was given a token */
  noteClientUse(clientId: string): void;
};

/** All that is attached to a provider when it is built. */
export function createProviderExtensions(deps: ExtensionDeps): readonly ProviderExtension[] {
  return [
    deps.refusals.extension,
    answerUnavailable,
    dressForwardingForms(deps.forward),
    holdDepartures(deps.askBeforeLeaving),
    joinParallelSignIns,
    saveSessionsThatChanged,
    answerContexts(authenticationContexts),
    answerUnknownRoutes,
    answerForJwts({ tokens: deps.jwtAccessTokens, policy: tokenPolicy }),
    answerWithSuccessor(deps.refreshUses),
    tidyMetadata,
    findClients,
    deps.firstPartyGrant.extension,
    deps.logoutNotices.extension,
    ...deps.deviceFlow.extensions,
    deps.pacePolling,
    deps.tokenExchange.extension,
    acceptPreviousSecrets(deps),
    noteUses(deps),
    reportEvents(deps),
  ];
}

/** A path of ours with a method that is not: the library leaves an empty 404; programs get an OAuth error instead. */
const answerUnknownRoutes: ProviderExtension = (provider) => {
  const isProgram = isForPrograms(provider);
  const userinfo = provider.pathFor('userinfo');
  // A POST is answered by all of these.
  const isAnswered = ({ method, path }: { method: string; path: string }) =>
    (method === 'POST' && isProgram({ path })) || (method === 'GET' && path === userinfo);
  afterwards(
    provider,
    (ctx) => !isAnswered(ctx),
    (ctx) => {
      if (ctx.status !== 404 || ctx.body) return;
      ctx.status = 405;
      ctx.set('Cache-Control', 'no-store');
      ctx.body = { error: 'invalid_request', error_description: 'no such endpoint, or not with this method' };
    },
  );
};

/** A rotated secret's predecessor stays good for its grace time, so that an application can be given the new one without an outage. */
const acceptPreviousSecrets =
  ({ isPreviousSecret }: ExtensionDeps): ProviderExtension =>
  (provider) => {
    const prototype = provider.Client.prototype as { compareClientSecret(secret: string): Promise<boolean> | boolean };
    const compare = prototype.compareClientSecret;
    prototype.compareClientSecret = function compareClientSecret(this: { clientId: string }, secret: string) {
      const matches = compare.call(this, secret);
      return matches === true || Promise.resolve(matches).then((does) => does || isPreviousSecret(this.clientId, secret));
    };
  };

/** Clients that nobody here made are deleted when nobody uses them. */
const noteUses =
  ({ noteClientUse }: ExtensionDeps): ProviderExtension =>
  (provider) => {
    provider.on('grant.success', ({ oidc: { client } }) => {
      if (client && isUnverified(client)) noteClientUse(client.clientId);
    });
  };

/** The grant that was asked for; what is none may be anything that somebody typed. */
const grantTypeOf = (value: unknown): string =>
  typeof value === 'string' && /^(authorization_code|refresh_token|client_credentials|urn:(ietf|openid):params:[a-z:_-]{1,60})$/.test(value)
    ? value
    : 'unknown';

/** What the library reports becomes audit events; its failures go to the log. */
const reportEvents =
  ({ audit, log, metrics }: ExtensionDeps): ProviderExtension =>
  (provider: Provider) => {
    // Connections that break off reach Koa, which would print them past the log; the published types leave Koa's own event out.
    (provider as unknown as EventEmitter).on('error', (error: Error) => log.warn({ err: error }, 'a response failed'));
    provider.on('server_error', (ctx, error) => log.error({ err: error, path: ctx.path }, 'the provider failed'));
    provider.on('authorization.success', (ctx) => {
      void audit.record({
        type: 'authorization.granted',
        outcome: 'success',
        actorId: ctx.oidc.session?.accountId,
        clientId: ctx.oidc.client?.clientId,
        ip: ctx.ip,
      });
    });
    provider.on('grant.success', (ctx) => countTokens(ctx, metrics));
    provider.on('grant.error', (ctx, error) => {
      // A device asks every few seconds until somebody has decided: that is no refusal.
      if (error.name === 'AuthorizationPending') return;
      if (ctx.oidc.params?.grant_type === 'refresh_token') metrics.refreshFinished('refused');
      audit.recordSoon({
        type: 'token.refused',
        outcome: 'failure',
        clientId: ctx.oidc.client?.clientId,
        ip: ctx.ip,
        detail: { error: error.message, grant_type: grantTypeOf(ctx.oidc.params?.grant_type) },
      });
    });
    provider.on('grant.revoked', (ctx, grantId) => {
      // The library found the code used; of two at the same moment the adapter tells.
      if (ctx.oidc.route === 'token' && ctx.oidc.params?.grant_type === 'authorization_code') {
        void audit.record({
          type: 'code.replayed',
          outcome: 'failure',
          clientId: ctx.oidc.client?.clientId,
          ip: ctx.ip,
          detail: { grant_id: grantId },
        });
      }
      void audit.record({
        type: 'grant.revoked',
        outcome: 'success',
        clientId: ctx.oidc.client?.clientId,
        ip: ctx.ip,
        detail: { grant_id: grantId },
      });
    });
    provider.on('end_session.success', (ctx) => {
      void audit.record({ type: 'session.ended', outcome: 'success', actorId: ctx.oidc.session?.accountId, ip: ctx.ip });
    });
  };
