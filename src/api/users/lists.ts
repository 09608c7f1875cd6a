import { z } from 'zod';
import { type Endpoint, endpoint, json, problem } from '../endpoint/index.js';
import type { UsersDeps } from './deps.js';
import { actorOf, administeredUserSchema, statisticsSchema, toAdministeredUser, toStatistics } from './shapes.js';

const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).optional().meta({ description: 'How many at most; default 50.' }),
  cursor: z.string().optional().meta({ description: '`next_cursor` of the page before, with the same filter, sort and order.' }),
  status: z.enum(['active', 'disabled']).optional(),
  verified: z.enum(['true', 'false']).optional().meta({ description: 'Whether the address is confirmed.' }),
  role: z.string().max(64).optional().meta({ description: 'Accounts that have this role.' }),
  q: z.string().max(254).optional().meta({ description: 'How the e-mail address or the username begins, in any case. No wildcards.' }),
  sort: z.enum(['created_at', 'email']).optional().meta({ description: 'Default: created_at.' }),
  order: z.enum(['asc', 'desc']).optional().meta({ description: 'Default: asc.' }),
});

const pageSchema = z
  .object({
    users: z.array(administeredUserSchema),
    next_cursor: z.string().nullable().meta({ description: 'Null: this was the last page.' }),
  })
  .meta({ id: 'UserPage' });

const roleSchema = z
  .object({ name: z.string(), description: z.string(), permissions: z.array(z.string()) })
  .meta({ id: 'Role', description: 'What people have, and what it lets them do.' });

/** Who there is: page by page, in numbers, and what they can be. */
export function createListEndpoints({ identity: { administration } }: UsersDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/api/users',
      operationId: 'listUsers',
      summary: 'List accounts',
      description:
        'Pages neither miss nor repeat an account that is there all the while. A page can have fewer accounts than asked for, even none, and ' +
        'the list still goes on: only `next_cursor: null` is its end.',
      tags: ['Users'],
      auth: 'bearer_or_api_key',
      permission: 'user:read',
      query: listQuery,
      answers: {
        200: json('A page.', pageSchema),
        400: problem('The cursor was not given for this list, filter and order (`accounts.invalid_cursor`).'),
      },
      async handle({ query, caller, request }) {
        const { sort, verified, ...rest } = query;
        const { accounts, nextCursor } = await administration.list(actorOf(caller, request), {
          ...rest,
          sort: sort === 'email' ? 'email' : 'createdAt',
          verified: verified === undefined ? undefined : verified === 'true',
        });
        return { status: 200, body: { users: accounts.map(toAdministeredUser), next_cursor: nextCursor } };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/api/users/statistics',
      operationId: 'getUserStatistics',
      summary: 'How many accounts there are',
      description: 'Counted at most once a minute; `counted_at` says when.',
      tags: ['Users'],
      auth: 'bearer_or_api_key',
      permission: 'user:read',
      answers: { 200: json('The numbers.', statisticsSchema) },
      async handle({ caller, request }) {
        return { status: 200, body: toStatistics(await administration.statistics(actorOf(caller, request))) };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/api/roles',
      operationId: 'listRoles',
      summary: 'List the roles there are',
      tags: ['Users'],
      auth: 'bearer_or_api_key',
      permission: 'user:read',
      answers: { 200: json('By name.', z.object({ roles: z.array(roleSchema) })) },
      async handle({ caller, request }) {
        return { status: 200, body: { roles: await administration.listRoles(actorOf(caller, request)) } };
      },
    }),
  ];
}
