/** Composition root without HTTP: builds every service from the configuration, once. The server and the command line both start here. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from './config/index.js';
import {
  type Account,
  createFirstAdministrator,
  createIdentity,
  type FirstAdministrator,
  type Identity,
  type IdentityDeps,
  linksOf,
  requireNoDevelopmentAdministrator,
} from './identity/index.js';
import { type Declarations, loadDeclarations, registerClients } from './oidc/declarations/index.js';
import { createFirstPartyTokenCheck, type FirstPartyTokenCheck } from './oidc/first-party/index.js';
import { type Consents, createConsents, createGrants, type Grants } from './oidc/grants/index.js';
import { addHousekeeping } from './oidc/housekeeping/index.js';
import { createJwtAccessTokens, type JwtAccessTokens } from './oidc/jwt-access-tokens/index.js';
import { createLogoutNotices, type LogoutNotices } from './oidc/logout-notices/index.js';
import { createProviderStore, type ProviderStore } from './oidc/provider-store.js';
import { createFindAskingClient, createFindClient, createRegistries, type FindSummary, type Registries } from './oidc/registries.js';
import { type ResourceServerInfo, resourceServerOf } from './oidc/resource-access.js';
import { createSessions, type Sessions } from './oidc/sessions/index.js';
import { createSigningKeys, type SigningKeys } from './oidc/signing-keys/index.js';
import { createTotalEnding, type TotalEnding } from './oidc/total-ending/index.js';
import { type ChangeFeed, createChangeFeed } from './platform/changes/index.js';
import { now } from './platform/clock.js';
import { openSecretStore } from './platform/crypto/index.js';
import { type Database, openCurrentDatabase } from './platform/db/index.js';
import { createEcho, createRefusedOrigins, type Echo, type RefusedOrigins } from './platform/http/index.js';
import { root } from './platform/installation.js';
import { createJobRunner } from './platform/jobs/index.js';
import { countClosedLocks, createRateLimiter, type RateLimiter } from './platform/limits/index.js';
import type { Logger } from './platform/log/index.js';
import { createMailer } from './platform/mail/index.js';
import { countSignIns, createMetrics, type Metrics } from './platform/metrics/index.js';
import { createOutbound, type Outbound } from './platform/outbound/index.js';
import { createRecords, type Records } from './platform/records/index.js';
import { createRenderer, type Renderer } from './render/index.js';

export type Services = ProviderStore &
  Registries &
  Records & {
    config: Config;
    log: Logger;
    db: Database;
    metrics: Metrics;
    limits: RateLimiter;
    /** how the command line asks a server what it sees */
    echo: Echo;
    changes: ChangeFeed;
    mailer: ReturnType<typeof createMailer>;
    outbound: Outbound;
    renderer: Renderer;
    refusedOrigins: RefusedOrigins;
    identity: Identity;
    signingKeys: SigningKeys;
    logoutNotices: LogoutNotices;
    sessions: Sessions;
    grants: Grants;
    consents: Consents;
    jwtAccessTokens: JwtAccessTokens;
    totalEnding: TotalEnding;
    /** what an access token is worth at our own APIs */
    authenticateFirstParty: FirstPartyTokenCheck;
    /** An account that may act: it exists and is not disabled. */
    findActiveAccount(accountId: string): Promise<Account | null>;
    findClient: FindSummary;
    findAskingClient: FindSummary;
    findResource(identifier: string): { name: string; scopes: { name: string; description?: string | undefined }[] } | undefined;
    findResourceServer(identifier: string): ResourceServerInfo | undefined;
    /** set when this start made it */
    firstAdministrator: FirstAdministrator | undefined;
    /** Begins the recurring work of a server: watching for changes, rotation, purge. */
    start(): void;
    /** No recurring work begins any more; what is under way is waited for. Requests are answered all the same. */
    endJobs(): Promise<void>;
    /** Ends all work and lets go of the database. */
    close(): Promise<void>;
  };

