import { type AsymmetricSigningAlgorithm, type Client, errors, type ResourceServer } from 'oidc-provider';
import { isUnverified, restrictScope } from './clients/index.js';
import type { AuthorizationClaim, Resource } from './resources/index.js';

/** A resource server as the store knows it; `scopes` are all it has. */
export type ResourceServerInfo = {
  scopes: readonly string[];
  audience: string;
  accessTokenFormat: 'jwt' | 'opaque';
  accessTokenTTL?: number;
  /** what its JWTs say about their person besides the subject */
  accessTokenClaims?: readonly AuthorizationClaim[] | undefined;
  firstPartyOnly?: boolean | undefined;
  /** false: only for clients that an operator made */
  unverifiedClients?: boolean | undefined;
};

/** A resource server of the registry, as the library is told of it. */
export function resourceServerOf(resource: Resource | null): ResourceServerInfo | undefined {
  if (!resource) return undefined;
  return {
    scopes: resource.scopes.map(({ name }) => name),
    audience: resource.identifier,
    accessTokenFormat: resource.accessTokenFormat,
    ...(resource.accessTokenTtlSeconds === null ? {} : { accessTokenTTL: resource.accessTokenTtlSeconds }),
    accessTokenClaims: resource.accessTokenClaims,
    firstPartyOnly: resource.firstPartyOnly,
    unverifiedClients: resource.unverifiedClients,
  };
}

/**
 * What a client may have of a resource server (RFC 8707). A token without any scope is still a token for that audience, and an API that looks at the
 * audience alone would let it in; so where nothing of a resource server is allowed, none of it is.
 * @param grantType of a token request. No person consents to client_credentials, so there a client has what is registered for it by name.
 * @throws InvalidTarget
 */
export function resourceServerFor(
  resource: ResourceServerInfo | undefined,
  client: Client,
  grantType: unknown,
): Pick<ResourceServer, 'scope' | 'audience' | 'accessTokenFormat' | 'accessTokenTTL' | 'jwt'> {
  if (!resource) throw new errors.InvalidTarget();
  const { scopes, accessTokenClaims: _claims, firstPartyOnly, unverifiedClients = true, ...info } = resource;
  if (firstPartyOnly && (client.first_party !== true || grantType === 'client_credentials'))
    throw new errors.InvalidTarget('this resource is for applications of the installation itself');
  if (!unverifiedClients && isUnverified(client)) throw new errors.InvalidTarget('this resource is for clients that an operator made');
  const unnamed = grantType === 'client_credentials' && client.allowed_scope === undefined;
  const allowed = unnamed ? [] : restrictScope(client, scopes);
  if (scopes.length > 0 && allowed.length === 0 && client.default_resource !== resource.audience) {
    throw new errors.InvalidTarget('the client is registered for no scope of this resource');
  }
  // FAPI 2.0 Security Profile, section 5.4.1: not RS256, which is what the others' JWTs are signed with by default.
  const jwt =
    client.profile === 'fapi2' && info.accessTokenFormat === 'jwt'
      ? { jwt: { sign: { alg: client.idTokenSignedResponseAlg as AsymmetricSigningAlgorithm } } }
      : {};
  return { ...info, ...jwt, scope: allowed.join(' ') };
}
