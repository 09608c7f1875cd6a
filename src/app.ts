/** Composition root with HTTP: services in, a request handler out. What runs before what is decided here and nowhere else. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import Koa from 'koa';
import { createApi, createClientRegistrationRoutes, createProbeRoutes } from './api/index.js';
import { linksOf, MIN_PASSWORD_CHARS } from './identity/index.js';
import { createBrowserSessions } from './oidc/browser-session.js';
import { createCiba } from './oidc/ciba/index.js';
import { buildConfiguration, providerRouteOf, REGISTRATION_PATH, routes } from './oidc/configuration.js';
import { createDeviceFlow } from './oidc/device/index.js';
import { createPublicDocuments } from './oidc/documents.js';
import { createProviderExtensions } from './oidc/extensions.js';
import { createFirstParty, createFirstPartyGrant, type FirstParty, firstPartyResource } from './oidc/first-party/index.js';
import { createFrontDoor } from './oidc/front-door.js';
import { createInteractions } from './oidc/interactions.js';
import { mountProvider } from './oidc/mount.js';
import { pacePolling } from './oidc/polling.js';
import { createProviderHolder, type ProviderHolder } from './oidc/provider.js';
import { createProviderFetch } from './oidc/provider-fetch.js';
import { createTokenExchange } from './oidc/token-exchange/index.js';
import { createAccountPages, createEntrance } from './pages/account/index.js';
import { createBrowserCookies } from './pages/browser-cookies.js';
import { createCibaPages } from './pages/ciba/index.js';
import { createContinueTo } from './pages/continue-to.js';
import { createDevMailboxPages } from './pages/dev/index.js';
import { createDevicePages } from './pages/device/index.js';
import { createEmailPages } from './pages/email/index.js';
import { createErrorEdge } from './pages/error-edge.js';
import { createInteractionPages } from './pages/interaction/index.js';
import { createOutcomes } from './pages/outcomes.js';
import { createPageKit } from './pages/page-kit.js';
import { createPasswordStrengthRoutes } from './pages/password-strength.js';
import { createProviderPages } from './pages/provider-pages.js';
import { createRecoveryPages } from './pages/recovery/index.js';
import { createRegistrationPages } from './pages/registration/index.js';
import { createStartPages } from './pages/start/index.js';
import { createHealth, type Health } from './platform/health/index.js';
import { cookieNames, createAdmission, createCsrf, createHardening, createObservation, serveAssets } from './platform/http/index.js';
import type { Services } from './services.js';

export type App = {
  /** For `http.createServer`. Answers every request, and never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  health: Health;
  provider: ProviderHolder;
  /** tokens for applications with their own sign-in form */
  firstParty: FirstParty;
};