/** What was not delivered at once, or by a process that has ended. */
const OUTBOX_SECONDS = 5;

/**
 * Opens the database, brings it up to date, and builds the services. Nothing recurs until `start`.
 * @param options.commandLine a command registers no declared clients and makes no administrator: that is the server's, and would surprise
 * @param options.prepared another process of this installation has just registered the clients and made the administrator
 * @param options.mailer takes the mails instead of what the settings name; `outbound` the requests to addresses that clients name
 * @param options.requiresInteraction which accounts need more than a password
 * @throws AppError when the database or its secrets cannot be used; the message says what to do
 */
export async function createServices(
  config: Config,
  {
    log,
    commandLine = false,
    prepared = false,
    mailer,
    outbound,
    requiresInteraction,
  }: {
    log: Logger;
    commandLine?: boolean;
    prepared?: boolean;
    mailer?: Services['mailer'] | undefined;
    outbound?: Outbound | undefined;
    requiresInteraction?: IdentityDeps['requiresInteraction'];
  },
): Promise<Services> {
  const settlesIn = !commandLine && !prepared;
  const declarations = await loadDeclarations(config, { clients: settlesIn });
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const metrics = createMetrics();
  const db = await openCurrentDatabase({
    url: config.databaseUrl,
    directory: path.join(root, 'prisma'),
    log,
    poolSize: config.databaseConnections,
    onStatement: metrics.statementFinished,
    slow: { fromMs: config.slowQueryMs, count: metrics.statementWasSlow },
  });
  try {
    return await buildServices(config, { db, declarations, metrics, log, settlesIn, mailer, outbound, requiresInteraction });
  } catch (error) {
    await db.close();
    throw error;
  }
}

