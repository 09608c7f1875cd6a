import { type Clients, type ClientsDeps, createClients } from '../../src/oidc/clients/index.js';
import { createResources, parseResources } from '../../src/oidc/resources/index.js';
import { type ChangeFeed, createChangeFeed } from '../../src/platform/changes/index.js';
import { createSealer } from '../../src/platform/crypto/index.js';
import { openDatabase } from '../../src/platform/db/index.js';
import type { TestDatabase } from './database.js';

export type TestRegistry = {
  clients: Clients;
  changes: ChangeFeed;
  revoked: string[];
  audited: { type: string }[];
  logged: unknown[];
  close(): Promise<void>;
};

/**
 * The registry of clients as one process has it. On PostgreSQL each has a connection of its own; on SQLite a second one in this very process could only
 * wait by blocking the event loop that the first one needs.
 */
export async function openRegistry(database: TestDatabase, deps: Partial<ClientsDeps> = {}): Promise<TestRegistry> {
  const own = database.db.provider === 'postgresql';
  const db = own ? await openDatabase({ url: database.url }) : database.db;
  const changes = createChangeFeed({ db });
  const [revoked, audited, logged]: [string[], { type: string }[], unknown[]] = [[], [], []];
  const write = (...entry: unknown[]) => void logged.push(entry);
  const clients = createClients({
    db,
    sealer: createSealer(Buffer.alloc(32, 1)),
    changes,
    grants: { revokeByClient: async (id) => void revoked.push(id) },
    resources: createResources({
      declared: parseResources([{ identifier: 'https://api.example', name: 'API', scopes: ['orders:read', 'orders:write'] }]),
    }),
    audit: { record: async (event) => void audited.push(event) },
    log: { info: write, warn: write, error: write },
    ...deps,
  });
  return {
    clients,
    changes,
    revoked,
    audited,
    logged,
    async close() {
      clients.close();
      await changes.stop();
      if (own) await db.close();
    },
  };
}

export const webClient = { redirect_uris: ['https://app.example/callback'], client_name: 'An application' };
