import type { Audit, AuditEventType } from '../../platform/audit/index.js';
import type { ChangeFeed } from '../../platform/changes/index.js';
import { addSeconds, now, nowDate } from '../../platform/clock.js';
import { randomId, type Sealer, safeEqual } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import type { ErrorDetail } from '../../platform/errors.js';
import type { Logger } from '../../platform/log/index.js';
import type { Resources } from '../resources/index.js';
import { OPENID_SCOPES } from '../resources/index.js';
import { requireOperators, requireOperatorsPart } from './built-in.js';
import { CIBA, SECRET_METHODS } from './capabilities.js';
import type { MutualTls } from './certificates.js';
import { applyDeclared, type DeclaredReport } from './declared.js';
import { clientNotFound, hasNoSecret, idTaken, invalidMetadata } from './errors.js';
import { readCursor, writeCursor } from './list-cursor.js';
import { type CheckedMetadata, checkMetadata, type MetadataContext } from './metadata.js';
import { layOver } from './patch.js';
import type { ProviderMetadata } from './provider-metadata.js';
import { type Client, type ClientSource, describeClient, newRow, toClient, toColumns } from './record.js';
import { createRegistryCache, openEntry, secretContextOf } from './registry-cache.js';
import { CLIENTS_TOPIC, createClientRepository } from './repository.js';
import { clientIdPattern } from './schemas.js';
import { type FetchSector, findSectorWarnings, requireSector } from './sectors.js';
import { createSelfRegisteredClients, type SelfRegisteredClients, type SelfRegisteredSettings } from './self-registered.js';
import { createWebOrigins } from './web-origins.js';

export type ClientSettings = SelfRegisteredSettings & {
  /** What ID tokens can be signed with, the default first. */
  signingAlgs: readonly string[];
  /** How long the predecessor of a rotated secret stays good. */
  secretGraceSeconds: number;
  /** What can be done with client certificates. */
  mutualTls: MutualTls | undefined;
  /** Shortest secret that may be given; those made here have 43 characters. */
  minSecretLength: number;
  /** How many clients are kept in memory. */
  cacheSize: number;
};

/** Ends whatever a client was given, its tokens included. */
export type GrantEnder = { revokeByClient(clientId: string): Promise<unknown> };

export type ClientsDeps = {
  db: Pick<Database, 'client' | 'isUniqueViolation'>;
  sealer: Sealer;
  changes: Pick<ChangeFeed, 'write' | 'subscribe' | 'catchUp' | 'isOnTime'>;
  grants: GrantEnder;
  resources?: Pick<Resources, 'find' | 'scopes' | 'findDetailsType'>;
  audit?: Pick<Audit, 'record'>;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Without it no client can have a `sector_identifier_uri`, except those of a declaration. */
  fetchSector?: FetchSector;
  settings?: Partial<ClientSettings>;
};

type By = { actorId?: string };
/** `clientSecret` is the only time the secret is told. */
export type CreatedClient = { client: Client; clientSecret?: string; warnings: ErrorDetail[] };

export type Clients = SelfRegisteredClients & {
  /**
   * Registers a client; id and secret are made where they are needed and not given.
   * @throws AppError `clients.invalid` (every fault with its path), `clients.id_taken`
   */
  create(metadata: unknown, options: { source: ClientSource } & By): Promise<CreatedClient>;
  find(id: string): Promise<Client | null>;
  /** What oidc-provider's Client model is made of, the secret included. */
  findProviderMetadata(id: string): Promise<ProviderMetadata | undefined>;
  /** True for the secret a client had before its latest rotation, within the grace time. */
  isPreviousSecret(id: string, secret: string): Promise<boolean>;
  /** Web origins of the redirect URIs of clients that are first-party. */
  firstPartyOrigins(): Promise<ReadonlySet<string>>;
  /** A page in order of creation; `cursor` of the page before. */
  list(options?: { cursor?: string; limit?: number }): Promise<{ clients: Client[]; nextCursor: string | null }>;
  /**
   * Changes the given members; null takes one away. A client that now needs a secret gets one.
   * @param by.asServer the server lays its own metadata over one of its own clients; nobody else changes more than their lifetimes
   * @throws AppError `clients.not_found`, `clients.invalid`, `clients.built_in`
   */
  update(id: string, patch: Record<string, unknown>, by?: By & { asServer?: boolean }): Promise<CreatedClient>;
  /** @throws AppError `clients.not_found`, `clients.no_secret`, `clients.built_in` */
  rotateSecret(
    id: string,
    options?: { graceSeconds?: number } & By,
  ): Promise<{ client: Client; clientSecret: string; previousSecretExpiresAt: Date }>;
  /** Deletes a client and ends what it was given. @throws AppError `clients.not_found`, `clients.built_in` */
  delete(id: string, by?: By): Promise<void>;
  /**
   * Makes the table say what a declaration says; a second time changes nothing, also by several processes at once.
   * @throws AppError `clients.invalid` with every fault, and nothing is changed
   */
  applyDeclared(list: unknown): Promise<DeclaredReport>;
  close(): void;
};

