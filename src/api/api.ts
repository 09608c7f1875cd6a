import { readFileSync } from 'node:fs';
import path from 'node:path';
import type Router from '@koa/router';
import type { Middleware } from 'koa';
import type { Identity } from '../identity/index.js';
import type { Health } from '../platform/health/index.js';
import { root } from '../platform/installation.js';
import type { Logger } from '../platform/log/index.js';
import { type AuditApiDeps, createAuditEndpoints } from './audit/index.js';
import { type AuthDeps, createAuthEndpoints } from './auth/index.js';
import { createDocsRoutes } from './docs/index.js';
import { type ApiEdgeDeps, createApiEdge, createOpenApiRoutes, type Endpoint } from './endpoint/index.js';
import { createHealthEndpoint } from './health-endpoint.js';
import { createProtectedResourceRoutes, protectedResourceMetadataUrl } from './protected-resource.js';
import { createUserEndpoints, type UsersDeps } from './users/index.js';

/** Everything below these is the API's. */
const PREFIXES = ['/auth', '/v2', '/api'];

const DESCRIPTION = `Accounts for this installation's own applications.

Bodies are JSON (\`application/json\`, at most 64 KiB); members that are not known are skipped, in answers too. Failures are problem details (RFC 9457): decide by \`code\`.
Calls that need somebody take \`Authorization: Bearer\` with an access token, some also \`X-API-Key\`; never both.`;

export type ApiDeps = Pick<ApiEdgeDeps, 'authenticate' | 'authenticateKey' | 'isAllowedOrigin' | 'refusedOrigins' | 'cookies'> &
  Omit<AuthDeps, 'identity'> &
  Omit<UsersDeps, 'identity'> &
  AuditApiDeps & {
    identity: Identity;
    health: Health;
    issuerUrl: string;
    /** what tokens for these APIs are made for */
    resource: { identifier: string; scopes: readonly { name: string }[] };
    brandName: string;
    log: Logger;
  };

export type Api = {
  /** answers what lies below the API's paths */
  edge: Middleware;
  /** the OpenAPI document and a page to browse it, and what tokens the API takes */
  documents: Router[];
};

/** The JSON API for an installation's own applications. */
export function createApi(deps: ApiDeps): Api {
  const { identity, resource, issuerUrl } = deps;
  const resourceMetadataUrl = protectedResourceMetadataUrl(resource.identifier);
  const endpoints: Endpoint[] = [
    ...createAuthEndpoints(deps),
    ...createUserEndpoints(deps),
    ...createAuditEndpoints(deps),
    createHealthEndpoint(deps),
  ];
  return {
    edge: createApiEdge({
      ...deps,
      endpoints,
      prefixes: PREFIXES,
      resourceMetadataUrl,
      findAccount: identity.accounts.find,
      permissionsOf: identity.roles.permissionsOf,
    }),
    documents: [
      createOpenApiRoutes({
        endpoints,
        info: { title: deps.brandName, description: DESCRIPTION, version: versionOfThis(), serverUrl: issuerUrl, resourceMetadataUrl },
      }),
      createProtectedResourceRoutes({
        resource: resource.identifier,
        issuerUrl,
        scopes: resource.scopes.map(({ name }) => name),
        name: deps.brandName,
      }),
      createDocsRoutes({ title: deps.brandName }),
    ],
  };
}

const versionOfThis = () => (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }).version;
