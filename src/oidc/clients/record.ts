import { type ClientProfile, PROFILE_NAMES } from './capabilities.js';
import type { ClientMetadata } from './metadata.js';

/** declared: CLIENTS_FILE; operator: CLI or admin pages; built_in: the server's own; registered: by itself (RFC 7591); document: by the document that is its id. */
export type ClientSource = 'declared' | 'operator' | 'built_in' | 'registered' | 'document';

/** A client without its secret. */
export type Client = {
  id: string;
  name: string;
  source: ClientSource;
  profile: ClientProfile;
  firstParty: boolean;
  /** false exempts a confidential client */
  requirePkce: boolean;
  defaultResource: string | null;
  tokenEndpointAuthMethod: string;
  hasSecret: boolean;
  /** until when the predecessor of a rotated secret is accepted, or was */
  previousSecretExpiresAt: Date | null;
  /** null: the installation's */
  accessTokenTtlSeconds: number | null;
  refreshTokenTtlSeconds: number | null;
  idTokenTtlSeconds: number | null;
  redirectUris: readonly string[];
  postLogoutRedirectUris: readonly string[];
  grantTypes: readonly string[];
  /** space-separated; null: every scope the server knows */
  scope: string | null;
  /** the other members of RFC 7591 */
  metadata: Readonly<Record<string, unknown>>;
  /** to a day, and only of clients that no operator made */
  lastUsedAt: Date | null;
  /** when such a client is deleted unless it is used again */
  unusedUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** A row of the table. */
export type ClientRow = {
  id: string;
  name: string;
  source: string;
  profile: string;
  firstParty: boolean;
  requirePkce: boolean;
  defaultResource: string | null;
  tokenEndpointAuthMethod: string;
  secret: string | null;
  previousSecret: string | null;
  previousSecretExpiresAt: Date | null;
  accessTokenTtlSeconds: number | null;
  refreshTokenTtlSeconds: number | null;
  idTokenTtlSeconds: number | null;
  redirectUris: string;
  postLogoutRedirectUris: string;
  grantTypes: string;
  scope: string | null;
  metadata: string;
  managementTokenHash: string | null;
  lastUsedAt: Date | null;
  unusedUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** What does not come out of metadata. */
type OtherColumns =
  | 'id'
  | 'source'
  | 'secret'
  | 'previousSecret'
  | 'previousSecretExpiresAt'
  | 'managementTokenHash'
  | 'lastUsedAt'
  | 'unusedUntil'
  | 'createdAt'
  | 'updatedAt';

export type ClientColumns = Omit<ClientRow, OtherColumns>;

/** A row that is made now. */
export function newRow(
  columns: ClientColumns,
  {
    id,
    source,
    at,
    ...more
  }: { id: string; source: ClientSource; at: Date } & Partial<Pick<ClientRow, 'secret' | 'managementTokenHash' | 'unusedUntil'>>,
): ClientRow {
  return {
    ...columns,
    id,
    source,
    secret: null,
    previousSecret: null,
    previousSecretExpiresAt: null,
    managementTokenHash: null,
    lastUsedAt: null,
    unusedUntil: null,
    createdAt: at,
    updatedAt: at,
    ...more,
  };
}

export function toColumns(metadata: ClientMetadata, name: string): ClientColumns {
  const {
    profile,
    first_party,
    require_pkce,
    default_resource,
    token_endpoint_auth_method,
    access_token_ttl_seconds,
    refresh_token_ttl_seconds,
    id_token_ttl_seconds,
    redirect_uris,
    post_logout_redirect_uris,
    grant_types,
    scope,
    ...rest
  } = metadata;
  // In one order, so that the same metadata is the same text.
  const sorted = Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    name,
    profile,
    firstParty: first_party,
    requirePkce: require_pkce,
    defaultResource: default_resource ?? null,
    tokenEndpointAuthMethod: token_endpoint_auth_method,
    accessTokenTtlSeconds: access_token_ttl_seconds ?? null,
    refreshTokenTtlSeconds: refresh_token_ttl_seconds ?? null,
    idTokenTtlSeconds: id_token_ttl_seconds ?? null,
    redirectUris: JSON.stringify(redirect_uris),
    postLogoutRedirectUris: JSON.stringify(post_logout_redirect_uris),
    grantTypes: JSON.stringify(grant_types),
    scope: scope ?? null,
    metadata: JSON.stringify(sorted),
  };
}

export function toClient(row: ClientRow): Client {
  const { secret, previousSecret: _sealed, managementTokenHash: _hash, ...plain } = row;
  return {
    ...plain,
    source: row.source as ClientSource,
    profile: PROFILE_NAMES.find((name) => name === row.profile) ?? 'default',
    hasSecret: secret !== null,
    redirectUris: JSON.parse(row.redirectUris) as string[],
    postLogoutRedirectUris: JSON.parse(row.postLogoutRedirectUris) as string[],
    grantTypes: JSON.parse(row.grantTypes) as string[],
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
  };
}

/** The client as metadata under its RFC 7591 names and ours, without a secret: for people, and as what a patch is laid over. */
export function describeClient(client: Client): Record<string, unknown> & { client_id: string } {
  const members = {
    client_id: client.id,
    client_name: client.name,
    profile: client.profile,
    first_party: client.firstParty,
    require_pkce: client.requirePkce,
    token_endpoint_auth_method: client.tokenEndpointAuthMethod,
    grant_types: client.grantTypes,
    redirect_uris: client.redirectUris,
    post_logout_redirect_uris: client.postLogoutRedirectUris,
    scope: client.scope,
    default_resource: client.defaultResource,
    access_token_ttl_seconds: client.accessTokenTtlSeconds,
    refresh_token_ttl_seconds: client.refreshTokenTtlSeconds,
    id_token_ttl_seconds: client.idTokenTtlSeconds,
    ...client.metadata,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null)) as typeof members;
}
