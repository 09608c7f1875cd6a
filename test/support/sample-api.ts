import Koa from 'koa';
import inject, { type InjectOptions, type Response } from 'light-my-request';
import { z } from 'zod';
import { createApiEdge, createOpenApiRoutes, type Endpoint, empty, endpoint, json, problem } from '../../src/api/endpoint/index.js';
import type { Account, Permission } from '../../src/identity/index.js';
import { AppError } from '../../src/platform/errors.js';
import { securityHeaders } from '../../src/platform/http/index.js';
import { createLogger } from '../../src/platform/log/index.js';

export const ACCOUNT: Account = {
  id: 'a1',
  email: 'ann@example.com',
  username: null,
  firstName: null,
  lastName: null,
  fullName: null,
  status: 'active',
  emailVerifiedAt: null,
  hasPassword: true,
  passwordSetAt: null,
  roles: ['user'],
  signInGeneration: 0,
  createdAt: new Date(0),
  updatedAt: new Date(0),
};

const itemSchema = z.object({ item_id: z.string(), note: z.string().nullable() }).meta({ id: 'Item' });
const noteSchema = z.object({ note: z.string().min(1).max(20), first_name: z.string().optional(), tags: z.array(z.string()).optional() });

/** Endpoints of every kind, without a database. */
export const sampleEndpoints: Endpoint[] = [
  endpoint({
    method: 'GET',
    path: '/api/items/{id}',
    operationId: 'getItem',
    summary: 'An item',
    tags: ['Items'],
    auth: 'bearer_or_api_key',
    permission: 'user:read',
    params: z.object({ id: z.string().regex(/^[a-z0-9]+$/) }),
    query: z.object({ limit: z.coerce.number().int().min(1).max(200).optional() }),
    answers: { 200: json('The item.', itemSchema) },
    handle: async ({ params, query, caller }) => ({
      status: 200,
      body: { item_id: params.id, note: `${caller.via} ${query.limit ?? 'none'}`, secret: 'never sent' },
    }),
  }),
  endpoint({
    method: 'GET',
    path: '/api/items/latest',
    operationId: 'getLatestItem',
    summary: 'The newest item',
    tags: ['Items'],
    auth: 'none',
    answers: { 200: json('The item.', itemSchema) },
    handle: async () => ({ status: 200, body: { item_id: 'latest', note: null } }),
  }),
  endpoint({
    method: 'POST',
    path: '/api/items',
    operationId: 'createItem',
    summary: 'Makes an item',
    tags: ['Items'],
    auth: 'none',
    body: noteSchema,
    answers: { 201: json('Made.', itemSchema), 409: problem('It is there.') },
    async handle({ body, request }) {
      if (body.note === 'taken')
        throw new AppError('items.taken', 409, 'It is there.', { details: [{ path: 'firstName', message: 'no' }] });
      if (body.note === 'slow') throw new AppError('items.rate_limited', 429, 'Slowly.', { retryAfterSeconds: 2.5 });
      if (body.note === 'bug') throw new TypeError('the private reason');
      if (body.note === 'outage') throw Object.assign(new Error('gone'), { code: 'P1001' });
      if (body.note === 'undocumented') return { status: 202 };
      return {
        status: 201,
        body: { item_id: 'new', note: request.deviceToken ?? null },
        deviceToken: 'device',
        headers: { Location: '/api/items/new' },
      };
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/api/items',
    operationId: 'deleteItems',
    summary: 'Takes all away',
    tags: ['Items'],
    auth: 'bearer',
    body: z.object({ all: z.boolean().optional() }).optional(),
    answers: { 204: empty('Gone.') },
    handle: async () => ({ status: 204 }),
  }),
  endpoint({
    method: 'GET',
    path: '/v2/who',
    operationId: 'who',
    summary: 'Who calls',
    tags: ['Who'],
    auth: 'optional',
    memberNames: 'camelCase',
    answers: { 200: json('Them.', z.object({ via: z.string().nullable() })) },
    handle: async ({ caller }) => ({ status: 200, body: { via: caller?.via ?? null } }),
  }),
];

export type SampleApi = { request(options: InjectOptions): Promise<Response>; account: Account; cookies: string[] };

/** The edge over the sample endpoints. Token `good`, key `good-key`. */
export function createSampleApi(permissions: Permission[] = ['user:read']): SampleApi {
  const account = { ...ACCOUNT };
  const cookies: string[] = [];
  const koa = new Koa({ proxy: true });
  koa.use(securityHeaders({ https: false }));
  koa.use(
    createApiEdge({
      endpoints: sampleEndpoints,
      prefixes: ['/auth', '/v2', '/api'],
      resourceMetadataUrl: 'https://id.example/.well-known/oauth-protected-resource/api',
      refusedOrigins: { note() {} },
      isAllowedOrigin: (origin) => origin === 'https://app.example.com',
      cookies: { device: () => undefined, setDevice: (_ctx, token) => void cookies.push(token) },
      log: createLogger({ level: 'silent', format: 'json' }),
      authenticate: async (token) => (token === 'good' ? { accountId: 'a1', sessionId: 's1', expiresAt: new Date(0) } : null),
      authenticateKey: async (key) => (key === 'good-key' ? { accountId: 'a1', permissions: new Set(permissions), expiresAt: null } : null),
      findAccount: async () => account,
      permissionsOf: async () => permissions,
    }),
  );
  const info = { title: 'Sample', version: '1', serverUrl: 'http://localhost' };
  koa.use(createOpenApiRoutes({ endpoints: sampleEndpoints, info }).routes() as unknown as Koa.Middleware);
  const handle = koa.callback();
  return { account, cookies, request: (options) => inject((request, response) => void handle(request, response), options) };
}
