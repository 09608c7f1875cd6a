import type { Client } from 'oidc-provider';
import { claimsByScope } from './claims.js';
import { type ResourceServerInfo, resourceServerFor } from './resource-access.js';

/** What a request asks for: OpenID scopes, and scopes by resource. */
export type AskedScopes = { scopes: readonly string[]; resourceScopes: Readonly<Record<string, readonly string[]>> };

const OPENID: ReadonlySet<string> = new Set([...Object.keys(claimsByScope), 'offline_access']);

/** The part of a stored request that the client may have at all: what a person is asked about who decides elsewhere than where it was made. */
export function askedScopes(
  client: Client,
  { scope, resource }: { scope?: unknown; resource?: unknown },
  findResource: (identifier: string) => ResourceServerInfo | undefined,
): AskedScopes {
  const asked = new Set(typeof scope === 'string' ? scope.split(' ') : []);
  const resources = [resource ?? []].flat().filter((identifier) => typeof identifier === 'string');
  const resourceScopes = Object.fromEntries(
    resources.map((identifier) => {
      const { scope: allowed } = resourceServerFor(findResource(identifier), client, undefined);
      return [identifier, allowed.split(' ').filter((name) => asked.has(name))];
    }),
  );
  return { scopes: [...asked].filter((name) => OPENID.has(name)), resourceScopes };
}
