import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Client metadata in RFC 7591 names, with our own members. */
export type DeclaredClient = { client_id: string; client_secret?: string } & Record<string, unknown>;

export const API = 'https://api.example.com';
export const OPAQUE_API = 'https://opaque.example.com';

export const declaredResources = [
  {
    identifier: API,
    name: 'Orders',
    scopes: [
      { name: 'orders:read', description: 'See your orders' },
      { name: 'orders:write', description: 'Change your orders' },
    ],
    access_token_format: 'jwt',
    access_token_ttl_seconds: 600,
  },
  { identifier: OPAQUE_API, name: 'Stock', scopes: [{ name: 'stock:read' }], access_token_format: 'opaque' },
];

/** One client of each kind that applications come in. Nobody listens at their addresses: the tests read where the browser is sent. */
export const clients = {
  shop: {
    client_id: 'shop',
    client_secret: 'a-secret-of-the-shop-long-enough-to-be-one',
    client_name: 'Example Shop',
    redirect_uris: ['https://shop.example.com/callback'],
    post_logout_redirect_uris: ['https://shop.example.com/signed-out'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: 'openid profile email offline_access orders:read orders:write stock:read',
  },
  till: {
    client_id: 'till',
    client_secret: 'a-secret-of-the-till-long-enough-to-be-one',
    client_name: 'Example Till',
    redirect_uris: ['https://till.example.com/callback', 'https://till.example.com/other'],
    post_logout_redirect_uris: ['https://till.example.com/signed-out'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_post',
    scope: 'openid profile email offline_access orders:read',
  },
  spa: {
    client_id: 'spa',
    client_name: 'Example SPA',
    redirect_uris: ['https://spa.example.com/'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
    scope: 'openid profile email',
    profile: 'spa',
  },
  native: {
    client_id: 'native',
    client_name: 'Example App',
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
    scope: 'openid profile',
    profile: 'native',
  },
  ours: {
    client_id: 'ours',
    client_secret: 'a-secret-of-our-own-app-long-enough-to-be-one',
    client_name: 'House App',
    redirect_uris: ['https://ours.example.com/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: 'openid profile email orders:read',
    first_party: true,
  },
  worker: {
    client_id: 'worker',
    client_secret: 'a-secret-of-the-worker-long-enough-to-be-one',
    client_name: 'Nightly Worker',
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: 'orders:read',
    profile: 'service',
  },
  television: {
    client_id: 'television',
    client_name: 'Example Television',
    application_type: 'native',
    redirect_uris: [],
    response_types: [],
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
    scope: 'openid profile email offline_access orders:read',
  },
} satisfies Record<string, DeclaredClient>;

export type ClientName = keyof typeof clients;

/** Writes declarations where CLIENTS_FILE and RESOURCES_FILE may name them. */
export function declare({
  clients: declared = Object.values(clients),
  resources = declaredResources,
}: {
  clients?: readonly DeclaredClient[];
  resources?: readonly object[];
} = {}): { env: { CLIENTS_FILE: string; RESOURCES_FILE: string }; remove(): void } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-declared-'));
  const env = { CLIENTS_FILE: path.join(folder, 'clients.json'), RESOURCES_FILE: path.join(folder, 'resources.json') };
  writeFileSync(env.CLIENTS_FILE, JSON.stringify(declared));
  writeFileSync(env.RESOURCES_FILE, JSON.stringify(resources));
  return { env, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
