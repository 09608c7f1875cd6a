import { z } from 'zod';
import { endpoint, json, problem } from '../endpoint/index.js';
import { toUser, userSchema } from '../user-shape.js';
import type { AuthDeps } from './deps.js';

const profileSchema = z
  .object({
    username: z.string().nullish(),
    first_name: z.string().nullish(),
    last_name: z.string().nullish(),
    full_name: z.string().nullish(),
  })
  .meta({ description: 'What is left out stays; null or an empty text takes it away.' });

const statusSchema = z
  .object({
    authenticated: z.boolean(),
    expires_at: z.iso.datetime().nullable().meta({ description: 'When the access token or the API key ends.' }),
    session_id: z.string().nullable(),
    user: userSchema.nullable().meta({ description: 'With the permission `profile:read`.' }),
  })
  .meta({ id: 'Status' });

const NOBODY = { authenticated: false, expires_at: null, session_id: null, user: null };

/** Who one is. */
export function createProfileEndpoints({ identity }: AuthDeps) {
  const read = endpoint({
    method: 'GET',
    path: '/auth/me',
    operationId: 'getMe',
    summary: 'One’s own account',
    tags: ['Profile'],
    auth: 'bearer_or_api_key',
    permission: 'profile:read',
    answers: { 200: json('The account.', userSchema) },
    handle: async ({ caller }) => ({ status: 200, body: toUser(caller.account) }),
  });

  const update = endpoint({
    method: 'PATCH',
    path: '/auth/me',
    operationId: 'updateMe',
    summary: 'Change one’s own profile',
    tags: ['Profile'],
    auth: 'bearer_or_api_key',
    permission: 'profile:update',
    body: profileSchema,
    answers: { 200: json('The account as it is now.', userSchema), 409: problem('The username is taken (`accounts.username_taken`).') },
    async handle({ body, caller, request }) {
      const { id } = caller.account;
      const profile = { username: body.username, firstName: body.first_name, lastName: body.last_name, fullName: body.full_name };
      const given = Object.fromEntries(Object.entries(profile).filter(([, value]) => value !== undefined));
      return { status: 200, body: toUser(await identity.accounts.updateProfile(id, given, { actorId: id, ip: request.ip })) };
    },
  });

  const status = endpoint({
    method: 'GET',
    path: '/auth/status',
    operationId: 'getStatus',
    summary: 'Whether the credentials sent are good, and for how long',
    tags: ['Sign-in'],
    auth: 'optional',
    answers: { 200: json('Who calls, if anybody.', statusSchema) },
    async handle({ caller }) {
      if (!caller) return { status: 200, body: NOBODY };
      const { account, expiresAt, sessionId } = caller;
      // What `/auth/me` would refuse is not told here either.
      const user = caller.permissions.has('profile:read') ? toUser(account) : null;
      return { status: 200, body: { authenticated: true, expires_at: expiresAt?.toISOString() ?? null, session_id: sessionId, user } };
    },
  });

  return { read, update, status };
}
