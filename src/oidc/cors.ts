import type { Client, KoaContextWithOIDC } from 'oidc-provider';
import type { RefusedOrigins } from '../platform/http/index.js';
import { isOperatorMade } from './clients/index.js';

/**
 * Whether a browser's page may use a client. A preflight carries no client, so the library lets each pass; it gives nothing away, for the request that
 * follows names the client, and is refused here before anything of it is done.
 */
export function createClientCors({ refusedOrigins }: { refusedOrigins: RefusedOrigins }) {
  return ({ path }: KoaContextWithOIDC, origin: string, client: Client): boolean => {
    const allowed = originsOf(client).has(origin);
    if (!allowed) refusedOrigins.note({ origin, path, clientId: client.clientId });
    return allowed;
  };
}

/** Where its pages are: the origins of its redirect URIs, and what its operator added. */
function originsOf(client: Client): ReadonlySet<string> {
  const uris = (client.redirectUris ?? []).flatMap((uri) => (URL.canParse(uri) ? [new URL(uri).origin] : []));
  const added = isOperatorMade(client) && Array.isArray(client.allowed_cors_origins) ? (client.allowed_cors_origins as string[]) : [];
  // The origin of a private-use scheme is "null", which sandboxed frames of anybody send.
  return new Set([...uris, ...added].filter((origin) => origin !== 'null'));
}
