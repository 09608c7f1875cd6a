import { LRUCache } from 'lru-cache';
import type { AuditEventType } from '../../platform/audit/index.js';
import type { ChangeFeed } from '../../platform/changes/index.js';
import { addSeconds, now, nowDate } from '../../platform/clock.js';
import { randomId, safeEqual, sha256 } from '../../platform/crypto/index.js';
import type { Transaction } from '../../platform/db/index.js';
import type { ErrorDetail } from '../../platform/errors.js';
import type { Logger } from '../../platform/log/index.js';
import { SECRET_METHODS } from './capabilities.js';
import { invalidMetadata, invalidToken } from './errors.js';
import type { CheckedMetadata, MetadataContext } from './metadata.js';
import { type Client, type ClientRow, describeClient, newRow, toClient, toColumns } from './record.js';
import { CLIENTS_TOPIC, type ClientRepository } from './repository.js';
import { type FetchSector, requireSector } from './sectors.js';
import { checkOwnMetadata, type OwnWords } from './unverified.js';

/** `managementToken` and `clientSecret` are for the client alone; the token is told once, the secret each time it shows its token. */
export type Registration = { client: Client; clientSecret?: string; managementToken?: string; warnings: ErrorDetail[] };

/** Clients that nobody of this installation made. */
export type SelfRegisteredClients = {
  /**
   * Registers what a client says of itself (RFC 7591).
   * @param options.admit runs after the metadata was found good and before anybody else is asked about it
   * @param options.alongside what must be written in the same transaction, or nothing is
   * @throws AppError `clients.invalid`, and what the two throw
   */
  register(
    metadata: unknown,
    options?: { admit?: () => Promise<void>; alongside?: ((tx: Transaction) => Promise<void>) | undefined },
  ): Promise<Registration>;
  /** The registration that a token manages (RFC 7592, section 2.1). @throws AppError `clients.invalid_token` alike for unknown clients and wrong tokens */
  findRegistration(id: string, token: string): Promise<Registration>;
  /**
   * Puts other metadata in the place of all there was, and another token in the place of the one that is shown: of several requests with one token, one
   * is done. @throws AppError `clients.invalid_token`, `clients.invalid`
   */
  replaceRegistration(id: string, token: string, metadata: unknown): Promise<Registration>;
  /** Deletes the client with everything it was given. @throws AppError `clients.invalid_token` */
  deleteRegistration(id: string, token: string): Promise<void>;
  /**
   * Checks a document and makes a client of it that is stored nowhere.
   * @throws AppError `clients.invalid`
   */
  readDocument(id: string, document: unknown): Promise<Client>;
  /** Stores the client of a document, or what has changed in it: what it is given rests on a row. An operator's client of that id stays as it is. */
  keepDocument(client: Client): Promise<void>;
  /** Notes that such a client was used, at most once a day and beside whatever goes on. Never throws. */
  noteUse(id: string): void;
  /** Waits for what is being noted. */
  flushUses(): Promise<void>;
  /** Deletes those that were never used, or not for long. @returns how many */
  deleteUnused(): Promise<number>;
};

export type SelfRegisteredSettings = {
  /** how long one that was never used is kept, and one that was */
  neverUsedSeconds: number;
  idleSeconds: number;
};

type Deps = {
  repository: ClientRepository;
  changes: Pick<ChangeFeed, 'write'>;
  context: MetadataContext;
  fetchSector: FetchSector;
  settings: SelfRegisteredSettings;
  makeId: () => string;
  seal: (id: string, secret: string) => string;
  open: (row: ClientRow) => string | null;
  revokeByClient(id: string): Promise<unknown>;
  record: (type: AuditEventType, clientId: string, detail?: Record<string, string | number>) => Promise<void>;
  log: Pick<Logger, 'error'>;
};

const NOTED_SECONDS = 86_400;
const BATCH = 100;

