/** Where oidc-provider keeps what it knows, and what is told around it: who asks, what was used twice, what became of an interaction. */
import type { Config } from '../config/index.js';
import type { Accounts } from '../identity/index.js';
import type { Audit } from '../platform/audit/index.js';
import type { SecretStore } from '../platform/crypto/index.js';
import type { Database } from '../platform/db/index.js';
import type { Explanations } from '../platform/explanations/index.js';
import { cookieNames, findRequestId } from '../platform/http/index.js';
import type { RateLimiter } from '../platform/limits/index.js';
import type { Logger } from '../platform/log/index.js';
import type { Metrics } from '../platform/metrics/index.js';
import type { Outbound } from '../platform/outbound/index.js';
import {
  type BackchannelRequests,
  createAdapterFactory,
  createBackchannelRequests,
  createInteractionStates,
  createRefreshUses,
  createTokenWrites,
  type InteractionStates,
  type RefreshUses,
  type TokenWrites,
} from './adapter/index.js';
import { type ClientCertificates, createClientCertificates } from './client-certificates/index.js';
import { type ClientDocuments, createClientDocuments, createProviderClients } from './client-documents/index.js';
import type { Clients } from './clients/index.js';
import { createPairwiseSubject, type PairwiseSubject } from './pairwise-subjects.js';
import { createRefusals, type Refusals } from './refusals/index.js';
import { createRequestContexts, type RequestContexts } from './request-context.js';
import type { Resources } from './resources/index.js';
import { createTokenOwners, type TokenOwners } from './token-owners.js';
import { createTokenReuseReport, type TokenReuseDeps } from './token-reuse.js';

export type ProviderStore = {
  adapter: ReturnType<typeof createAdapterFactory>;
  requests: RequestContexts;
  refreshUses: RefreshUses;
  tokenWrites: TokenWrites;
  interactionStates: InteractionStates;
  backchannelRequests: BackchannelRequests;
  /** what DPoP nonces are made with, in every process the same */
  dpopNonceSecret: Buffer;
  pairwiseSubject: PairwiseSubject;
  certificates: ClientCertificates;
  clientDocuments: ClientDocuments;
  refusals: Refusals;
  tokenOwners: Pick<TokenOwners, 'take'>;
};

export type ProviderStoreDeps = {
  config: Pick<
    Config,
    | 'issuerUrl'
    | 'interactionTtlSeconds'
    | 'refreshReuseWindowSeconds'
    | 'notifyTokenReuse'
    | 'clientCertificateHeader'
    | 'clientCertificateVerifiedHeader'
    | 'clientIdMetadataDocuments'
  >;
  db: Database;
  secrets: Pick<SecretStore, 'sealer' | 'hmacPepper' | 'dpopNonceSecret' | 'pairwiseSalt'>;
  clients: Pick<Clients, 'find' | 'findProviderMetadata' | 'readDocument' | 'keepDocument'>;
  outbound: Outbound;
  limits: Pick<RateLimiter, 'consume'>;
  resources: Pick<Resources, 'list' | 'scopes'>;
  accounts: Pick<Accounts, 'beside'>;
  explanations: Pick<Explanations, 'note'>;
  audit: Audit;
  metrics: Pick<Metrics, 'tokenReuseDetected'>;
  log: Logger;
  /** how owners are told that a refresh token of theirs was used twice, where they are */
  notify: NonNullable<TokenReuseDeps['notify']>;
};

/** Puts the adapter together with what it reports to. */
export function createProviderStore(deps: ProviderStoreDeps): ProviderStore {
  const { config, db, secrets, clients, audit, metrics, log, notify } = deps;
  const requests = createRequestContexts();
  const certificates = createClientCertificates({
    header: config.clientCertificateHeader,
    verifiedHeader: config.clientCertificateVerifiedHeader,
  });
  const refreshUses = createRefreshUses({ certificateThumbprint: certificates.thumbprint });
  const tokenWrites = createTokenWrites({ db });
  const onUnreadable = (place: string) => log.error({ place }, 'a stored value does not open: altered, or sealed under another key');
  const clientDocuments = createClientDocuments({
    ...deps,
    currentIp: () => requests.current()?.ip,
    enabled: config.clientIdMetadataDocuments,
  });
  const tokenOwners = createTokenOwners(deps.accounts.beside);
  const adapter = createAdapterFactory({
    db,
    beside: tokenOwners.beside,
    secrets,
    clients: { find: createProviderClients({ clients, documents: clientDocuments }) },
    requestContext: requests.current,
    onUnreadable,
    interactionTtlSeconds: config.interactionTtlSeconds,
    onReplay: ({ kind, grantId, accountId, clientId }) => {
      const ip = requests.current()?.ip;
      const detail = { grant_id: grantId, kind };
      void audit.record({ type: 'code.replayed', outcome: 'failure', subjectId: accountId, clientId, ip, detail });
    },
    refreshUses,
    tokenWrites,
    refreshReuseWindowSeconds: config.refreshReuseWindowSeconds,
    onRefreshTokenReuse: createTokenReuseReport({
      audit,
      metrics,
      log,
      currentIp: () => requests.current()?.ip,
      notify: config.notifyTokenReuse ? notify : undefined,
    }),
  });
  return {
    adapter,
    tokenOwners,
    requests,
    refreshUses,
    tokenWrites,
    interactionStates: createInteractionStates({ db }),
    backchannelRequests: createBackchannelRequests({ db, secrets, onUnreadable }),
    dpopNonceSecret: secrets.dpopNonceSecret,
    pairwiseSubject: createPairwiseSubject(secrets.pairwiseSalt),
    certificates,
    clientDocuments,
    refusals: createRefusals({ ...deps, sessionCookie: cookieNames(config.issuerUrl).host('session'), requestIdOf: findRequestId }),
  };
}
