import { z } from 'zod';
import type { Identity } from '../../identity/index.js';
import { empty, endpoint, invalidToken, json, problem } from '../endpoint/index.js';
import type { AuthDeps } from './deps.js';

const apiKeySchema = z
  .object({
    id: z.string(),
    prefix: z.string().meta({ description: 'How the key begins.' }),
    name: z.string(),
    permissions: z.array(z.string()),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable(),
    last_used_at: z.iso.datetime().nullable().meta({ description: 'To the minute.' }),
  })
  .meta({ id: 'ApiKey' });

type ApiKey = Awaited<ReturnType<Identity['apiKeys']['list']>>[number];

const toShape = ({ id, prefix, name, permissions, createdAt, expiresAt, lastUsedAt }: ApiKey) => ({
  id,
  prefix,
  name,
  permissions,
  created_at: createdAt.toISOString(),
  expires_at: expiresAt?.toISOString() ?? null,
  last_used_at: lastUsedAt?.toISOString() ?? null,
});

/** Keys with which one's own programs act for one's account. Only who has signed in manages them: a key makes no other key. */
export function createApiKeyEndpoints({ identity: { apiKeys } }: AuthDeps) {
  const create = endpoint({
    method: 'POST',
    path: '/auth/api-keys',
    operationId: 'createApiKey',
    summary: 'Make an API key',
    description: 'The key is told this once. It may do what is in `permissions`, as long as its owner may.',
    tags: ['API keys'],
    auth: 'bearer',
    body: z.object({
      name: z.string(),
      permissions: z
        .array(z.string())
        .max(100)
        .meta({ examples: [['profile:read']] }),
      expires_at: z.iso.datetime({ offset: true }).nullish().meta({ description: 'Left out: never.' }),
    }),
    answers: {
      201: json('Made.', z.object({ key: z.string(), api_key: apiKeySchema })),
      409: problem('An account has at most 50 keys (`api_keys.too_many`).'),
      422: problem('Members that do not fit, or a permission that the owner does not have (`api_keys.permission_not_held`).'),
    },
    async handle({ body, caller, request }) {
      // The generation below must be one under which this sign-in was alive.
      if (!(await caller.isStillSignedIn())) throw invalidToken();
      const { id: accountId, signInGeneration: generation } = caller.account;
      const { name, permissions, expires_at: end } = body;
      const expiresAt = end ? new Date(end) : undefined;
      const made = await apiKeys.create({ accountId, name, permissions, expiresAt, generation, ip: request.ip });
      return { status: 201, body: { key: made.key, api_key: toShape(made.apiKey) } };
    },
  });

  const list = endpoint({
    method: 'GET',
    path: '/auth/api-keys',
    operationId: 'listApiKeys',
    summary: 'One’s own API keys',
    tags: ['API keys'],
    auth: 'bearer',
    answers: { 200: json('Newest first.', z.object({ api_keys: z.array(apiKeySchema) })) },
    handle: async ({ caller }) => ({ status: 200, body: { api_keys: (await apiKeys.list(caller.account.id)).map(toShape) } }),
  });

  const revoke = endpoint({
    method: 'DELETE',
    path: '/auth/api-keys/{id}',
    operationId: 'revokeApiKey',
    summary: 'Revoke one of one’s own API keys',
    tags: ['API keys'],
    auth: 'bearer',
    params: z.object({ id: z.string().max(128) }),
    answers: { 204: empty('Revoked.'), 404: problem('No such key of this account (`api_keys.not_found`).') },
    async handle({ params, caller, request }) {
      await apiKeys.revoke(params.id, { accountId: caller.account.id, ip: request.ip });
      return { status: 204 };
    },
  });

  return { create, list, revoke };
}
