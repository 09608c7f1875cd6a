import type { KeptEvent } from './chain-repository.js';
import type { AuditDetail } from './recorder.js';

/** An event as the API, the command line and webhooks tell it. */
export type ToldEvent = {
  id: string;
  /** place in the chain; null for the first seconds */
  sequence: number | null;
  occurred_at: string;
  type: string;
  outcome: 'success' | 'failure';
  /** the account that did it, where it is known */
  actor_id: string | null;
  /** the account it was done to */
  account_id: string | null;
  client_id: string | null;
  ip: string | null;
  request_id: string | null;
  detail: AuditDetail;
};

export const tellEvent = (event: KeptEvent): ToldEvent => ({
  id: event.id,
  sequence: event.sequence,
  occurred_at: event.occurredAt.toISOString(),
  type: event.type,
  outcome: event.outcome === 'success' ? 'success' : 'failure',
  actor_id: event.actorId,
  account_id: event.subjectId,
  client_id: event.clientId,
  ip: event.ip,
  request_id: event.requestId,
  detail: event.detail === null ? {} : readDetail(event.detail),
});

/** What somebody wrote there past us must not keep the rest from being read. */
function readDetail(text: string): AuditDetail {
  try {
    const detail: unknown = JSON.parse(text);
    if (typeof detail === 'object' && detail !== null && !Array.isArray(detail))
      return Object.fromEntries(Object.entries(detail).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)));
  } catch {
    // Said below.
  }
  return { unreadable: true };
}
