import { createSecretKey, randomBytes } from 'node:crypto';
import type { AdapterPayload } from 'oidc-provider';
import { nowSeconds } from '../../src/platform/clock.js';
import type { Database } from '../../src/platform/db/index.js';
import { createTestDatabase } from './database.js';
import { buildStore, lasting } from './store.js';

export { lasting } from './store.js';

/** The models that share a table, and the three that have their own. */
export const artifactKinds = [
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'ClientCredentials',
  'InitialAccessToken',
  'RegistrationAccessToken',
  'DeviceCode',
  'Interaction',
  'ReplayDetection',
  'BackchannelAuthenticationRequest',
  'PreAuthorizedCode',
  'PushedAuthorizationRequest',
] as const;
export const allKinds = [...artifactKinds, 'Grant', 'Session', 'Client'] as const;
export const grantKinds = [
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PreAuthorizedCode',
] as const;
export const singleUseKinds = [...grantKinds.filter((kind) => kind !== 'AccessToken'), 'PushedAuthorizationRequest'] as const;

export type TestStore = Awaited<ReturnType<typeof openTestStore>>;

/** The store on a database of its own. */
export async function openTestStore(provider: Database['provider'], options: { refreshReuseWindowSeconds?: number } = {}) {
  const { db, url, drop } = await createTestDatabase(provider);
  const keys = { dataKey: randomBytes(32), hmacPepper: createSecretKey(randomBytes(32)) };
  return { ...buildStore({ db, ...keys, ...options }), ...keys, url, drop };
}

/** A payload such as the library saves for a kind, with secrets in every place where the library puts some. */
export function examplePayload(kind: string, id: string, over: AdapterPayload = {}): AdapterPayload {
  const base = { ...lasting(600), kind, jti: id };
  const example: Record<string, AdapterPayload> = {
    Session: { uid: `uid-${id}`, accountId: 'person', loginTs: nowSeconds(), state: { secret: `state-secret-${id}` } },
    Client: { client_id: id, client_name: 'An application', redirect_uris: ['https://app.example/cb'] },
    Grant: { accountId: 'person', clientId: 'app', ...{ openid: { scope: 'openid' } } },
    Interaction: {
      session: { accountId: 'person', uid: 'u', cookie: `session-cookie-${id}` },
      params: { client_id: 'app', state: `state-${id}` },
      deviceCode: `device-code-${id}`,
      parJti: `par-${id}`,
    },
    DeviceCode: { clientId: 'app', userCode: `UC${id.replace(/\W/g, '').toUpperCase()}`, params: { scope: 'openid' } },
    ReplayDetection: { iss: 'app' },
    PushedAuthorizationRequest: { request: `request-object-${id}` },
    InitialAccessToken: { policies: ['a'] },
    ClientCredentials: { clientId: 'app', scope: 'read' },
    RegistrationAccessToken: { clientId: 'app' },
  };
  return { ...base, ...(example[kind] ?? { clientId: 'app', accountId: 'person', scope: 'openid', nonce: `nonce-${id}` }), ...over };
}

/** Every text in every row of the database: what somebody with a copy of it reads. */
export async function allText(db: Database): Promise<string> {
  const tables = ['artifacts', 'sessions', 'grants', 'consents', 'one_time_tokens', 'limit_counters', 'clients', 'audit_events'];
  const rows = await Promise.all(tables.map((table) => db.client.$queryRawUnsafe(`SELECT * FROM ${table}`)));
  return JSON.stringify(rows);
}

/** How many of these settle well; the errors of the rest. */
export async function settle(promises: Promise<unknown>[]): Promise<{ won: number; errors: Error[] }> {
  const results = await Promise.allSettled(promises);
  return {
    won: results.filter(({ status }) => status === 'fulfilled').length,
    errors: results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : [])),
  };
}

export const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