const MAX_PAGE = 200;

/** 128 random bits that a command line does not take for an option. */
const makeClientId = (): string => randomId(16).replace(/^-/, '_');

export function createClients(deps: ClientsDeps): Clients {
  const { db, sealer, changes, grants, resources, audit, log } = deps;
  const fetchSector: FetchSector = deps.fetchSector ?? (() => Promise.reject(new Error('sectors are not fetched here')));
  const settings: ClientSettings = {
    signingAlgs: ['RS256', 'ES256'],
    mutualTls: undefined,
    secretGraceSeconds: 86_400,
    minSecretLength: 1,
    cacheSize: 1000,
    neverUsedSeconds: 86_400,
    idleSeconds: 90 * 86_400,
    ...deps.settings,
  };
  const repository = createClientRepository(db);
  const cache = createRegistryCache({
    repository,
    sealer,
    log,
    isUpToDate: () => changes.isOnTime() || changes.catchUp().then((currency) => currency === 'current'),
    size: settings.cacheSize,
    isDetailsType: (type) => Boolean(resources?.findDetailsType(type)),
  });
  const origins = createWebOrigins(repository);
  const unsubscribe = changes.subscribe(CLIENTS_TOPIC, () => {
    cache.clear();
    origins.clear();
  });
  const context: MetadataContext = {
    signingAlgs: settings.signingAlgs,
    mutualTls: settings.mutualTls,
    minSecretLength: settings.minSecretLength,
    ...(resources
      ? {
          knownScopes: new Set([...OPENID_SCOPES, ...resources.scopes()]),
          isResource: (identifier: string) => resources.find(identifier) !== null,
          isDetailsType: (type: string) => resources.findDetailsType(type) !== null,
        }
      : {}),
  };
  const find = (id: string) => (clientIdPattern.test(id) ? cache.find(id) : Promise.resolve(null));
  const seal = (id: string, secret: string) => sealer.seal(secret, secretContextOf(id));

  /** The row is there; its audit line must not be what fails. */
  async function record(type: AuditEventType, clientId: string, { actorId }: By = {}): Promise<void> {
    try {
      await audit?.record({ type, outcome: 'success', clientId, ...(actorId ? { actorId } : {}) });
    } catch (error) {
      log.error({ err: error, client_id: clientId }, `${type} could not be recorded`);
    }
  }

  function check(input: unknown, source: ClientSource): CheckedMetadata {
    const outcome = checkMetadata(input, { ...context, builtIn: source === 'built_in' });
    if (!outcome.ok) throw invalidMetadata(outcome.faults);
    const { metadata } = outcome.value;
    // What a client says of itself must not widen what it may do.
    if (source === 'registered' && (metadata.first_party || !metadata.require_pkce)) {
      throw invalidMetadata([{ path: metadata.first_party ? 'first_party' : 'require_pkce', message: 'is for the operator to decide' }]);
    }
    if (source === 'registered' && metadata.grant_types.includes(CIBA))
      throw invalidMetadata([{ path: 'grant_types', message: `${CIBA} is for applications that the operator made` }]);
    return outcome.value;
  }

  async function update(id: string, patch: Record<string, unknown>, by: By & { asServer?: boolean } = {}): Promise<CreatedClient> {
    if (typeof patch !== 'object' || patch === null || Array.isArray(patch))
      throw invalidMetadata([{ path: '', message: 'must be an object of client metadata' }]);
    const given = Object.hasOwn(patch, 'client_id') && patch.client_id !== id;
    if (given) throw invalidMetadata([{ path: 'client_id', message: 'cannot be changed' }]);
    const now = await repository.find(id);
    if (!now) throw clientNotFound();
    if (!by.asServer) requireOperatorsPart(now, patch);
    // Before the lock: nobody waits for somebody else's server with it.
    const { metadata: wanted } = check(layOver(describeClient(toClient(now)), patch), now.source as ClientSource);
    await requireSector(wanted, { fetchSector, source: now.source as ClientSource, before: describeClient(toClient(now)) });
    const outcome = await changes.write(CLIENTS_TOPIC, async (tx) => {
      const row = await repository.find(id, tx);
      if (!row) throw clientNotFound();
      const before = toClient(row);
      const { clientSecret, name, metadata, warnings } = check(layOver(describeClient(before), patch), before.source);
      const needsSecret = SECRET_METHODS.has(metadata.token_endpoint_auth_method);
      const made = needsSecret && !clientSecret && !row.secret ? randomId() : undefined;
      const secret = clientSecret ?? made;
      const at = nowDate();
      const secrets = !needsSecret
        ? { secret: null, previousSecret: null, previousSecretExpiresAt: null }
        : secret
          ? {
              secret: seal(id, secret),
              previousSecret: row.secret,
              previousSecretExpiresAt: row.secret ? addSeconds(at, settings.secretGraceSeconds) : null,
            }
          : {};
      const data = { ...toColumns(metadata, name ?? id), ...secrets, updatedAt: at };
      await repository.update(tx, id, data);
      const changed = findSectorWarnings(describeClient(before), metadata);
      return { client: toClient({ ...row, ...data }), warnings: [...warnings, ...changed], ...(made ? { clientSecret: made } : {}) };
    });
    await record('client.updated', id, by);
    return outcome;
  }

  const selfRegistered = createSelfRegisteredClients({
    ...{ repository, changes, context, fetchSector, settings, seal, log },
    makeId: makeClientId,
    open: (row) => openEntry(row, sealer).secret,
    revokeByClient: grants.revokeByClient,
    record: (type, clientId) => record(type, clientId),
  });

  return {
    ...selfRegistered,

    async create(input, { source, ...by }) {
      const { clientId, clientSecret, name, metadata, warnings } = check(input, source);
      await requireSector(metadata, { fetchSector, source });
      const id = clientId ?? makeClientId();
      const made = SECRET_METHODS.has(metadata.token_endpoint_auth_method) && !clientSecret ? randomId() : undefined;
      const secret = clientSecret ?? made;
      const at = nowDate();
      const row = newRow(toColumns(metadata, name ?? id), { id, source, at, secret: secret ? seal(id, secret) : null });
      try {
        await changes.write(CLIENTS_TOPIC, (tx) => repository.insert(tx, row));
      } catch (error) {
        throw repository.isTaken(error) ? idTaken() : error;
      }
      await record('client.created', id, by);
      return { client: toClient(row), warnings, ...(secret ? { clientSecret: secret } : {}) };
    },

    find: async (id) => (await find(id))?.client ?? null,
    findProviderMetadata: (id) => find(id).then((entry) => entry?.providerMetadata),
    firstPartyOrigins: origins.find,

    async isPreviousSecret(id, secret) {
      const entry = await find(id);
      const expiresAt = entry?.client.previousSecretExpiresAt;
      if (!entry?.previousSecret || !expiresAt || expiresAt.getTime() <= now()) return false;
      return safeEqual(entry.previousSecret, secret);
    },

    async list({ cursor, limit = 50 } = {}) {
      const size = Math.min(Math.max(1, limit), MAX_PAGE);
      const rows = await repository.list(size + 1, cursor === undefined ? undefined : readCursor(cursor));
      const last = rows.length > size ? rows[size - 1] : undefined;
      return { clients: rows.slice(0, size).map(toClient), nextCursor: last ? writeCursor(last) : null };
    },

    update,

    async rotateSecret(id, { graceSeconds = settings.secretGraceSeconds, ...by } = {}) {
      if (!Number.isSafeInteger(graceSeconds) || graceSeconds < 0)
        throw invalidMetadata([{ path: 'grace_seconds', message: 'must be a whole number of seconds' }]);
      const clientSecret = randomId();
      const client = await changes.write(CLIENTS_TOPIC, async (tx) => {
        const row = await repository.find(id, tx);
        if (!row) throw clientNotFound();
        requireOperators(row);
        if (!row.secret) throw hasNoSecret();
        const at = nowDate();
        const data = {
          secret: seal(id, clientSecret),
          previousSecret: row.secret,
          previousSecretExpiresAt: addSeconds(at, graceSeconds),
          updatedAt: at,
        };
        await repository.update(tx, id, data);
        return toClient({ ...row, ...data });
      });
      await record('client.secret_rotated', id, by);
      return { client, clientSecret, previousSecretExpiresAt: client.previousSecretExpiresAt ?? nowDate() };
    },

    async delete(id, by) {
      const row = clientIdPattern.test(id) ? await repository.find(id) : null;
      if (!row) throw clientNotFound();
      requireOperators(row);
      // Before, so that a failure leaves a client that can be deleted again; after, for what was given in between.
      await grants.revokeByClient(id);
      const deleted = await changes.write(CLIENTS_TOPIC, (tx) => repository.delete(tx, id));
      await grants.revokeByClient(id);
      if (!deleted) throw clientNotFound();
      await record('client.deleted', id, by);
    },

    applyDeclared: (list) =>
      applyDeclared(list, { repository, changes, sealer, context, record, fetchSector, secretGraceSeconds: settings.secretGraceSeconds }),

    close: unsubscribe,
  };
}
