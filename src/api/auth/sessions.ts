import { z } from 'zod';
import { AppError } from '../../platform/errors.js';
import { empty, endpoint, json, problem, type RequestFacts, type TokenCaller } from '../endpoint/index.js';
import { sessionSchema, toSession } from '../session-shape.js';
import type { AuthDeps } from './deps.js';
import { SUCCESS, successSchema } from './shapes.js';

const logoutSchema = z
  .object({
    session_id: z.string().max(128).nullish().meta({ description: 'Another sign-in of the account; without it the one that asks.' }),
    all: z.boolean().nullish().meta({ description: 'Every sign-in of the account.' }),
  })
  .optional();

const noSession = () => new AppError('sessions.not_found', 404, 'There is no such sign-in.');

/** The account's sign-ins, and ending them. */
export function createSessionEndpoints({ sessions, audit }: AuthDeps) {
  const record = (type: 'session.ended' | 'session.all_ended', { account: { id } }: TokenCaller, { ip }: RequestFacts) =>
    audit.record({ type, outcome: 'success', actorId: id, subjectId: id, ip });

  /** Somebody else's and one that has ended are told alike: that there is none. */
  async function end(sessionId: string, caller: TokenCaller, request: RequestFacts): Promise<void> {
    if (!(await sessions.end(sessionId, { accountId: caller.account.id }))) throw noSession();
    await record('session.ended', caller, request);
  }

  const logout = endpoint({
    method: 'POST',
    path: '/auth/logout',
    operationId: 'logout',
    summary: 'Sign out',
    description: 'The refresh token is dead at once, and so is the access token at this API and by introspection.',
    tags: ['Sign-in'],
    auth: 'bearer',
    body: logoutSchema,
    answers: { 200: json('Signed out.', successSchema), 404: problem('No such sign-in of this account (`sessions.not_found`).') },
    async handle({ body, caller, request }) {
      if (body?.all && body.session_id) {
        const message = 'Send session_id or all, not both.';
        throw new AppError('request.invalid_input', 422, message, { details: [{ path: 'session_id', message }] });
      }
      if (body?.all) {
        await sessions.endAll(caller.account.id);
        await record('session.all_ended', caller, request);
      } else await end(body?.session_id ?? caller.sessionId, caller, request);
      return SUCCESS;
    },
  });

  const list = endpoint({
    method: 'GET',
    path: '/auth/sessions',
    operationId: 'listSessions',
    summary: 'One’s own sign-ins',
    tags: ['Sessions'],
    auth: 'bearer',
    answers: {
      200: json('Last used first, at most 100 in browsers and 100 over this API.', z.object({ sessions: z.array(sessionSchema) })),
    },
    async handle({ caller }) {
      const found = await sessions.list(caller.account.id);
      return {
        status: 200,
        body: {
          sessions: found.map((session) => toSession(session, caller.sessionId)),
        },
      };
    },
  });

  const remove = endpoint({
    method: 'DELETE',
    path: '/auth/sessions/{id}',
    operationId: 'endSession',
    summary: 'End one of one’s own sign-ins',
    tags: ['Sessions'],
    auth: 'bearer',
    params: z.object({ id: z.string().max(128) }),
    answers: { 204: empty('Ended.'), 404: problem('No such sign-in of this account (`sessions.not_found`).') },
    async handle({ params, caller, request }) {
      await end(params.id, caller, request);
      return { status: 204 };
    },
  });

  return { logout, list, remove };
}
