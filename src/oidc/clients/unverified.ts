import type { ErrorDetail } from '../../platform/errors.js';
import { checkMetadata, type MetadataContext, type MetadataOutcome } from './metadata.js';
import type { ClientSource } from './record.js';

/**
 * registration: what a client sends when it registers itself (RFC 7591);
 * document: what it publishes under the address that is its id (OAuth Client ID Metadata Document).
 */
export type OwnWords = 'registration' | 'document';

/** Clients that nobody of this installation made. What they say of themselves is true of them, and proves nothing. */
const UNVERIFIED: ReadonlySet<unknown> = new Set<ClientSource>(['registered', 'document']);

export const isUnverifiedSource = (source: unknown): boolean => UNVERIFIED.has(source);

/** Two grants in which a person sees who asks and where the answer goes. A client that asks for others as well is registered without them. */
const GRANTS = new Set(['authorization_code', 'refresh_token']);

/** What such a client may know of a person: who they are. What they may do in this installation is for the operator's clients. */
const DENIED_SCOPES = new Set(['roles', 'permissions']);
export const UNVERIFIED_OPENID_SCOPES = 'openid profile email offline_access';

/** For the operator to say, most of them ours: taken away unread, as members that are not understood (RFC 7591, section 2). */
const OPERATORS_MEMBERS = [
  'profile',
  'first_party',
  'require_pkce',
  'default_resource',
  'allowed_cors_origins',
  'token_exchange',
  'authorization_details_types',
  'access_token_ttl_seconds',
  'refresh_token_ttl_seconds',
  'id_token_ttl_seconds',
] as const;

/** A row of so many characters is what a stranger may make. */
const MAX_CHARS = 16_384;

const FETCHED_MEMBERS = ['jwks_uri', 'sector_identifier_uri', 'backchannel_logout_uri', 'logo_uri'] as const;
const DOCUMENT_METHODS = new Set(['none', 'private_key_jwt']);

/**
 * Checks what a client says of itself by the rules for everybody's clients, and some more. The outcome is on the profile `mcp`: a public client that may live on
 * somebody's machine. Never throws on input.
 */
export function checkOwnMetadata(input: unknown, words: OwnWords, context: MetadataContext): MetadataOutcome {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return checkMetadata(input, context);
  const given = Object.fromEntries(Object.entries(input).filter(([name, value]) => value !== null && !isOperators(name)));
  const faults = [...findOwnFaults(given), ...(words === 'document' ? findDocumentFaults(given) : [])];
  if (faults.length > 0) return { ok: false, faults };
  const outcome = checkMetadata(complete(given, words), context);
  if (!outcome.ok) return outcome;
  const { grant_types: grants } = outcome.value.metadata;
  if (grants.includes('authorization_code')) return outcome;
  return { ok: false, faults: [{ path: 'grant_types', message: 'must include authorization_code' }] };
}

const isOperators = (name: string) => (OPERATORS_MEMBERS as readonly string[]).includes(name);

function findOwnFaults(given: Record<string, unknown>): ErrorDetail[] {
  const faults: ErrorDetail[] = [];
  const add = (path: string, message: string) => faults.push({ path, message });
  if (JSON.stringify(given).length > MAX_CHARS) add('', `must not be larger than ${MAX_CHARS} characters`);
  if (given.software_statement !== undefined)
    add('software_statement', 'is not accepted: no issuer of software statements is trusted here. Leave it out');
  for (const name of FETCHED_MEMBERS) {
    const value = given[name];
    if (typeof value === 'string' && !/^https:/i.test(value)) add(name, 'must use https');
  }
  return faults;
}

function findDocumentFaults(given: Record<string, unknown>): ErrorDetail[] {
  const faults: ErrorDetail[] = [];
  const { token_endpoint_auth_method: method } = given;
  for (const path of ['client_secret', 'client_secret_expires_at'])
    if (given[path] !== undefined) faults.push({ path, message: 'must not be in a document that everybody can read' });
  if (method !== undefined && !DOCUMENT_METHODS.has(String(method)))
    faults.push({
      path: 'token_endpoint_auth_method',
      message: `must be one of ${[...DOCUMENT_METHODS].join(', ')}: there is no shared secret`,
    });
  return faults;
}

/** The defaults of RFC 7591, section 2, where the profile has others, and what such a client cannot choose. */
function complete(given: Record<string, unknown>, words: OwnWords): Record<string, unknown> {
  const { client_secret: _secret, scope, grant_types: grants, ...rest } = given;
  // Its id is the address of a document, and the server's choice otherwise.
  if (words === 'registration') delete rest.client_id;
  const asked = typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [];
  const allowed = asked.filter((name) => !DENIED_SCOPES.has(name));
  return {
    token_endpoint_auth_method: words === 'document' ? 'none' : 'client_secret_basic',
    application_type: isOnTheWeb(rest.redirect_uris) ? 'web' : 'native',
    ...rest,
    grant_types: Array.isArray(grants) ? grants.filter((grant) => !isKnownGrant(grant)) : ['authorization_code'],
    ...(typeof scope === 'string' || scope === undefined ? {} : { scope }),
    ...(asked.length > 0 ? { scope: allowed.join(' ') || 'openid' } : {}),
    profile: 'mcp',
  };
}

/** A grant that exists and is not for these clients. What is no grant at all stays, to be refused. */
const isKnownGrant = (grant: unknown) =>
  typeof grant === 'string' &&
  !GRANTS.has(grant) &&
  (grant === 'client_credentials' || /^urn:(ietf|openid):params:(oauth:)?grant-type:[a-z_-]{1,60}$/.test(grant));

const isOnTheWeb = (uris: unknown) => Array.isArray(uris) && uris.every((uri) => typeof uri === 'string' && /^https:/i.test(uri));
