import { faultsOf, findHostileMembers, formatPath } from '../../platform/declarations/index.js';
import type { ErrorDetail } from '../../platform/errors.js';
import { CIBA, type ClientProfile, DEVICE_CODE, notYet, SECRET_METHODS, saidByServer, TOKEN_EXCHANGE } from './capabilities.js';
import { findCertificateFaults, type MutualTls } from './certificates.js';
import { findCibaFaults } from './ciba.js';
import { findEncryptionFaults } from './encryption.js';
import { fapiAlgorithmOf } from './fapi2.js';
import { findKeyFaults } from './keys.js';
import { findProfileFaults, PROFILES } from './profiles.js';
import { clientMetadataSchema, findRedirectFaults, type GivenMetadata } from './schemas.js';
import { findSectorFaults } from './sectors.js';

/** Metadata with everything filled in that a client cannot be without. */
export type ClientMetadata = Omit<GivenMetadata, 'client_name' | 'client_id' | 'client_secret' | 'profile'> & {
  profile: ClientProfile;
  application_type: string;
  token_endpoint_auth_method: string;
  grant_types: string[];
  response_types: string[];
  redirect_uris: string[];
  post_logout_redirect_uris: string[];
  first_party: boolean;
  require_pkce: boolean;
};

/** What the rest of the installation knows, against which metadata is checked. */
export type MetadataContext = {
  /** What ID tokens can be signed with, the default first; undefined: not known here. */
  signingAlgs?: readonly string[] | undefined;
  minSecretLength?: number | undefined;
  /** All scopes an application can be allowed; undefined: not known here. */
  knownScopes?: ReadonlySet<string> | undefined;
  /** undefined: not known here */
  mutualTls?: MutualTls | undefined;
  isResource?: ((identifier: string) => boolean) | undefined;
  /** undefined: not known here */
  isDetailsType?: ((type: string) => boolean) | undefined;
  /** One of the server's own, which people sign in to by grants that no other client has. */
  builtIn?: boolean | undefined;
};

export type CheckedMetadata = {
  clientId: string | undefined;
  clientSecret: string | undefined;
  name: string | undefined;
  metadata: ClientMetadata;
  /** What was given and is not understood: ignored, as RFC 7591, section 2, says, but not silently. */
  warnings: ErrorDetail[];
};

export type MetadataOutcome = { ok: true; value: CheckedMetadata } | { ok: false; faults: ErrorDetail[] };

const SIGNED_ANSWERS = [
  'id_token_signed_response_alg',
  'authorization_signed_response_alg',
  'userinfo_signed_response_alg',
  'introspection_signed_response_alg',
] as const;

const MAX_METADATA_CHARS = 65_536;

/** Checks client metadata wholly and expands its profile. Paths are relative to the client. Never throws on input. */
export function checkMetadata(input: unknown, context: MetadataContext): MetadataOutcome {
  const foreign = findForeignFaults(input);
  if (foreign.length > 0) return { ok: false, faults: foreign };
  const { known, warnings, faults: refused } = sortMembers(input as Record<string, unknown>);
  const parsed = clientMetadataSchema.safeParse(known);
  if (!parsed.success) return { ok: false, faults: [...refused, ...faultsOf(parsed.error)] };
  const { client_id: clientId, client_secret: clientSecret, client_name: name, ...given } = parsed.data;
  const metadata = expand(given, context);
  const faults = [
    ...refused,
    ...findProfileFaults(metadata),
    ...findRuleFaults(metadata, context),
    ...findCertificateFaults(metadata, context.mutualTls),
    ...findKeyFaults(metadata),
    ...findEncryptionFaults(metadata),
    ...findSectorFaults(metadata),
    ...findSecretFaults(metadata, clientSecret, context),
    ...findContextFaults(metadata, context),
  ];
  if (faults.length > 0) return { ok: false, faults };
  return { ok: true, value: { clientId, clientSecret, name, metadata, warnings: [...warnings, ...findScopeWarnings(metadata, context)] } };
}

function findForeignFaults(input: unknown): ErrorDetail[] {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return [{ path: '', message: 'must be an object of client metadata' }];
  const hostile = findHostileMembers(input);
  if (hostile.length > 0) return hostile;
  for (const [name, value] of Object.entries(input)) {
    if ((JSON.stringify(value)?.length ?? 0) > MAX_METADATA_CHARS) return [{ path: formatPath([name]), message: 'is too large' }];
  }
  return JSON.stringify(input).length > MAX_METADATA_CHARS
    ? [{ path: '', message: `must not be larger than ${MAX_METADATA_CHARS} characters` }]
    : [];
}

/** Members by what becomes of them. */
function sortMembers(input: Record<string, unknown>) {
  const known: Record<string, unknown> = {};
  const warnings: ErrorDetail[] = [];
  const faults: ErrorDetail[] = [];
  for (const [name, value] of Object.entries(input)) {
    if (value === null || value === undefined || saidByServer.has(name)) continue;
    const asksForSomething = value !== false && !(Array.isArray(value) && value.length === 0);
    if (Object.hasOwn(clientMetadataSchema.shape, name)) known[name] = value;
    else if (!notYet.has(name))
      warnings.push({ path: formatPath([name]), message: 'is not a member of client metadata that is known here; ignored' });
    else if (asksForSomething) faults.push({ path: name, message: 'is not supported by this server; leave it out' });
  }
  return { known, warnings, faults };
}

