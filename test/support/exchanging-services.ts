import * as oidc from 'openid-client';
import { Browserless } from './browserless.js';
import { API, clients, declare, declaredResources, OPAQUE_API } from './declarations.js';
import { createPerson } from './people.js';
import { createRelyingParty, obtainTokens, type RelyingParty, type SignedIn, startDeclaredServer } from './relying-party.js';
import type { TestServer, TestServerOptions } from './server.js';

export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
export const WAREHOUSE = 'https://warehouse.example.com';
export const PACKERS = 'https://packers.example.com';
export const SERVICE_SECRET = 'a-secret-of-a-service-long-enough-to-be-one';

/** A service's metadata with what it may exchange. */
export const serviceOf = (name: string, token_exchange: object) => ({
  client_id: name,
  client_secret: SERVICE_SECRET,
  client_name: name,
  redirect_uris: [],
  grant_types: ['client_credentials', EXCHANGE],
  profile: 'service',
  scope: 'orders:read orders:write',
  token_exchange,
});

const services = [
  // What the Orders API is, towards this server: it is shown tokens for itself, and asks others on behalf of whoever holds them.
  serviceOf('orders', { subject_audiences: [API], audiences: [WAREHOUSE, API], delegation: true }),
  serviceOf('warehouse', { subject_audiences: [WAREHOUSE], audiences: [PACKERS, WAREHOUSE], delegation: true, impersonation: true }),
  serviceOf('gateway', { subject_audiences: [API], audiences: [WAREHOUSE, OPAQUE_API], impersonation: true }),
];
const resources = [
  ...declaredResources,
  { identifier: WAREHOUSE, name: 'Warehouse', scopes: ['orders:read'], access_token_ttl_seconds: 3600 },
  { identifier: PACKERS, name: 'Packers', scopes: ['orders:read'] },
];

type Exchanged = oidc.TokenEndpointResponse;

/** Services that call each other on behalf of people who use the shop. */
export type ExchangingServices = {
  server: TestServer;
  shop: RelyingParty;
  person: { email: string; password: string };
  browser: Browserless;
  /** A person's token for the Orders API, as an application has it; the same person's, in the same browser, unless it is to be another's. */
  signIn(options?: { scope?: string; another?: boolean }): Promise<SignedIn & { token: string }>;
  configOf(client: string): oidc.Configuration;
  discover(client: string, secret?: string): Promise<oidc.Configuration>;
  ownToken(client: string): Promise<string>;
  /** The parameters by which a service says that it acts. */
  acting(client: string): Promise<{ actor_token: string; actor_token_type: string }>;
  exchange(client: string, subject: string, parameters?: Record<string, string>): Promise<Exchanged>;
  introspect(client: string, token: string): Promise<oidc.IntrospectionResponse>;
  close(): Promise<void>;
};

export async function startExchangingServices(provider: TestServerOptions['provider']): Promise<ExchangingServices> {
  const declared = declare({ clients: [...Object.values(clients), ...services], resources });
  const server = await startDeclaredServer({ provider: provider ?? 'sqlite', env: declared.env });
  const [shop, person] = await Promise.all([createRelyingParty(server, 'shop'), createPerson(server)]);
  const browser = new Browserless();
  const discover = (id: string, secret = SERVICE_SECRET) =>
    oidc.discovery(new URL(server.url), id, undefined, oidc.ClientSecretBasic(secret), { execute: [oidc.allowInsecureRequests] });
  const configs = new Map(await Promise.all(services.map(async ({ client_id: id }) => [id, await discover(id)] as const)));
  const configOf = (client: string) => {
    const config = configs.get(client);
    if (!config) throw new Error(`no service ${client}`);
    return config;
  };
  const ownToken = async (client: string) =>
    (await oidc.clientCredentialsGrant(configOf(client), { resource: client === 'warehouse' ? WAREHOUSE : API })).access_token;
  return {
    server,
    shop,
    person,
    browser,
    async signIn({ scope = 'openid orders:read orders:write', another = false } = {}) {
      const signedIn = await obtainTokens(server, shop, {
        ...(another ? {} : { browser, person }),
        parameters: { scope, resource: API },
        tokenParameters: { resource: API },
      });
      return { ...signedIn, token: signedIn.tokens.access_token };
    },
    configOf,
    discover,
    ownToken,
    acting: async (client) => ({ actor_token: await ownToken(client), actor_token_type: ACCESS_TOKEN }),
    exchange: (client, subject, parameters = {}) =>
      oidc.genericGrantRequest(configOf(client), EXCHANGE, {
        subject_token: subject,
        subject_token_type: ACCESS_TOKEN,
        audience: WAREHOUSE,
        ...parameters,
      }),
    introspect: (client, token) => oidc.tokenIntrospection(configOf(client), token),
    async close() {
      await server.close();
      declared.remove();
    },
  };
}
