/**
 * Owns: the resource servers that access tokens are made for (RFC 8707): their identifiers, scopes, token format and lifetime.
 * Does not own: which client may ask for which of them, nor the tokens.
 */
import { readDeclarationFile } from '../../platform/declarations/index.js';
import type { AuthorizationDetailsType } from './details-types.js';
import { parseResources, type Resource } from './schemas.js';

export type { AuthorizationDetailsType, DetailsMember, DetailsMembers } from './details-types.js';
export {
  AUTHORIZATION_CLAIMS,
  type AuthorizationClaim,
  OPENID_SCOPES,
  parseResources,
  type Resource,
  type ResourceScope,
  scopeNamePattern,
} from './schemas.js';

export type Resources = {
  /** @param identifier exactly as declared: URIs are compared as strings (RFC 8707, section 2) */
  find(identifier: string): Resource | null;
  list(): readonly Resource[];
  /** The names of all resource servers' scopes. */
  scopes(): ReadonlySet<string>;
  /** A kind of authorization details, and whose it is. */
  findDetailsType(type: string): { resource: Resource; declared: AuthorizationDetailsType } | null;
};

/** @param deps.declared of RESOURCES_FILE; `builtIn` the server's own APIs. @throws TypeError when one identifier is there twice */
export function createResources({
  declared = [],
  builtIn = [],
}: {
  declared?: readonly Resource[];
  builtIn?: readonly Resource[];
}): Resources {
  const all = [...builtIn, ...declared];
  const byIdentifier = new Map(all.map((resource) => [resource.identifier, resource]));
  if (byIdentifier.size !== all.length) throw new TypeError('a resource server is declared under the identifier of another');
  const scopes = new Set(all.flatMap((resource) => resource.scopes.map(({ name }) => name)));
  const detailsTypes = new Map(
    all.flatMap((resource) =>
      (resource.authorizationDetailsTypes ?? []).map((declared) => [declared.type, { resource, declared }] as const),
    ),
  );
  return {
    findDetailsType: (type) => detailsTypes.get(type) ?? null,
    find: (identifier) => byIdentifier.get(identifier) ?? null,
    list: () => all,
    scopes: () => scopes,
  };
}

/**
 * Reads RESOURCES_FILE.
 * @throws AppError `declarations.unreadable`, or `resources.invalid` with every fault and its path
 */
export async function loadDeclaredResources(path: string): Promise<Resource[]> {
  return parseResources(await readDeclarationFile(path, 'RESOURCES_FILE'), 'RESOURCES_FILE');
}
