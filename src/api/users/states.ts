import { z } from 'zod';
import type { Actor, AdministeredAccount } from '../../identity/index.js';
import { type AnswerDefinition, type Endpoint, empty, endpoint, json, problem } from '../endpoint/index.js';
import type { UsersDeps } from './deps.js';
import { actorOf, administeredUserSchema, idParams, notFound, toAdministeredUser } from './shapes.js';

const lastAdmin = problem('It is the last administrator (`roles.last_admin`).');
const refusedOrOwn = problem(
  'The permission is missing, the account may do what you may not (`users.outranked`), or it is your own (`users.own_account`).',
);
const refused = problem('The permission is missing, or the account may do what you may not (`users.outranked`).');

type Change = {
  auth?: 'bearer' | 'bearer_or_api_key';
  summary: string;
  description: string;
  answers: Record<number, AnswerDefinition>;
};

/** What an account may be and do. Each call can be repeated. */
export function createStateEndpoints({ identity: { administration } }: UsersDeps): Endpoint[] {
  /** A call without a body that answers the account as it is then. */
  const change = (
    verb: string,
    { auth = 'bearer_or_api_key', answers, ...texts }: Change,
    work: (actor: Actor, accountId: string) => Promise<AdministeredAccount>,
  ) =>
    endpoint({
      method: 'POST',
      path: `/api/users/{id}/${verb}`,
      operationId: `${verb}User`,
      ...texts,
      tags: ['Users'],
      auth,
      params: idParams,
      answers: { 200: json('The account as it is now.', administeredUserSchema), 404: notFound, ...answers },
      async handle({ params, caller, request }) {
        return { status: 200, body: toAdministeredUser(await work(actorOf(caller, request), params.id)) };
      },
    });

  return [
    change(
      'disable',
      {
        // It ends sign-ins and keys, which no key does: enabled again, the account would have lost just those.
        auth: 'bearer',
        summary: 'Disable an account',
        description:
          'Nobody signs in to it, and every session, token and API key of it ends. Needs the permission `user:update`. Never one’s own account.',
        answers: { 403: refusedOrOwn, 409: lastAdmin },
      },
      administration.disable,
    ),
    change(
      'enable',
      {
        summary: 'Let a disabled account sign in again',
        description: 'Needs the permission `user:update`.',
        answers: { 403: refused },
      },
      administration.enable,
    ),
    change(
      'unlock',
      {
        summary: 'Open the lock that too many wrong passwords closed',
        description: 'Needs the permission `user:update`.',
        answers: { 403: refused },
      },
      administration.unlock,
    ),
    endpoint({
      method: 'POST',
      path: '/api/users/{id}/revoke',
      operationId: 'revokeUser',
      summary: 'End every session, token and API key of an account',
      description: 'Needs the permission `session:revoke`, or `profile:update` for one’s own account.',
      tags: ['Users'],
      auth: 'bearer',
      params: idParams,
      answers: { 204: empty('All have ended.'), 403: refused, 404: notFound },
      async handle({ params, caller, request }) {
        await administration.endAll(actorOf(caller, request), params.id);
        return { status: 204 };
      },
    }),
    endpoint({
      method: 'PUT',
      path: '/api/users/{id}/roles',
      operationId: 'setUserRoles',
      summary: 'Give an account exactly these roles',
      description:
        'Needs the permission `role:grant`, and every permission that the account has or gets. Tokens show it at their next refresh.',
      tags: ['Users'],
      auth: 'bearer_or_api_key',
      params: idParams,
      body: z.object({ roles: z.array(z.string()).min(1).max(50) }),
      answers: { 200: json('The account as it is now.', administeredUserSchema), 403: refused, 404: notFound, 409: lastAdmin },
      async handle({ params, body, caller, request }) {
        const account = await administration.setRoles(actorOf(caller, request), params.id, body.roles);
        return { status: 200, body: toAdministeredUser(account) };
      },
    }),
    endpoint({
      method: 'PUT',
      path: '/api/users/{id}/password',
      operationId: 'setUserPassword',
      summary: 'Set a new password for somebody',
      description:
        'Ends every session, token and API key of the account, and tells its owner by mail. Needs the permission `user:update`. Never for one’s own account.',
      tags: ['Users'],
      auth: 'bearer',
      params: idParams,
      body: z.object({ password: z.string().min(1) }),
      answers: {
        204: empty('It is set.'),
        403: refusedOrOwn,
        404: notFound,
        409: problem('The password was changed elsewhere in this moment (`password_change.conflict`).'),
        422: problem('The password is too short, too long, too common or too weak (`errors` says why).'),
      },
      async handle({ params, body, caller, request }) {
        await administration.setPassword(actorOf(caller, request), params.id, body.password);
        return { status: 204 };
      },
    }),
  ];
}
