import { z } from 'zod';
import type { SessionSummary } from '../oidc/sessions/index.js';

/** A sign-in as the JSON API tells it. */
export const sessionSchema = z
  .object({
    id: z.string(),
    kind: z.enum(['browser', 'api']).meta({ description: '`browser`: on our pages; `api`: an application with its own sign-in form.' }),
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    signed_in_at: z.iso.datetime(),
    last_seen_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    client_ids: z.array(z.string()),
    current: z.boolean().meta({ description: 'Whether it is the one that asks.' }),
  })
  .meta({ id: 'Session' });

/** @param currentId the sign-in that asks */
export const toSession = (
  { uid, kind, ip, userAgent, signedInAt, lastSeenAt, expiresAt, clientIds }: SessionSummary,
  currentId: string,
): z.output<typeof sessionSchema> => ({
  id: uid,
  kind,
  ip,
  user_agent: userAgent,
  signed_in_at: signedInAt.toISOString(),
  last_seen_at: lastSeenAt.toISOString(),
  expires_at: expiresAt.toISOString(),
  client_ids: clientIds,
  current: uid === currentId,
});
