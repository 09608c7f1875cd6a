/** What both sides know alike: the client, its scopes and claims, the resources, the people. */

export const ISSUER = 'https://login.bench.example';
export const HASH = { memoryKib: 19_456, passes: 2, lanes: 1 };
export const PASSWORD = 'correct horse battery staple 42';
export const JWT_API = 'https://jwt.bench.example';
export const OPAQUE_API = 'https://opaque.bench.example';
export const PEOPLE = 64;
export const emailOf = (person: number): string => `person${person}@bench.example`;

const scope = 'openid profile email offline_access';

export const application = {
  client_id: 'application',
  client_secret: 'a-secret-of-the-application-long-enough-to-be-one',
  client_name: 'Application',
  redirect_uris: ['https://app.bench.example/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  scope,
};

export const service = {
  client_id: 'service',
  client_secret: 'a-secret-of-the-service-that-is-long-enough-to-be-one',
  client_name: 'Service',
  redirect_uris: [],
  grant_types: ['client_credentials'],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_basic',
};

export const resources = [
  { identifier: JWT_API, name: 'JWT', scopes: ['orders:read'], access_token_format: 'jwt', access_token_ttl_seconds: 900 },
  { identifier: OPAQUE_API, name: 'Opaque', scopes: ['orders:read'], access_token_format: 'opaque', access_token_ttl_seconds: 900 },
];
