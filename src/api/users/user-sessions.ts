import { z } from 'zod';
import { AppError } from '../../platform/errors.js';
import { type Endpoint, empty, endpoint, json, problem } from '../endpoint/index.js';
import { sessionSchema, toSession } from '../session-shape.js';
import type { UsersDeps } from './deps.js';
import { actorOf, idParams, notFound } from './shapes.js';

/** Somebody's sign-ins. Never with an API key. */
export function createUserSessionEndpoints({ identity: { administration }, sessions, audit }: UsersDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/api/users/{id}/sessions',
      operationId: 'listUserSessions',
      summary: 'List the sign-ins of an account',
      description: 'Needs the permission `session:read`, or `profile:read` for one’s own account.',
      tags: ['Users'],
      auth: 'bearer',
      params: idParams,
      answers: {
        200: json('Last used first, at most 100 in browsers and 100 over this API.', z.object({ sessions: z.array(sessionSchema) })),
        403: problem('A permission is missing.'),
        404: notFound,
      },
      async handle({ params, caller, request }) {
        await administration.requireSessionRight(actorOf(caller, request), 'read_sessions', params.id);
        const found = await sessions.list(params.id);
        return { status: 200, body: { sessions: found.map((session) => toSession(session, caller.sessionId)) } };
      },
    }),
    endpoint({
      method: 'DELETE',
      path: '/api/users/{id}/sessions/{session_id}',
      operationId: 'endUserSession',
      summary: 'End one sign-in of an account',
      description: 'Needs the permission `session:revoke`, or `profile:update` for one’s own account.',
      tags: ['Users'],
      auth: 'bearer',
      params: idParams.extend({ session_id: z.string().max(128) }),
      answers: {
        204: empty('It has ended.'),
        403: problem('A permission is missing, or the account may do what you may not (`users.outranked`).'),
        404: problem('There is no such account, or no such sign-in of it (`sessions.not_found`).'),
      },
      async handle({ params, caller, request }) {
        const { id, session_id: sessionId } = params;
        await administration.requireSessionRight(actorOf(caller, request), 'end_session', id);
        if (!(await sessions.end(sessionId, { accountId: id }))) {
          throw new AppError('sessions.not_found', 404, 'There is no such sign-in.');
        }
        await audit.record({ type: 'session.ended', outcome: 'success', actorId: caller.account.id, subjectId: id, ip: request.ip });
        return { status: 204 };
      },
    }),
  ];
}
