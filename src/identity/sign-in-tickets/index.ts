/**
 * Owns: tickets that carry a sign-in from where it was earned (a confirmed address) to the page that starts the session.
 * Does not own: earning one (registration), the session (oidc).
 */
import type { OneTimeTokens } from '../one-time-tokens/index.js';

/** Who may be signed in. `generation` is that of the account's sign-ins when the ticket was earned: ending them all ends the ticket too. */
export type TicketHolder = { accountId: string; generation: number };

export type SignInTickets = {
  /** For the pages to hand over in a cookie, never in an address. */
  issue(holder: TicketHolder): Promise<string>;
  /** The account that may be signed in, once; null for a ticket that is unknown, expired or used. */
  consume(ticket: string): Promise<TicketHolder | null>;
};

const TICKET_TTL_SECONDS = 300;

export function createSignInTickets({ tokens }: { tokens: Pick<OneTimeTokens, 'issue' | 'inspect' | 'consume'> }): SignInTickets {
  return {
    async issue({ accountId, generation }) {
      const { token } = await tokens.issue({ kind: 'sign_in_ticket', accountId, payload: { generation }, ttlSeconds: TICKET_TTL_SECONDS });
      return token;
    },
    async consume(ticket) {
      const { state, content } = await tokens.inspect('sign_in_ticket', ticket);
      const accountId = content?.accountId;
      const generation = (content?.payload as { generation?: unknown } | undefined)?.generation;
      if (state !== 'ok' || !accountId || typeof generation !== 'number') return null;
      const used = await tokens.consume('sign_in_ticket', ticket).then(
        () => true,
        (error: { code?: unknown }) => {
          if (String(error.code).startsWith('token.')) return false;
          throw error;
        },
      );
      return used ? { accountId, generation } : null;
    },
  };
}