export function createSelfRegisteredClients(deps: Deps): SelfRegisteredClients {
  const { repository, changes, context, fetchSector, settings, seal, record } = deps;
  const noted = new LRUCache<string, true>({ max: 10_000, ttl: NOTED_SECONDS * 1000, ttlResolution: 0, perf: { now } });
  const underWay = new Set<Promise<unknown>>();

  function check(input: unknown, words: OwnWords): CheckedMetadata {
    const outcome = checkOwnMetadata(input, words, context);
    if (!outcome.ok) throw invalidMetadata(outcome.faults);
    return outcome.value;
  }

  const needsSecret = ({ metadata }: CheckedMetadata) => SECRET_METHODS.has(metadata.token_endpoint_auth_method);

  async function requireToken(id: string, token: string): Promise<ClientRow> {
    const row = await repository.find(id);
    // Also where there is no such client the hashes are compared.
    const known = safeEqual(sha256(token), row?.managementTokenHash ?? '');
    if (row?.source !== 'registered' || !known) throw invalidToken();
    return row;
  }

  function registrationOf(row: ClientRow, more: Partial<Registration> = {}): Registration {
    const secret = deps.open(row);
    return { client: toClient(row), ...(secret === null ? {} : { clientSecret: secret }), warnings: [], ...more };
  }

  /** Deletes, and then ends what the client was given. Nothing can be given to a client that is gone. */
  async function remove(condition: (tx: Transaction) => Promise<string[]>): Promise<string[]> {
    const ids = await changes.write(CLIENTS_TOPIC, condition);
    for (const id of ids) await deps.revokeByClient(id);
    return ids;
  }

  return {
    async register(input, { admit, alongside } = {}) {
      const checked = check(input, 'registration');
      await admit?.();
      const { metadata, name, warnings } = checked;
      await requireSector(metadata, { fetchSector, source: 'registered' });
      const [id, managementToken, at] = [deps.makeId(), randomId(), nowDate()];
      const row = newRow(toColumns(metadata, name ?? id), {
        id,
        source: 'registered',
        at,
        secret: needsSecret(checked) ? seal(id, randomId()) : null,
        managementTokenHash: sha256(managementToken),
        unusedUntil: addSeconds(at, settings.neverUsedSeconds),
      });
      // A new client changes nothing that anybody has in memory, so strangers do not make every process forget all clients.
      await repository.insertAlongside(row, alongside);
      await record('client.registered', id);
      return registrationOf(row, { managementToken, warnings });
    },

    findRegistration: async (id, token) => registrationOf(await requireToken(id, token)),

    async replaceRegistration(id, token, input) {
      const before = await requireToken(id, token);
      const checked = check(input, 'registration');
      const { metadata, name, warnings } = checked;
      // Before the lock: nobody waits for somebody else's server with it.
      await requireSector(metadata, { fetchSector, source: 'registered', before: describeClient(toClient(before)) });
      const managementToken = randomId();
      const row = await changes.write(CLIENTS_TOPIC, async (tx) => {
        const current = await repository.find(id, tx);
        if (!current) throw invalidToken();
        const secret = needsSecret(checked) ? (current.secret ?? seal(id, randomId())) : null;
        const data = {
          ...toColumns(metadata, name ?? id),
          ...{ secret, previousSecret: null, previousSecretExpiresAt: null },
          managementTokenHash: sha256(managementToken),
          updatedAt: nowDate(),
        };
        if (!(await repository.updateManaged(tx, { id, tokenHash: sha256(token) }, data))) throw invalidToken();
        return { ...current, ...data };
      });
      await record('client.updated', id);
      return registrationOf(row, { managementToken, warnings });
    },

    async deleteRegistration(id, token) {
      await requireToken(id, token);
      // Before, so that a failure leaves a client that can be deleted again; after, for what was given in between.
      await deps.revokeByClient(id);
      const [deleted] = await remove(async (tx) => ((await repository.deleteManaged(tx, { id, tokenHash: sha256(token) })) ? [id] : []));
      if (!deleted) throw invalidToken();
      await record('client.deleted', id);
    },

    async readDocument(id, document) {
      const { metadata, name } = check(document, 'document');
      await requireSector(metadata, { fetchSector, source: 'document' });
      return toClient(newRow(toColumns(metadata, name ?? id), { id, source: 'document', at: nowDate() }));
    },

    async keepDocument({ id, ...client }) {
      const { client_id: _id, client_name: _name, ...metadata } = describeClient({ id, ...client });
      const columns = toColumns(metadata as CheckedMetadata['metadata'], client.name);
      const isSame = (row: ClientRow) => Object.entries(columns).every(([name, value]) => row[name as keyof ClientRow] === value);
      const before = await repository.find(id);
      if (before && (before.source !== 'document' || isSame(before))) return;
      await changes.write(CLIENTS_TOPIC, async (tx) => {
        const row = await repository.find(id, tx);
        const at = nowDate();
        if (!row)
          await repository.insert(
            tx,
            newRow(columns, { id, source: 'document', at, unusedUntil: addSeconds(at, settings.neverUsedSeconds) }),
          );
        else if (row.source === 'document') await repository.update(tx, id, { ...columns, updatedAt: at });
      });
      if (!before) await record('client.registered', id);
    },

    noteUse(id) {
      if (noted.has(id)) return;
      noted.set(id, true);
      const at = nowDate();
      const work = repository
        .noteUse(id, { at, notedBefore: addSeconds(at, -NOTED_SECONDS), unusedUntil: addSeconds(at, settings.idleSeconds) })
        .catch((error: unknown) => {
          noted.delete(id);
          deps.log.error({ err: error, client_id: id }, 'the use of a client could not be noted');
        })
        .finally(() => underWay.delete(work));
      underWay.add(work);
    },

    async flushUses() {
      await Promise.all(underWay);
    },

    async deleteUnused() {
      let deleted = 0;
      for (let last = BATCH; last >= BATCH; ) {
        const ids = await repository.listUnused(nowDate(), BATCH);
        // Each is looked at again with the deletion: it may just have been used.
        const gone = ids.length === 0 ? [] : await remove((tx) => repository.deleteUnused(tx, ids, nowDate()));
        deleted += gone.length;
        last = ids.length;
      }
      return deleted;
    },
  };
}