async function buildServices(
  config: Config,
  {
    db,
    declarations,
    metrics,
    log,
    settlesIn,
    mailer: ownMailer,
    outbound: ownOutbound,
    requiresInteraction,
  }: {
    db: Database;
    declarations: Declarations;
    metrics: Metrics;
    log: Logger;
    settlesIn: boolean;
    mailer: Services['mailer'] | undefined;
    outbound: Outbound | undefined;
    requiresInteraction: IdentityDeps['requiresInteraction'];
  },
): Promise<Services> {
  const secrets = await openSecretStore(db, { current: config.keyEncryptionKey, previous: config.keyEncryptionKeyPrevious });
  const { sealer } = secrets;
  const outbound = ownOutbound ?? createOutbound({ allow: config.outboundAllow, development: config.env === 'development', log });
  const records = createRecords({ db, secrets, log, outbound, onEvent: countSignIns(metrics) });
  const { audit, auditTrail, outbox } = records;
  const changes = createChangeFeed({ db, log });
  const limits = createRateLimiter({ db, hmacPepper: secrets.hmacPepper });
  const renderer = createRenderer({
    brand: { name: config.brandName, logo: config.brandLogo, color: config.brandColor },
    viewsDir: path.join(root, 'views'),
    production: config.env === 'production',
  });
  const mailer =
    ownMailer ??
    createMailer({
      smtpUrl: config.smtpUrl,
      from: config.mailFrom,
      mailboxDir: path.join(config.dataDir, 'mailbox'),
      renderMail: renderer.mail,
      log,
    });
  const grants = createGrants({ db, sealer });
  const consents = createConsents({ db });
  const declared = declarations.resources;
  const registries = await createRegistries({ config, declared, db, sealer, changes, grants, audit, limits, outbound, log });
  const { resources, clients } = registries;
  const logoutNotices = createLogoutNotices({ outbox, clients });
  const sessions = createSessions({ db, sealer, notices: logoutNotices });
  const identity = createIdentity({
    db,
    sealer,
    hmacPepper: secrets.hmacPepper,
    mailer,
    audit,
    sessions,
    consents,
    apiKeyRefused: metrics.apiKeyRefused,
    countSessions: async () => ({ browser: await sessions.countActive(), api: await sessions.countApiSignIns() }),
    links: linksOf(config.issuerUrl),
    log,
    requiresInteraction,
    settings: { ...config, hashLanes: 1, requireVerifiedEmail: config.requireVerifiedEmail !== 'never' },
  });
  await identity.roles.seed();
  if (settlesIn) await registerClients(clients, declarations.clients, config, log);
  const signingKeys = createSigningKeys({
    db,
    sealer,
    changes,
    audit,
    log,
    settings: {
      algs: config.signingAlgs,
      rotationSeconds: config.keyRotationSeconds,
      jwksMaxAgeSeconds: config.jwksMaxAgeSeconds,
      longestSignInSeconds: Math.max(config.sessionKeptTtlSeconds, config.refreshTokenAbsoluteSeconds),
    },
  });
  await signingKeys.open();
  if (config.env === 'production' && settlesIn) await requireNoDevelopmentAdministrator(identity, config.firstAdminEmail);
  const firstAdministrator =
    config.env === 'development' && settlesIn ? await createFirstAdministrator(identity, config.firstAdminEmail) : undefined;
  metrics.gaugesFrom({
    sessionsActive: sessions.countActive,
    accountsLocked: () => countClosedLocks(db),
    outbox: outbox.measure,
    signingKeyAgeSeconds: () => secondsSince(signingKeys.current().active[0]?.since),
    passwordHashQueueDepth: identity.passwords.queueDepth,
  });
  const jobs = createJobRunner({ log });
  jobs.every({ name: 'deliver messages', seconds: OUTBOX_SECONDS, run: outbox.run });
  addHousekeeping(jobs, { config, db, signingKeys, clients, auditTrail, metrics, log });
  const jwtAccessTokens = createJwtAccessTokens({
    ...{ db, issuerUrl: config.issuerUrl, grants },
    ...{ keys: signingKeys.current, refreshKeys: changes.poll },
  });
  const findClient = createFindClient(clients);
  const store = createProviderStore({
    ...{ ...records, config, db, secrets, clients, accounts: identity.accounts, resources, outbound, limits, metrics, log },
    notify: { mailer, limits, findAccount: identity.accounts.find, findClient, links: linksOf(config.issuerUrl) },
  });

  return {
    config,
    log,
    db,
    ...records,
    metrics,
    limits,
    echo: createEcho({ pepper: secrets.hmacPepper }),
    changes,
    mailer,
    outbound,
    renderer,
    refusedOrigins: createRefusedOrigins({ log }),
    identity,
    signingKeys,
    ...registries,
    logoutNotices,
    sessions,
    grants,
    consents,
    ...store,
    jwtAccessTokens,
    totalEnding: createTotalEnding({ db, audit }),
    authenticateFirstParty: createFirstPartyTokenCheck({ issuerUrl: config.issuerUrl, jwtAccessTokens }),
    findActiveAccount(accountId) {
      const active = (account: Account | null) => (account?.status === 'active' ? account : null);
      const owner = store.tokenOwners.take(accountId);
      return owner ? Promise.resolve(active(owner)) : identity.accounts.find(accountId).then(active);
    },
    findClient,
    findAskingClient: createFindAskingClient(clients, store.clientDocuments),
    findResource(identifier) {
      const resource = resources.find(identifier);
      return resource
        ? { name: resource.name, scopes: resource.scopes.map(({ name, description }) => ({ name, description: description ?? undefined })) }
        : undefined;
    },
    findResourceServer: (identifier) => resourceServerOf(resources.find(identifier)),
    firstAdministrator,
    start() {
      records.webhooks.start();
      changes.start();
      jobs.start();
    },
    endJobs: () => jobs.stop(),
    async close() {
      await jobs.stop();
      await outbox.idle();
      await changes.stop();
      clients.close();
      signingKeys.close();
      await mailer.stop();
      await identity.apiKeys.flush();
      await clients.flushUses();
      await records.flushRecords();
      await db.close();
    },
  };
}

const secondsSince = (date: Date | undefined) => date && (now() - date.getTime()) / 1000;
