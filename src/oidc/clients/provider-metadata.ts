import { OPENID_SCOPES } from '../resources/index.js';
import { type Client, type ClientSource, describeClient } from './record.js';
import { isUnverifiedSource, UNVERIFIED_OPENID_SCOPES } from './unverified.js';

/**
 * Proves that metadata comes from the registry: what arrives over HTTP is parsed JSON and can never be an instance of this. Without the proof a
 * client that registers itself, or describes itself in a document, could call itself first-party.
 */
class RegistryProof {
  /** The library keys its cache of clients by their JSON. */
  toJSON(): string {
    return 'registry';
  }
}
const proof = new RegistryProof();

/** Our own members of what oidc-provider knows of a client; there they keep these names (`client.first_party`). */
const OWN_MEMBERS = [
  'profile',
  'first_party',
  'require_pkce',
  'default_resource',
  'allowed_cors_origins',
  'token_exchange',
  'access_token_ttl_seconds',
  'refresh_token_ttl_seconds',
  'id_token_ttl_seconds',
  /** who made the client: see ClientSource */
  'client_source',
  /** all scopes the client is allowed; the library's `scope` holds those of OpenID Connect only */
  'allowed_scope',
] as const;
const PROOF_MEMBER = 'registry_proof';

/**
 * For the configuration's `extraClientMetadata`. The validator runs for each member of each client the library builds; from any but the registry's
 * it takes our members away, as RFC 7591, section 2, has it for members that are not understood.
 */
export const extraClientMetadata = {
  properties: [...OWN_MEMBERS, PROOF_MEMBER],
  validator(_ctx: unknown, key: string, _value: unknown, metadata: object): void {
    const members = metadata as Record<string, unknown>;
    if (!(members[PROOF_MEMBER] instanceof RegistryProof)) delete members[key];
  },
};

const OPERATORS: ReadonlySet<unknown> = new Set<ClientSource>(['declared', 'operator']);

/** True for a client that somebody who runs this installation made: the operator stands behind what it says. @param client as oidc-provider hands it over */
export const isOperatorMade = (client: object): boolean => OPERATORS.has((client as { client_source?: unknown }).client_source);

/**
 * True for a client that nobody here made: it registered itself or published its metadata. A client without a source comes from outside of the registry and is one
 * as well. @param client as oidc-provider hands it over
 */
export function isUnverified(client: object): boolean {
  const source = (client as { client_source?: unknown }).client_source;
  return source === undefined || isUnverifiedSource(source);
}

/** What oidc-provider's Client model is made of. */
export type ProviderMetadata = Record<string, unknown> & { client_id: string };

/** Whether authorization details of a type are declared. */
export type IsDetailsType = (type: string) => boolean;

/**
 * @param secret the current secret in clear, null for clients that have none
 * @param isDetailsType the library would refuse the whole client for a type that is not declared any more
 */
export function toProviderMetadata(client: Client, secret: string | null, isDetailsType: IsDetailsType = () => false): ProviderMetadata {
  const {
    software_id: _id,
    software_version: _version,
    scope: _scope,
    authorization_details_types: types,
    ...members
  } = describeClient(client);
  return {
    ...members,
    client_id: client.id,
    client_id_issued_at: Math.floor(client.createdAt.getTime() / 1000),
    ...(secret === null ? {} : { client_secret: secret }),
    ...scopesOf(client),
    ...(Array.isArray(types) ? { authorization_details_types: types.filter(isDetailsType) } : {}),
    client_source: client.source,
    [PROOF_MEMBER]: proof,
  };
}

/** Without a list of its own a client has every scope there is; one that nobody here made has those that say who a person is, and resource servers'. */
function scopesOf({ scope, source }: Client): { scope?: string; allowed_scope?: string } {
  if (scope !== null) return { scope: openidPartOf(scope), allowed_scope: scope };
  return isUnverifiedSource(source) ? { scope: UNVERIFIED_OPENID_SCOPES } : {};
}

/**
 * The library refuses a client whose `scope` names what it does not know, and takes an empty one for "everything". So resource servers' scopes are left
 * to `restrictScope`, and where nothing remains, the one scope stands that gives nothing away.
 */
function openidPartOf(scope: string): string {
  const known = scope.split(' ').filter((name) => SUPPORTED_OPENID_SCOPES.has(name));
  return known.join(' ') || 'openid';
}

const SUPPORTED_OPENID_SCOPES: ReadonlySet<string> = new Set([...OPENID_SCOPES].filter((name) => name !== 'address' && name !== 'phone'));

/**
 * The part of a resource server's scopes that a client is allowed: what `getResourceServerInfo` should answer with.
 * @param client as oidc-provider hands it over
 */
export function restrictScope(client: object, scopes: readonly string[]): string[] {
  const allowed = (client as { allowed_scope?: unknown }).allowed_scope;
  if (typeof allowed !== 'string') return [...scopes];
  const names = new Set(allowed.split(' '));
  return scopes.filter((name) => names.has(name));
}
