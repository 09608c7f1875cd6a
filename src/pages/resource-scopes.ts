import type { ResourceScopes } from '../render/index.js';

/** Name and described scopes of a resource server. */
export type FindResource = (
  identifier: string,
) => { name: string; scopes: readonly { name: string; description?: string | undefined }[] } | undefined;

/** Scopes by resource, with the words their resource servers describe them by. */
export const describeResources = (
  scopesByResource: Readonly<Record<string, readonly string[]>>,
  findResource: FindResource,
): ResourceScopes[] =>
  Object.entries(scopesByResource).map(([identifier, scopes]) => {
    const resource = findResource(identifier);
    return {
      identifier,
      name: resource?.name ?? identifier,
      scopes: scopes.map((name) => resource?.scopes.find((scope) => scope.name === name) ?? { name }),
    };
  });
