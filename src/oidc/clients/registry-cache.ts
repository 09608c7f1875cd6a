import { LRUCache } from 'lru-cache';
import type { Sealer } from '../../platform/crypto/index.js';
import { SealError } from '../../platform/crypto/index.js';
import type { Logger } from '../../platform/log/index.js';
import { type IsDetailsType, type ProviderMetadata, toProviderMetadata } from './provider-metadata.js';
import { type Client, type ClientRow, toClient } from './record.js';
import type { ClientRepository } from './repository.js';

/** A client with its secrets open: kept in memory only, and never logged. */
export type ClientEntry = {
  client: Client;
  secret: string | null;
  previousSecret: string | null;
  providerMetadata: ProviderMetadata;
};

/** Where a secret is sealed to: it opens for its own client only. */
export const secretContextOf = (id: string) => `client-secret:${id}`;

/** @throws SealError when a secret was altered or belongs to another client */
export function openEntry(row: ClientRow, sealer: Pick<Sealer, 'open'>, isDetailsType?: IsDetailsType): ClientEntry {
  const open = (sealed: string | null) => (sealed === null ? null : sealer.open(sealed, secretContextOf(row.id)));
  const client = toClient(row);
  const secret = open(row.secret);
  return { client, secret, previousSecret: open(row.previousSecret), providerMetadata: toProviderMetadata(client, secret, isDetailsType) };
}

export type RegistryCache = { find(id: string): Promise<ClientEntry | null>; clear(): void };

/**
 * Clients in memory, as many as are in use, and trusted as long as changes are heard of in time: a process that hears of none asks the database. Who is not found is asked for again: a new client works at once everywhere, and made-up ids fill nothing.
 */
export function createRegistryCache({
  repository,
  sealer,
  log,
  isUpToDate,
  size,
  isDetailsType,
}: {
  repository: Pick<ClientRepository, 'find'>;
  sealer: Pick<Sealer, 'open'>;
  log: Pick<Logger, 'error'>;
  isUpToDate: () => boolean | Promise<boolean>;
  size: number;
  isDetailsType?: IsDetailsType | undefined;
}): RegistryCache {
  const entries = new LRUCache<string, ClientEntry>({ max: size });
  let generation = 0;

  async function load(id: string): Promise<ClientEntry | null> {
    const begunIn = generation;
    const row = await repository.find(id);
    if (!row) return null;
    try {
      const entry = openEntry(row, sealer, isDetailsType);
      // What was read before a change must not be kept after it.
      if (begunIn === generation) entries.set(id, entry);
      return entry;
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      log.error({ client_id: id }, 'the secret of a client does not open: it was altered, or sealed under another key; rotate it');
      return null;
    }
  }

  return {
    async find(id) {
      // Without waiting where there is nothing to wait for: every request asks for its client.
      const upToDate = isUpToDate();
      return ((upToDate === true || (await upToDate)) && entries.get(id)) || load(id);
    },
    clear() {
      generation++;
      entries.clear();
    },
  };
}