export function createApp(services: Services): App {
  const { config, identity, log } = services;
  const development = config.env === 'development';
  const names = cookieNames(config.issuerUrl);
  const csrf = createCsrf({ secrets: config.cookieSecrets, issuerUrl: config.issuerUrl, names });
  const pages = createPageKit({ renderer: services.renderer, csrf });
  const cookies = createBrowserCookies({ names });
  const outcomes = createOutcomes({ names });
  const { findClient, findResource } = services;
  const mailboxUrl = services.mailer.mailbox ? '/dev/mailbox' : undefined;

  const providerPages = createProviderPages({
    pages,
    findClient,
    findAccount: identity.accounts.find,
    listTold: services.logoutNotices.listTold,
    explain: services.refusals.explain,
    development,
    log,
  });
  const firstPartyGrant = createFirstPartyGrant({
    issuerUrl: config.issuerUrl,
    findResource: services.findResourceServer,
    requests: services.requests,
  });
  const { fetch, onBehalfOf } = createProviderFetch({ outbound: services.outbound });
  const deviceFlow = createDeviceFlow({
    pages: createDevicePages({ pages, findClient, findAccount: identity.accounts.find, findResource }),
    showError: providerPages.error,
    findResource: services.findResourceServer,
    states: services.interactionStates,
    limits: services.limits,
    wrongCodesPerMinute: config.limitWrongDeviceCodesPerMinute,
    paths: { entry: routes.code_verification, authorization: routes.device_authorization },
  });
  const ciba = createCiba({
    ...services,
    accounts: identity.accounts,
    links: linksOf(config.issuerUrl),
    requestsPerMinute: config.limitBackchannelRequestsPerMinute,
  });
  const tokenExchange = createTokenExchange({
    findResource: services.findResourceServer,
    findAccount: services.findActiveAccount,
    jwtAccessTokens: services.jwtAccessTokens,
    audit: services.audit,
  });
  const holder = createProviderHolder({
    issuerUrl: config.issuerUrl,
    log,
    tokenWrites: services.tokenWrites,
    isCurrent: () => services.changes.isOnTime() || services.changes.catchUp().then((currency) => currency !== 'behind'),
    buildConfiguration: () =>
      buildConfiguration({
        config,
        adapter: services.adapter,
        jwks: services.signingKeys.current().jwks,
        cookies: names,
        pages: providerPages,
        findAccount: services.findActiveAccount,
        findResource: services.findResourceServer,
        roles: identity.roles,
        consents: services.consents,
        refreshUses: services.refreshUses,
        dpopNonceSecret: services.dpopNonceSecret,
        pairwiseSubject: services.pairwiseSubject,
        certificates: services.certificates,
        requests: services.requests,
        fetch,
        deviceFlow: deviceFlow.feature,
        ciba: ciba.feature,
        tokenExchange,
        authorizationDetails: services.authorizationDetails,
        refusedOrigins: services.refusedOrigins,
      }),
    extensions: createProviderExtensions({
      ...services,
      log,
      forward: providerPages.forward,
      askBeforeLeaving: providerPages.leave,
      isPreviousSecret: services.clients.isPreviousSecret,
      noteClientUse: services.clients.noteUse,
      firstPartyGrant,
      deviceFlow,
      pacePolling: pacePolling({ limits: services.limits, paths: { token: routes.token, backchannel: routes.backchannel_authentication } }),
      tokenExchange,
    }),
  });
  services.logoutNotices.deliverWith({ holder, outbound: services.outbound, onBehalfOf });
  const firstParty = createFirstParty({
    issuerUrl: config.issuerUrl,
    holder,
    grant: firstPartyGrant,
    authenticate: services.authenticateFirstParty,
    clients: services.clients,
    sessions: services.sessions,
    audit: services.audit,
  });
  services.signingKeys.onChange(() => holder.rebuild());

  const interactions = createInteractions({
    holder,
    states: services.interactionStates,
    requests: services.requests,
    keepClient: services.clientDocuments.keep,
  });
  const continueTo = createContinueTo({ interactions, findClient });
  const browserSessions = createBrowserSessions({ holder });
  const health = createHealth({
    checks: [
      { name: 'database', check: () => services.db.ping().then(() => true) },
      { name: 'database_writes', check: () => services.db.isWritable() },
      { name: 'signing_key', check: () => services.signingKeys.current().jwks.keys.length > 0 },
    ],
  });
  const passwordMinLength = MIN_PASSWORD_CHARS;

  const harden = createHardening({ https: names.secure });
  const { observe, noteRoute } = createObservation({ log, metrics: services.metrics, providerRoute: providerRouteOf });
  const documents = createPublicDocuments({ issuerUrl: config.issuerUrl, holder, jwksDocument: services.signingKeys.jwksDocument });
  const koa = new Koa({ keys: config.cookieSecrets, proxy: true });
  koa.on('error', (error) => log.error({ err: error }, 'a response failed'));
  koa.use(noteRoute);
  koa.use(createErrorEdge({ pages, log, explanations: services.explanations }));
  const failures = new WeakMap<ServerResponse, unknown>();
  koa.use((ctx, next) => {
    if (failures.has(ctx.res)) throw failures.get(ctx.res);
    return next();
  });
  koa.use(serveAssets(services.renderer.assets));
  const ownOrigins = new Set(config.firstPartyOrigins);
  const api = config.firstPartyApi
    ? createApi({
        ...services,
        issuerUrl: config.issuerUrl,
        resource: firstPartyResource(config.issuerUrl),
        brandName: config.brandName,
        cookies,
        health,
        isAllowedOrigin: async (origin) => ownOrigins.has(origin) || (await services.clients.firstPartyOrigins()).has(origin),
        firstParty,
        authenticate: services.authenticateFirstParty,
        authenticateKey: identity.apiKeys.authenticate,
        registrationOpen: config.registration,
        requireVerifiedEmail: config.requireVerifiedEmail === 'always',
      })
    : undefined;
  if (api) koa.use(api.edge);
  const routers = [
    createProbeRoutes({ health }),
    ...(api?.documents ?? []),
    ...(config.registrationOfClients === 'off'
      ? []
      : [
          createClientRegistrationRoutes({
            registration: services.clientRegistration,
            issuerUrl: config.issuerUrl,
            path: REGISTRATION_PATH,
            log,
          }),
        ]),
    createInteractionPages({
      pages,
      interactions,
      findClient: services.findAskingClient,
      findResource,
      describeDetails: services.authorizationDetails.describe,
      identity,
      cookies,
      consents: services.consents,
      audit: services.audit,
      registration: config.registration,
    }),
    createRegistrationPages({
      pages,
      identity,
      cookies,
      outcomes,
      continueTo,
      open: config.registration,
      passwordMinLength,
      verificationTtlSeconds: config.verificationTtlSeconds,
      mailboxUrl,
    }),
    createRecoveryPages({
      ...{ pages, identity, cookies, outcomes, continueTo, passwordMinLength, mailboxUrl },
      resetTtlSeconds: config.resetTtlSeconds,
    }),
    createEmailPages({ pages, outcomes, identity }),
    createAccountPages({
      ...services,
      ...{ pages, cookies, browserSessions, passwordMinLength, mailboxUrl },
      issuerUrl: config.issuerUrl,
      programs: config.firstPartyApi,
    }),
    createCibaPages({
      ...services,
      pages,
      questions: ciba.questions({ holder, outbound: services.outbound }),
      entrance: createEntrance({ pages, browserSessions, identity, issuerUrl: config.issuerUrl }),
    }),
    createPasswordStrengthRoutes({ passwords: identity.passwords, limits: services.limits, issuerUrl: config.issuerUrl }),
    createStartPages({
      pages,
      browserSessions,
      identity,
      registration: config.registration,
      development: development
        ? {
            issuerUrl: config.issuerUrl,
            demoUrl: config.demo ? `http://127.0.0.1:${config.demoPort}/` : undefined,
            mailboxUrl,
            apiDocsUrl: api ? '/docs' : undefined,
          }
        : undefined,
    }),
    ...(development && services.mailer.mailbox ? [createDevMailboxPages({ pages, mailbox: services.mailer.mailbox })] : []),
  ];
  for (const router of routers) koa.use(router.routes());
  const provider = mountProvider(holder);
  koa.use(provider.redirectForms);

  const certificateHeaders = [config.clientCertificateHeader, config.clientCertificateVerifiedHeader].filter((name) => name !== undefined);
  const admit = createAdmission({
    issuerUrl: config.issuerUrl,
    trustProxy: config.trustProxy,
    proxyHeaders: certificateHeaders,
    redirect: development,
    echo: services.echo,
  });
  const answer = createFrontDoor({
    ...{ harden, documents, provider, pages: koa.callback() },
    failed: (response, error) => void failures.set(response, error),
  });
  return {
    health,
    provider: holder,
    firstParty,
    handle(request, response) {
      if (!admit(request, response)) return;
      harden.begin(response);
      observe(request, response, () => answer(request, response));
    },
  };
}
