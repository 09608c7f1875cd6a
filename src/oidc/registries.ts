import type { Config } from '../config/index.js';
import type { Audit } from '../platform/audit/index.js';
import type { ChangeFeed } from '../platform/changes/index.js';
import type { Sealer } from '../platform/crypto/index.js';
import type { Database } from '../platform/db/index.js';
import type { RateLimiter } from '../platform/limits/index.js';
import type { Logger } from '../platform/log/index.js';
import type { Outbound } from '../platform/outbound/index.js';
import { type AuthorizationDetails, createAuthorizationDetails } from './authorization-details/index.js';
import type { ClientDocuments } from './client-documents/index.js';
import { createClientRegistration } from './client-registration/index.js';
import { type ClientSummary, type Clients, createClients, summarizeClient } from './clients/index.js';
import { firstPartyResource } from './first-party/index.js';
import type { Grants } from './grants/index.js';
import { createSectorFetch } from './provider-fetch.js';
import { createResources, type Resource, type Resources } from './resources/index.js';

/** 128 random bits in base64 (RFC 6749, section 10.10). Guesses at the token endpoint are not limited, so that nobody stops another's client. */
const MIN_SECRET_CHARS = 22;

/** Who may ask for tokens and for what: resource servers, clients, and the way in for clients that nobody here made. */
export type Registries = {
  resources: Resources;
  /** what may be asked for in detail */
  authorizationDetails: AuthorizationDetails;
  clients: Clients;
  clientRegistration: ReturnType<typeof createClientRegistration>;
};

export async function createRegistries({
  config,
  declared,
  ...deps
}: {
  config: Config;
  /** resource servers */
  declared: readonly Resource[];
  db: Database;
  sealer: Sealer;
  changes: ChangeFeed;
  grants: Grants;
  audit: Audit;
  limits: RateLimiter;
  outbound: Outbound;
  log: Logger;
}): Promise<Registries> {
  const resources = createResources({
    declared,
    builtIn: config.firstPartyApi ? [firstPartyResource(config.issuerUrl)] : [],
  });
  const clients = createClients({
    ...deps,
    resources,
    fetchSector: createSectorFetch(deps),
    settings: {
      signingAlgs: config.signingAlgs,
      mutualTls: {
        certificates: config.clientCertificateHeader !== undefined,
        authority: config.clientCertificateVerifiedHeader !== undefined,
      },
      minSecretLength: config.env === 'production' ? MIN_SECRET_CHARS : 1,
      neverUsedSeconds: config.unverifiedClientNeverUsedSeconds,
      idleSeconds: config.unverifiedClientIdleSeconds,
    },
  });
  const clientRegistration = createClientRegistration({
    ...deps,
    clients,
    settings: { mode: config.registrationOfClients, perHour: config.limitClientRegistrationsPerHour },
  });
  return { resources, authorizationDetails: createAuthorizationDetails({ resources }), clients, clientRegistration };
}

/** A client as people are told of it. */
export type FindSummary = (clientId: string) => Promise<ClientSummary | undefined>;

/** One that is stored. */
export function createFindClient(clients: Pick<Clients, 'find'>): FindSummary {
  return async (clientId) => {
    const client = await clients.find(clientId);
    return client ? summarizeClient(client) : undefined;
  };
}

/** The client of a request under way: where it describes itself, what it says now. */
export function createFindAskingClient(clients: Pick<Clients, 'find'>, documents: Pick<ClientDocuments, 'find'>): FindSummary {
  return async (clientId) => {
    const stored = await clients.find(clientId);
    const client = stored && stored.source !== 'document' ? stored : await documents.find(clientId);
    return client ? summarizeClient(client) : undefined;
  };
}
