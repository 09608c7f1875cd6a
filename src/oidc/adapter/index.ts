/**
 * Owns: what oidc-provider stores, and the rules that keep it safe: bearer values hashed, payloads sealed, "once" as a conditional write,
 * nothing revived, no token without a living grant; the revocation of grants; the purge of what has expired.
 * Does not own: the clients themselves (oidc/clients), what people and operators see of sessions and grants (oidc/sessions, oidc/grants).
 */
import type { KeyObject } from 'node:crypto';
import type { Adapter } from 'oidc-provider';
import type { Sealer } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import { tellUnavailable } from '../unavailable.js';
import { type Beside, createArtifactReader } from './artifact-reader.js';
import { createArtifactAdapter, type Replay } from './artifacts.js';
import { type ClientSource, createClientAdapter } from './clients.js';
import { createGrantAdapter, type GrantBasis } from './grants.js';
import { isArtifactKind } from './kinds.js';
import { createPayloadCodec } from './payloads.js';
import { createRedemptions } from './redemptions.js';
import { createRefreshTokenAdapter, type RefreshTokenReuse } from './refresh-tokens.js';
import { createRefreshUses, type RefreshUses } from './refresh-uses.js';
import { createRevocation } from './revocation.js';
import { createSessionContexts, type SessionIdentity } from './session-context.js';
import { createSessionAdapter } from './sessions.js';
import { createTokenWrites, type TokenWrites } from './token-writes.js';

export type { Beside } from './artifact-reader.js';
export type { Replay } from './artifacts.js';
export { type BackchannelPayload, type BackchannelRequests, createBackchannelRequests } from './backchannel-requests.js';
export type { ClientSource } from './clients.js';
export { createInteractionStates, type InteractionState, type InteractionStates } from './interaction-states.js';
export { createPayloadCodec, isKey, type PayloadCodec, places } from './payloads.js';
export { createPurge, type PurgeCounts, type PurgeKind } from './purge.js';
export type { RefreshTokenReuse } from './refresh-tokens.js';
export { createRefreshUses, type RefreshUses } from './refresh-uses.js';
export { createRevocation, type Revocation } from './revocation.js';
export { foundSession, stateOf, withdrawSessionCookie } from './session-context.js';
export { type SignIn, standingGrant } from './standing.js';
export { createTokenWrites, type TokenWrites } from './token-writes.js';

/** Where a request comes from, for a person's list of sessions; and its session, where our own pages save one outside of the library. */
export type RequestContext = {
  ip?: string | undefined;
  userAgent?: string | undefined;
  session?: SessionIdentity | undefined;
  /** what a grant that is saved now rests on beyond the library's own session */
  grantBasis?: GrantBasis | undefined;
};

export type AdapterDeps = {
  db: Database;
  secrets: { sealer: Sealer; hmacPepper: KeyObject };
  clients: ClientSource;
  requestContext?: () => RequestContext | undefined;
  /** What is read with each token for others. */
  beside?: Beside;
  /** Hears the place (kind and row, no bearer value) of a payload that did not open. */
  onUnreadable?: (place: string) => void;
  /** How long an interaction may take (default 3600): a pushed request is kept that much longer. */
  interactionTtlSeconds?: number;
  /** What the requests of a provider know about the refresh tokens they bring; shared with its configuration and extensions. */
  refreshUses?: RefreshUses;
  /** Shared with the provider, which says when what a request gives has all been made. */
  tokenWrites?: TokenWrites;
  /** How long a used refresh token is answered with the same successor (default 0: never). */
  refreshReuseWindowSeconds?: number;
  /** Hears of each other artifact that two requests used at the same moment, which ended its grant. Must not throw. */
  onReplay?: (replay: Replay) => void;
  /** Hears of each reuse of a refresh token that ends a grant. Must not throw. */
  onRefreshTokenReuse?: (reuse: RefreshTokenReuse) => void;
};

/**
 * Builds the adapter factory for oidc-provider's `adapter` setting. Refusals are the library's own errors, so that its endpoints answer as
 * RFCs say: `temporarily_unavailable` where the database cannot answer, `invalid_grant` for a lost race for a code or token,
 * `invalid_request_uri` for a pushed request, a session-not-found page for an interaction or session that has ended.
 * @throws TypeError for a model name the library does not have
 */
export function createAdapterFactory(deps: AdapterDeps): (modelName: string) => Adapter {
  const { db, secrets, clients, requestContext, interactionTtlSeconds = 3600 } = deps;
  const codec = createPayloadCodec(secrets.sealer, deps.onUnreadable);
  const revocation = createRevocation({ db });
  const uses = deps.refreshUses ?? createRefreshUses();
  const writes = deps.tokenWrites ?? createTokenWrites({ db });
  const redemptions = createRedemptions();
  const reader = createArtifactReader({ db, beside: deps.beside });
  const context = createSessionContexts(() => requestContext?.()?.session);
  const build = (modelName: string): Adapter => {
    if (modelName === 'Grant') {
      const basis = () => requestContext?.()?.grantBasis;
      return createGrantAdapter({ db, reader, codec, revocation, context, basis, origin: () => requestContext?.(), redemptions });
    }
    if (modelName === 'Session') return createSessionAdapter({ db, reader, codec, context, client: requestContext });
    if (modelName === 'Client') return createClientAdapter({ clients, revocation });
    const artifacts = {
      db,
      reader,
      codec,
      revocation,
      writes,
      hmacPepper: secrets.hmacPepper,
      interactionTtlSeconds,
      onReplay: deps.onReplay,
      redemptions,
    };
    if (modelName === 'RefreshToken') {
      const reuseWindowSeconds = deps.refreshReuseWindowSeconds ?? 0;
      return createRefreshTokenAdapter({ ...artifacts, uses, reuseWindowSeconds, onReuse: deps.onRefreshTokenReuse });
    }
    if (isArtifactKind(modelName)) return createArtifactAdapter(modelName, artifacts);
    throw new TypeError(`oidc-provider has no model ${modelName}`);
  };
  return (modelName) => tellUnavailable(build(modelName));
}
