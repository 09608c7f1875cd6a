import type { AdapterFactory, Configuration, JWKS, KoaContextWithOIDC } from 'oidc-provider';
import type { Config } from '../config/index.js';
import type { Account } from '../identity/index.js';
import type { CookieNames, RefusedOrigins } from '../platform/http/index.js';
import type { RefreshUses } from './adapter/index.js';
import { authenticationContexts } from './authentication-contexts/index.js';
import type { AuthorizationDetails } from './authorization-details/index.js';
import { type CibaFeature, isBackchannelRequest, nobody } from './ciba/index.js';
import { claimsByScope, type PermissionsOf, type RightsOf, toProviderAccount } from './claims.js';
import { checkClaimsParameter } from './claims-parameter.js';
import { checkClientAssertion } from './client-assertions.js';
import type { ClientCertificates } from './client-certificates/index.js';
import {
  ASSERTION_ALGORITHMS,
  CONTENT_ENCRYPTIONS,
  capabilities,
  ENCRYPTION_ALGORITHMS,
  extraClientMetadata,
  outlivesSession,
} from './clients/index.js';
import { createClientCors } from './cors.js';
import { type DeviceFlow, isDeviceRequest } from './device/index.js';
import { createLoadExistingGrant, type RememberedConsents } from './existing-grant.js';
import { createExtraTokenClaims } from './extra-token-claims.js';
import type { ForwardPage } from './forwarding-forms.js';
import type { DeparturePage } from './held-departures.js';
import { buildInteractionPolicy } from './interaction-policy.js';
import { createLifetimes } from './lifetimes.js';
import { keepOfflineAccess } from './offline-access.js';
import type { PairwiseSubject } from './pairwise-subjects.js';
import { rotateRefreshToken } from './refresh-rotation.js';
import type { RequestContexts } from './request-context.js';
import { checkRequestObject } from './request-objects.js';
import { type ResourceServerInfo, resourceServerFor } from './resource-access.js';
import type { TokenExchange } from './token-exchange/index.js';
import { tokenPolicy } from './token-policy.js';
import { renderingUnavailable, tellingUnavailable } from './unavailable.js';

/** Where everything lives (requirements: routes that every tool can rely on). */
export const routes = {
  authorization: '/authorize',
  pushed_authorization_request: '/par',
  token: '/token',
  userinfo: '/userinfo',
  introspection: '/introspect',
  revocation: '/revoke',
  end_session: '/logout',
  jwks: '/.well-known/jwks.json',
  device_authorization: '/device/auth',
  code_verification: '/device',
  backchannel_authentication: '/backchannel',
} as const;

/** Where clients register (RFC 7591): our own endpoint, as the library validates, stores and rotates in steps that two requests can mix. */
export const REGISTRATION_PATH = '/connect/register';

/** Of the server itself; resource servers have their own. */
export const supportedScopes = ['openid', 'offline_access', 'profile', 'email', 'roles', 'permissions'] as const;

/** The same document (OpenID Connect Discovery 1.0; RFC 8414). */
export const DISCOVERY_PATHS: readonly string[] = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];

const exactPaths = new Set<string>([
  ...Object.values(routes),
  `${routes.end_session}/confirm`,
  `${routes.end_session}/success`,
  ...DISCOVERY_PATHS,
]);

/** Not with a slash at the end: the library's router would take that for the page itself, past all that is decided by its path. */
const deviceResumePath = new RegExp(`^${routes.code_verification}/[A-Za-z0-9_-]+$`);

/** True for the paths that oidc-provider answers; all others are ours. */
export const isProviderPath = (path: string): boolean =>
  exactPaths.has(path) || path.startsWith(`${routes.authorization}/`) || deviceResumePath.test(path);

const programPaths = new Set<string>([
  routes.token,
  routes.userinfo,
  routes.introspection,
  routes.revocation,
  routes.pushed_authorization_request,
  routes.device_authorization,
  routes.backchannel_authentication,
  routes.jwks,
  ...DISCOVERY_PATHS,
]);

/** True for paths of oidc-provider that only programs ask: their answers are JSON, and no browser shows them. */
export const isProgramPath = (path: string): boolean => programPaths.has(path);

