import type { KoaContextWithOIDC } from 'oidc-provider';
import { nowDate } from '../../platform/clock.js';
import type { FoundSource, RefusalFacts, RegisteredClient } from './facts.js';
import type { Refusal } from './index.js';
import { secretsOf } from './redaction.js';

export type ReadFacts = RefusalFacts & { secrets: readonly string[] };

/** Reads from a request what an explanation is made from. Nothing is asked of the database, and nothing here may fail. */
export function readFacts(
  ctx: KoaContextWithOIDC,
  error: Refusal,
  {
    source,
    resources,
    scopes,
    sessionCookie,
  }: { source: FoundSource | undefined; resources: readonly string[]; scopes: readonly string[]; sessionCookie: string },
): ReadFacts {
  const { oidc } = ctx;
  const body = (oidc?.body ?? {}) as Record<string, unknown>;
  const params: Record<string, unknown> = {
    ...ctx.query,
    ...body,
    ...Object.fromEntries(Object.entries(oidc?.params ?? {}).filter(([, value]) => value !== undefined)),
  };
  return {
    error: error.message,
    description: error.error_description ?? '',
    reason: error.error_detail ?? '',
    route: oidc?.route ?? ctx.path,
    params,
    client: oidc?.client ? clientOf(oidc.client as unknown as Record<string, unknown>) : undefined,
    authentication: authenticationOf(ctx.headers.authorization, params),
    sentClientId: clientIdOf(ctx.headers.authorization, params),
    source,
    signedIn: oidc?.session?.accountId !== undefined,
    hasSessionCookie: ctx.cookies.get(sessionCookie) !== undefined,
    issuer: oidc?.provider.issuer ?? '',
    acceptedAudiences: audiencesOf(oidc),
    resources,
    scopes,
    now: nowDate(),
    // What came unread (before parameters were taken apart) counts as well.
    secrets: secretsOf({ ...ctx.query, ...body, ...params }, ctx.headers),
  };
}

function audiencesOf(oidc: KoaContextWithOIDC['oidc'] | undefined): string[] {
  const { clientJwtAuthExpectedAudience } = (oidc ?? {}) as { clientJwtAuthExpectedAudience?: () => Set<string> };
  try {
    return oidc && clientJwtAuthExpectedAudience ? [...clientJwtAuthExpectedAudience.call(oidc)] : [];
  } catch {
    return [];
  }
}

function clientOf(client: Record<string, unknown>): RegisteredClient {
  const texts = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    clientId: String(client.clientId),
    redirectUris: texts(client.redirectUris),
    postLogoutRedirectUris: texts(client.postLogoutRedirectUris),
    grantTypes: texts(client.grantTypes),
    responseTypes: texts(client.responseTypes),
    authMethod: String(client.clientAuthMethod),
    scope: text(client.allowed_scope) ?? text(client.scope),
    assertionAlg: text(client.clientAuthSigningAlg),
    requestObjectAlg: text(client.requestObjectSigningAlg),
  };
}

function authenticationOf(authorization: string | undefined, params: Readonly<Record<string, unknown>>): string {
  const used = [
    ...(authorization === undefined ? [] : [/^basic /i.test(authorization) ? 'client_secret_basic' : 'another Authorization header']),
    ...(params.client_secret === undefined ? [] : ['client_secret_post']),
    ...(params.client_assertion === undefined ? [] : ['private_key_jwt (client_assertion)']),
  ];
  return used.length === 0 ? 'none' : used.join(' and ');
}

function clientIdOf(authorization: string | undefined, params: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof params.client_id === 'string') return params.client_id;
  const [, encoded] = /^basic\s+(\S+)$/i.exec(authorization ?? '') ?? [];
  // Up to the colon: what follows is the secret.
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString().split(':')[0];
}