function expand(
  given: Omit<GivenMetadata, 'client_name' | 'client_id' | 'client_secret'>,
  { signingAlgs = [] }: MetadataContext,
): ClientMetadata {
  const profile = (given.profile ?? 'default') as ClientProfile;
  const { defaults, defaultsFor } = PROFILES[profile];
  const merged = { ...defaults, ...defaultsFor?.(given as Partial<ClientMetadata>, signingAlgs), ...given };
  const grantTypes = [...merged.grant_types];
  return {
    ...merged,
    profile,
    grant_types: grantTypes,
    response_types: merged.response_types ?? (grantTypes.includes('authorization_code') ? ['code'] : []),
    redirect_uris: merged.redirect_uris ?? [],
    post_logout_redirect_uris: merged.post_logout_redirect_uris ?? [],
    ...(grantTypes.includes(CIBA) ? { backchannel_token_delivery_mode: merged.backchannel_token_delivery_mode ?? 'poll' } : {}),
    first_party: merged.first_party ?? false,
    require_pkce: merged.require_pkce ?? true,
  };
}

/** Rules between members. */
function findRuleFaults(metadata: ClientMetadata, { builtIn = false }: MetadataContext): ErrorDetail[] {
  const {
    application_type: applicationType,
    token_endpoint_auth_method: method,
    grant_types: grants,
    response_types: responses,
  } = metadata;
  const faults: ErrorDetail[] = [];
  const add = (path: string, message: string) => faults.push({ path, message });
  const isPublic = method === 'none';
  const usesCode = grants.includes('authorization_code');
  if (grants.length === 0) add('grant_types', 'must not be empty');
  if (usesCode && !responses.includes('code')) add('response_types', 'must be ["code"] with the grant authorization_code');
  if (!usesCode && responses.length > 0) add('response_types', 'must be empty without the grant authorization_code');
  if (usesCode && metadata.redirect_uris.length === 0) add('redirect_uris', 'must name at least one address to return to');
  const signsPeopleIn = usesCode || grants.includes(DEVICE_CODE) || grants.includes(CIBA);
  if (grants.includes('refresh_token') && !signsPeopleIn && !builtIn)
    add('grant_types', `refresh_token needs a grant in which a person signs in: authorization_code, ${DEVICE_CODE} or ${CIBA}`);
  if (isPublic && grants.includes('client_credentials')) add('grant_types', 'client_credentials is for clients with a secret');
  if (isPublic && !metadata.require_pkce)
    add('require_pkce', 'cannot be false for a client without a secret: PKCE is all that protects its code');
  const exchanges = grants.includes(TOKEN_EXCHANGE);
  if (exchanges && !metadata.token_exchange) add('token_exchange', 'must say what may be exchanged, with this grant');
  if (exchanges && isPublic) add('grant_types', `${TOKEN_EXCHANGE} is for clients with a secret`);
  if (!exchanges && metadata.token_exchange) add('grant_types', `must include ${TOKEN_EXCHANGE} with token_exchange`);
  faults.push(...findCibaFaults(metadata));
  const rule = { applicationType, anyScheme: metadata.profile === 'mcp' };
  faults.push(...findRedirectFaults('redirect_uris', metadata.redirect_uris, rule));
  faults.push(...findRedirectFaults('post_logout_redirect_uris', metadata.post_logout_redirect_uris, rule));
  return faults;
}

function findSecretFaults(
  { token_endpoint_auth_method: method }: ClientMetadata,
  secret: string | undefined,
  context: MetadataContext,
): ErrorDetail[] {
  if (secret === undefined) return [];
  if (!SECRET_METHODS.has(method))
    return [{ path: 'client_secret', message: `is not used with token_endpoint_auth_method ${method}; leave it out` }];
  const { minSecretLength = 1 } = context;
  if (secret.length >= minSecretLength) return [];
  return [{ path: 'client_secret', message: `must have at least ${minSecretLength} characters; make one with: openssl rand -base64 32` }];
}

function findContextFaults(metadata: ClientMetadata, context: MetadataContext): ErrorDetail[] {
  const faults: ErrorDetail[] = [];
  const { default_resource: resource } = metadata;
  for (const path of SIGNED_ANSWERS) {
    const alg = metadata[path];
    if (!alg || !context.signingAlgs || context.signingAlgs.includes(alg)) continue;
    faults.push({ path, message: `is not what this server signs with: use ${context.signingAlgs.join(', ')}` });
  }
  if (metadata.profile === 'fapi2' && context.signingAlgs && !fapiAlgorithmOf(context.signingAlgs)) {
    faults.push({ path: 'profile', message: 'needs keys for PS256, ES256 or EdDSA: add one of them to SIGNING_ALGS' });
  }
  if (resource && context.isResource && !context.isResource(resource)) {
    faults.push({ path: 'default_resource', message: 'is not a resource server known here; declare it in RESOURCES_FILE' });
  }
  for (const [index, type] of (metadata.authorization_details_types ?? []).entries()) {
    if (context.isDetailsType && !context.isDetailsType(type))
      faults.push({
        path: `authorization_details_types[${index}]`,
        message: 'is not a type of a resource server known here; declare it in RESOURCES_FILE',
      });
  }
  for (const member of ['audiences', 'subject_audiences'] as const) {
    for (const [index, identifier] of (metadata.token_exchange?.[member] ?? []).entries()) {
      if (context.isResource && !context.isResource(identifier))
        faults.push({
          path: `token_exchange.${member}[${index}]`,
          message: 'is not a resource server known here; declare it in RESOURCES_FILE',
        });
    }
  }
  return faults;
}

/** A scope may be allowed before its resource server is declared; nobody can be given it meanwhile. */
function findScopeWarnings({ scope }: ClientMetadata, { knownScopes }: MetadataContext): ErrorDetail[] {
  const unknown = knownScopes ? (scope?.split(' ') ?? []).filter((name) => !knownScopes.has(name)) : [];
  if (unknown.length === 0) return [];
  return [
    { path: 'scope', message: `has scopes that no resource server and not OpenID Connect define: ${unknown.slice(0, 10).join(' ')}` },
  ];
}