/** The name under which requests to a path of oidc-provider are counted; undefined for all others. */
export function providerRouteOf(path: string): string | undefined {
  if (exactPaths.has(path)) return path;
  if (path.startsWith(`${routes.authorization}/`)) return `${routes.authorization}/:uid`;
  return deviceResumePath.test(path) ? `${routes.code_verification}/:uid` : undefined;
}

/** HTML that people meet while the library is in charge. */
export type ProviderPages = {
  error(ctx: KoaContextWithOIDC, out: { error: string; error_description?: string }, error: Error): Promise<void>;
  logout(ctx: KoaContextWithOIDC, form: { action: string; xsrf: string }): Promise<void>;
  signedOut(ctx: KoaContextWithOIDC): Promise<void>;
  forward: ForwardPage;
  /** asks whether to go where an application nobody here made sends people */
  leave: DeparturePage;
};

export type ConfigurationDeps = {
  config: Config;
  adapter: AdapterFactory;
  /** Private JWKs, the active key first. */
  jwks: JWKS;
  cookies: CookieNames;
  pages: ProviderPages;
  /** An account that may act; null when it is gone or disabled. */
  findAccount(accountId: string): Promise<Account | null>;
  /** what all roles of an account allow */
  roles: { permissionsOf: PermissionsOf; rightsOf: RightsOf };
  findResource(identifier: string): ResourceServerInfo | undefined;
  consents: RememberedConsents;
  refreshUses: RefreshUses;
  /** 32 bytes, the same in every process: a nonce that one gave is good at all */
  dpopNonceSecret: Buffer;
  certificates: Pick<ClientCertificates, 'feature' | 'authMethods'>;
  requests: Pick<RequestContexts, 'restingOn'>;
  pairwiseSubject: PairwiseSubject;
  /** for every address that a client names */
  fetch: NonNullable<Configuration['fetch']>;
  deviceFlow: DeviceFlow['feature'];
  ciba: CibaFeature;
  tokenExchange: Pick<TokenExchange, 'claimsOf'>;
  authorizationDetails: Pick<AuthorizationDetails, 'feature'>;
  refusedOrigins: RefusedOrigins;
};

