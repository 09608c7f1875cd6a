/**
 * The yardstick: oidc-provider alone, with its in-memory adapter and its own way of signing in, and argon2 alone for what is mostly argon2. Same
 * key size, clients, claims and lifetimes as ours, and nothing else: no database, no limits, no audit, no log.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import argon2 from 'argon2';
import Provider, { type ClientMetadata } from 'oidc-provider';
import { application, HASH, ISSUER, PASSWORD, resources, service } from './stage.js';

const signingKey = {
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
  use: 'sig',
  alg: 'RS256',
};
const clientOf = ({ client_name: _name, ...metadata }: typeof application | typeof service) => metadata as ClientMetadata;

// The library says on the console that its development interactions are on.
console.info = () => undefined;
console.warn = () => undefined;

const provider = new Provider(ISSUER, {
  clients: [clientOf(application), { ...clientOf(service), scope: 'orders:read' }],
  jwks: { keys: [signingKey] },
  routes: {
    authorization: '/authorize',
    token: '/token',
    userinfo: '/userinfo',
    introspection: '/introspect',
    jwks: '/.well-known/jwks.json',
  },
  scopes: ['openid', 'offline_access', 'profile', 'email', 'orders:read'],
  claims: { email: ['email', 'email_verified'], profile: ['given_name', 'family_name', 'name', 'preferred_username', 'updated_at'] },
  cookies: { keys: [randomBytes(32).toString('base64')] },
  pkce: { required: () => true },
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: 900,
    AuthorizationCode: 60,
    ClientCredentials: 900,
    Grant: 2_592_000,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: 604_800,
    Session: 86_400,
  },
  findAccount: async (_ctx, accountId) => ({
    accountId,
    claims: async () => ({
      sub: accountId,
      email: accountId,
      email_verified: true,
      given_name: 'Ada',
      family_name: 'Example',
      name: 'Ada Example',
      updated_at: 1_767_225_600,
    }),
  }),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async () => true },
    userinfo: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => false,
      getResourceServerInfo: (_ctx, identifier) => ({
        scope: 'orders:read',
        audience: identifier,
        accessTokenTTL: 900,
        accessTokenFormat:
          resources.find((resource) => resource.identifier === identifier)?.access_token_format === 'jwt' ? 'jwt' : 'opaque',
      }),
    },
  },
});
// The load comes as from a proxy that speaks https, on both sides.
provider.proxy = true;

const options = { type: argon2.argon2id, memoryCost: HASH.memoryKib, timeCost: HASH.passes, parallelism: HASH.lanes } as const;
const hash = await argon2.hash(PASSWORD, options);
const handle = provider.callback();

async function answerWithArgon2(path: string, response: ServerResponse): Promise<void> {
  const good = path === '/argon2/verify' ? await argon2.verify(hash, PASSWORD) : (await argon2.hash(PASSWORD, options)).length > 0;
  response.writeHead(good ? 200 : 500, { 'content-type': 'application/json' }).end('{}');
}

const server = createServer((request, response) => {
  const path = request.url ?? '';
  if (path.startsWith('/argon2/')) void answerWithArgon2(path, response);
  else void handle(request, response);
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
