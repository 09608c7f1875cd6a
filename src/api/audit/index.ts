/**
 * Owns: reading the audit log over the API. Does not own: the log (platform/audit), writing to it; nobody does that from outside.
 */
import { z } from 'zod';
import { type AuditTrail, auditEventTypes, tellEvent } from '../../platform/audit/index.js';
import { type Endpoint, endpoint, json, problem } from '../endpoint/index.js';

export type AuditApiDeps = { auditTrail: Pick<AuditTrail, 'list'> };

const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).optional().meta({ description: 'How many at most; default 50.' }),
  cursor: z.string().max(200).optional().meta({ description: '`next_cursor` of the page before, with the same filter.' }),
  account: z.string().max(64).optional().meta({ description: 'Id of an account: what it did and what was done to it.' }),
  client: z.string().max(256).optional().meta({ description: 'Id of a client.' }),
  type: z
    .string()
    .max(64)
    .optional()
    .meta({ description: `\`login.failed\`, or \`login.*\` for all of a kind. There are: ${auditEventTypes.join(', ')}.` }),
  since: z.iso.datetime({ offset: true }).optional().meta({ description: 'From this time on.' }),
  until: z.iso.datetime({ offset: true }).optional().meta({ description: 'Before this time.' }),
});

const eventSchema = z
  .object({
    id: z.string(),
    sequence: z.int().nullable().meta({ description: 'Place in the chain; null for the first seconds.' }),
    occurred_at: z.iso.datetime(),
    type: z.string(),
    outcome: z.enum(['success', 'failure']),
    actor_id: z.string().nullable().meta({ description: 'The account that did it, where it is known.' }),
    account_id: z.string().nullable().meta({ description: 'The account it was done to.' }),
    client_id: z.string().nullable(),
    ip: z.string().nullable(),
    request_id: z.string().nullable(),
    detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .meta({ id: 'AuditEvent' });

const pageSchema = z
  .object({
    events: z.array(eventSchema),
    next_cursor: z.string().nullable().meta({ description: 'Null: this was the last page.' }),
  })
  .meta({ id: 'AuditPage' });

const dateOf = (text: string | undefined) => (text === undefined ? undefined : new Date(text));

export const createAuditEndpoints = ({ auditTrail }: AuditApiDeps): Endpoint[] => [
  endpoint({
    method: 'GET',
    path: '/api/audit',
    operationId: 'listAuditEvents',
    summary: 'Read the audit log',
    description: 'What changed security state or failed to authenticate, the newest first.',
    tags: ['Audit'],
    auth: 'bearer_or_api_key',
    permission: 'audit:read',
    query: listQuery,
    answers: {
      200: json('A page.', pageSchema),
      400: problem('The cursor was not given for a list of events (`audit.invalid_cursor`).'),
    },
    async handle({ query: { since, until, ...query } }) {
      const { events, nextCursor } = await auditTrail.list({ ...query, since: dateOf(since), until: dateOf(until) });
      return { status: 200, body: { events: events.map(tellEvent), next_cursor: nextCursor } };
    },
  }),
];
