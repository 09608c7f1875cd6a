import { AsyncLocalStorage } from 'node:async_hooks';
import type { KeyObject } from 'node:crypto';
import type { Adapter, AdapterPayload, ClientMetadata } from 'oidc-provider';
import {
  createAdapterFactory,
  createPurge,
  createRefreshUses,
  createTokenWrites,
  isKey,
  type RefreshTokenReuse,
  type RequestContext,
} from '../../src/oidc/adapter/index.js';
import { createConsents, createGrants } from '../../src/oidc/grants/index.js';
import { createSessions } from '../../src/oidc/sessions/index.js';
import { nowDate, nowSeconds } from '../../src/platform/clock.js';
import { createSealer, randomId } from '../../src/platform/crypto/index.js';
import type { Database } from '../../src/platform/db/index.js';

export type Store = ReturnType<typeof buildStore>;

/** The store over an open database, with the registry of clients replaced by a map. Needs no test runner, so child processes use it too. */
export function buildStore({
  db,
  dataKey,
  hmacPepper,
  refreshReuseWindowSeconds = 10,
}: {
  db: Database;
  dataKey: Buffer;
  hmacPepper: KeyObject;
  refreshReuseWindowSeconds?: number;
}) {
  const secrets = { sealer: createSealer(dataKey), hmacPepper };
  const clients = new Map<string, ClientMetadata>();
  const requests = new AsyncLocalStorage<RequestContext>();
  const unreadable: string[] = [];
  const reuses: RefreshTokenReuse[] = [];
  const refreshUses = createRefreshUses({ certificateThumbprint: (ctx) => ctx.get('test-certificate') || undefined });
  const tokenWrites = createTokenWrites({ db });
  const plainFactory = createAdapterFactory({
    db,
    secrets,
    clients: {
      find: async (id) => clients.get(id),
      upsert: async (id, metadata) => void clients.set(id, metadata),
      destroy: async (id) => void clients.delete(id),
    },
    requestContext: () => requests.getStore(),
    onUnreadable: (place) => unreadable.push(place),
    refreshUses,
    tokenWrites,
    refreshReuseWindowSeconds,
    onRefreshTokenReuse: (reuse) => reuses.push(reuse),
  });
  const exist = createExistence(db);
  /** People and applications that a payload names exist, unless a test takes them away: a test of the store is about neither. */
  const factory = (kind: string): Adapter => {
    const plain = plainFactory(kind);
    return {
      ...plain,
      async upsert(id, payload, expiresIn) {
        await exist(payload);
        await plain.upsert(id, payload, expiresIn);
      },
    };
  };
  const adapters = new Map<string, Adapter>();
  const adapter = (kind: string): Adapter => {
    const known = adapters.get(kind) ?? factory(kind);
    adapters.set(kind, known);
    return known;
  };
  return {
    db,
    secrets,
    clients,
    factory,
    adapter,
    unreadable,
    refreshUses,
    tokenWrites,
    reuses,
    sessions: createSessions({ db, sealer: secrets.sealer, notices: { statements: async () => [], wake() {} } }),
    grants: createGrants({ db, sealer: secrets.sealer }),
    consents: createConsents({ db }),
    purge: createPurge({ db, batchSize: 20 }),
    /** Runs as our own pages do: outside of the library, telling the store who asks and with which session. */
    asRequest: <T>(context: RequestContext, run: () => Promise<T>) => requests.run(context, run),
    async addGrant(id = randomId(), payload: AdapterPayload = {}): Promise<string> {
      await adapter('Grant').upsert(id, { accountId: 'person', clientId: 'app', ...payload, ...lasting(3600), kind: 'Grant', jti: id });
      return id;
    },
  };
}

/** When a payload begins and ends, as the library writes it. */
export const lasting = (seconds: number) => ({ iat: nowSeconds(), exp: nowSeconds() + seconds });

/** Makes each account and client once. */
function createExistence(db: Database) {
  const made = new Map<string, Promise<unknown>>();
  const once = (key: string, make: () => Promise<unknown>) => {
    const known = made.get(key) ?? make();
    made.set(key, known);
    return known;
  };
  return async (payload: AdapterPayload) => {
    const at = nowDate();
    const accountId = payload.result?.login?.accountId ?? payload.accountId;
    if (isKey(accountId)) {
      await once(
        `account ${accountId}`,
        () => db.client.$executeRaw`INSERT INTO accounts (id, email, created_at, updated_at)
          VALUES (${accountId}, ${`${accountId}@example.com`}, ${at}, ${at}) ON CONFLICT DO NOTHING`,
      );
    }
    const { clientId } = payload;
    if (isKey(clientId)) {
      await once(
        `client ${clientId}`,
        () => db.client.$executeRaw`INSERT INTO clients
          (id, name, source, token_endpoint_auth_method, redirect_uris, grant_types, created_at, updated_at)
          VALUES (${clientId}, ${clientId}, ${'operator'}, ${'none'}, ${'[]'}, ${'[]'}, ${at}, ${at}) ON CONFLICT DO NOTHING`,
      );
    }
  };
}