/** Assembles oidc-provider's options: the one place where they are set. */
export function buildConfiguration(deps: ConfigurationDeps): Configuration {
  const { config, cookies } = deps;
  const [signingAlg] = config.signingAlgs;
  const cookieOptions = { signed: true, httpOnly: true, sameSite: 'lax', secure: cookies.secure, path: '/', overwrite: true } as const;
  return {
    adapter: deps.adapter,
    jwks: deps.jwks,
    routes,
    scopes: [...supportedScopes],
    claims: claimsByScope,
    acrValues: [...authenticationContexts.names],
    responseTypes: ['code'],
    discovery: {
      ...(config.registrationOfClients === 'off' ? {} : { registration_endpoint: `${config.issuerUrl}${REGISTRATION_PATH}` }),
      ...(config.clientIdMetadataDocuments ? { client_id_metadata_document_supported: true } : {}),
    },
    subjectTypes: ['public', 'pairwise'],
    pairwiseIdentifier: (_ctx, accountId, client) => deps.pairwiseSubject(accountId, client),
    // Those of the registry were asked when they were registered, and not again by every process at the first sign-in.
    sectorIdentifierUriValidate: (client) => client.client_source === undefined,
    // OpenID Connect Core, 3.1.2.1: always named, always compared.
    allowOmittingSingleRegisteredRedirectUri: false,
    clientAuthMethods: [...capabilities.authMethods, ...deps.certificates.authMethods],
    assertJwtClientAuthClaimsAndHeader: checkClientAssertion,
    clientDefaults: {
      id_token_signed_response_alg: signingAlg,
      authorization_signed_response_alg: signingAlg,
      introspection_signed_response_alg: signingAlg,
    },
    enabledJWA: {
      idTokenSigningAlgValues: [...config.signingAlgs],
      userinfoSigningAlgValues: [...config.signingAlgs],
      introspectionSigningAlgValues: [...config.signingAlgs],
      authorizationSigningAlgValues: [...config.signingAlgs],
      dPoPSigningAlgValues: ['ES256', 'PS256', 'Ed25519', 'EdDSA'],
      requestObjectSigningAlgValues: [...ASSERTION_ALGORITHMS],
      clientAuthSigningAlgValues: [...ASSERTION_ALGORITHMS],
      ...encryptedAnswers,
    },
    // A form posted to /authorize or /logout is answered by a redirect to its GET, so that SameSite=Lax cookies come along.
    enableHttpPostMethods: false,
    cookies: {
      keys: config.cookieSecrets,
      names: { session: cookies.host('session'), interaction: cookies.path('interaction'), resume: cookies.path('resume') },
      long: cookieOptions,
      short: { ...cookieOptions, path: undefined },
    },
    ttl: createLifetimes(config),
    findAccount: tellingUnavailable((ctx: unknown, accountId: string) =>
      deps.findAccount(accountId).then((account) => {
        if (!account) return isBackchannelRequest(ctx) ? nobody(accountId) : undefined;
        return toProviderAccount(account, tellingUnavailable(deps.roles.permissionsOf));
      }),
    ),
    loadExistingGrant: tellingUnavailable(createLoadExistingGrant({ consents: deps.consents, requests: deps.requests })),
    interactions: { policy: buildInteractionPolicy(), url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' || client.require_pkce !== false },
    extraParams: { offline_access_kept: keepOfflineAccess },
    extraClientMetadata,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: (ctx, source) => {
      const client = ctx.oidc.client;
      // A device is elsewhere: the browser in which it was let in may well end first.
      if (isDeviceRequest(ctx)) return false;
      return !(source.scopes.has('offline_access') || client?.first_party || outlivesSession(client?.profile));
    },
    rotateRefreshToken: rotateRefreshToken(deps.refreshUses),
    extraTokenClaims: tellingUnavailable(createExtraTokenClaims(deps)),
    clientBasedCORS: createClientCors(deps),
    renderError: renderingUnavailable((ctx, out, error) => deps.pages.error(ctx, out, error)),
    fetch: deps.fetch,
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: true },
      // A proof counts only with a nonce of ours, so none can be made ahead of its time, and clocks need not agree (RFC 9449, sections 8 and 11.2).
      dPoP: { enabled: true, nonceSecret: deps.dpopNonceSecret, requireNonce: () => true },
      jwtResponseModes: { enabled: true },
      fapi: { enabled: true, profile: (_ctx, client) => (client?.profile === 'fapi2' ? '2.0' : undefined) },
      requestObjects: { enabled: true, assertJwtClaimsAndHeader: checkRequestObject },
      mTLS: deps.certificates.feature,
      encryption: { enabled: true },
      userinfo: { enabled: true },
      jwtUserinfo: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => tokenPolicy.mayRevoke(client, token) },
      introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => tokenPolicy.mayIntrospect(client, token) },
      clientCredentials: { enabled: true },
      claimsParameter: { enabled: true, assertClaimsParameter: checkClaimsParameter },
      richAuthorizationRequests: deps.authorizationDetails.feature,
      backchannelLogout: { enabled: true },
      deviceFlow: deps.deviceFlow,
      ciba: deps.ciba,
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => deps.pages.logout(ctx, readLogoutForm(form)),
        postLogoutSuccessSource: (ctx) => deps.pages.signedOut(ctx),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, client, oneOf) => oneOf ?? (client.default_resource as string | undefined) ?? [],
        useGrantedResource: () => false,
        getResourceServerInfo: (ctx, identifier, client) =>
          resourceServerFor(deps.findResource(identifier), client, ctx.oidc.params?.grant_type),
      },
    },
  };
}

const [algs, encs] = [[...ENCRYPTION_ALGORITHMS], [...CONTENT_ENCRYPTIONS]];

/** Answers are encrypted to a client's key. Nothing is encrypted to us, so there is no key of ours for it. */
const encryptedAnswers = {
  idTokenEncryptionAlgValues: algs,
  idTokenEncryptionEncValues: encs,
  userinfoEncryptionAlgValues: algs,
  userinfoEncryptionEncValues: encs,
  introspectionEncryptionAlgValues: algs,
  introspectionEncryptionEncValues: encs,
  authorizationEncryptionAlgValues: algs,
  authorizationEncryptionEncValues: encs,
  requestObjectEncryptionAlgValues: [],
  requestObjectEncryptionEncValues: [],
};

/** The library hands its logout form as HTML; our page makes its own, so only the two values in it are taken. */
function readLogoutForm(html: string): { action: string; xsrf: string } {
  return { action: /action="([^"]+)"/.exec(html)?.[1] ?? '', xsrf: /name="xsrf" value="([^"]+)"/.exec(html)?.[1] ?? '' };
}
