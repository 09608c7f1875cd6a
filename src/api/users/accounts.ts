import { z } from 'zod';
import { type Endpoint, empty, endpoint, json, keyNotAllowed, problem } from '../endpoint/index.js';
import type { UsersDeps } from './deps.js';
import { actorOf, administeredUserSchema, idParams, notFound, toAdministeredUser } from './shapes.js';

const profile = {
  username: z.string().nullish(),
  first_name: z.string().nullish(),
  last_name: z.string().nullish(),
  full_name: z.string().nullish(),
};

const createSchema = z.object({
  email: z.string().meta({ examples: ['ann@example.com'] }),
  password: z.string().optional().meta({ description: 'Without one, the owner chooses it by "forgot password". Never with an API key.' }),
  ...profile,
  is_verified: z.boolean().optional().meta({ description: 'The address is known to be theirs. Default: false.' }),
  roles: z.array(z.string()).min(1).max(50).optional().meta({ description: 'All it gets; default `user`. Others need `role:grant`.' }),
});

const updateSchema = z
  .object({
    ...profile,
    email: z
      .string()
      .optional()
      .meta({ description: 'Unconfirmed, unless `is_verified` says otherwise. Both addresses are told by mail.' }),
    is_verified: z.boolean().optional(),
  })
  .meta({ description: 'What is left out stays; of the names and the username null or an empty text takes it away.' });

/** What the services call it. */
const errorPaths = { verified: 'is_verified' };

type ProfileBody = Pick<z.output<typeof updateSchema>, keyof typeof profile>;

/** Members that were sent, by the names of the services. */
const toProfile = ({ username, first_name: firstName, last_name: lastName, full_name: fullName }: ProfileBody) =>
  Object.fromEntries(Object.entries({ username, firstName, lastName, fullName }).filter(([, value]) => value !== undefined));

const taken = problem('The address or the username is taken (`accounts.email_taken`, `accounts.username_taken`).');

/** One account: made, read, changed, deleted. */
export function createAccountEndpoints({ identity: { administration } }: UsersDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/api/users',
      operationId: 'createUser',
      summary: 'Make an account',
      description: 'No mail is sent. An API key makes accounts without a password.',
      tags: ['Users'],
      auth: 'bearer_or_api_key',
      permission: 'user:create',
      body: createSchema,
      errorPaths,
      answers: {
        201: json('Made.', administeredUserSchema),
        403: problem(
          'The permission `user:create` is missing, for other roles `role:grant`; or a role may do what you may not (`users.outranked`).',
        ),
        409: taken,
      },
      async handle({ body, caller, request }) {
        const { email, password, is_verified: verified, roles } = body;
        if (caller.via === 'api_key' && password !== undefined) throw keyNotAllowed();
        const account = await administration.create(actorOf(caller, request), { ...toProfile(body), email, password, verified, roles });
        return { status: 201, body: toAdministeredUser(account), headers: { Location: `/api/users/${account.id}` } };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/api/users/{id}',
      operationId: 'getUser',
      summary: 'An account',
      description: 'Needs the permission `user:read`, or `profile:read` for one’s own account.',
      tags: ['Users'],
      auth: 'bearer_or_api_key',
      params: idParams,
      answers: { 200: json('The account.', administeredUserSchema), 403: problem('A permission is missing.'), 404: notFound },
      async handle({ params, caller, request }) {
        return { status: 200, body: toAdministeredUser(await administration.get(actorOf(caller, request), params.id)) };
      },
    }),
    endpoint({
      method: 'PATCH',
      path: '/api/users/{id}',
      operationId: 'updateUser',
      summary: 'Change an account',
      description:
        'Needs the permission `user:update`, or `profile:update` for the names and the username of one’s own account. The e-mail address and ' +
        'whether it is confirmed: never of one’s own account, never with an API key.',
      tags: ['Users'],
      auth: 'bearer_or_api_key',
      params: idParams,
      body: updateSchema,
      errorPaths,
      answers: {
        200: json('The account as it is now.', administeredUserSchema),
        403: problem(
          'A permission is missing, the account may do what you may not (`users.outranked`), or it is your own (`users.own_account`).',
        ),
        404: notFound,
        409: problem(
          'The address or the username is taken (`accounts.email_taken`, `accounts.username_taken`), or somebody else changed the account in this moment (`users.conflict`).',
        ),
      },
      async handle({ params, body, caller, request }) {
        const { email, is_verified: verified } = body;
        if (caller.via === 'api_key' && (email !== undefined || verified !== undefined)) throw keyNotAllowed();
        const account = await administration.update(actorOf(caller, request), params.id, { ...toProfile(body), email, verified });
        return { status: 200, body: toAdministeredUser(account) };
      },
    }),
    endpoint({
      method: 'DELETE',
      path: '/api/users/{id}',
      operationId: 'deleteUser',
      summary: 'Delete an account and everything of it',
      description: 'Needs the permission `user:delete`. Never one’s own account.',
      tags: ['Users'],
      auth: 'bearer',
      params: idParams,
      answers: {
        204: empty('It is gone.'),
        403: problem(
          'The permission is missing, the account may do what you may not (`users.outranked`), or it is your own (`users.own_account`).',
        ),
        404: notFound,
        409: problem('It is the last administrator (`roles.last_admin`).'),
      },
      async handle({ params, caller, request }) {
        await administration.delete(actorOf(caller, request), params.id);
        return { status: 204 };
      },
    }),
  ];
}
