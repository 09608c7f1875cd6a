import type { ClientSummary } from '../oidc/clients/index.js';
import type { AskingClient } from '../render/index.js';

export type { AskingClient, ClientSummary };

export type FindClient = (clientId: string) => Promise<ClientSummary | undefined>;

/** The application as the frame of a page names it; nothing for our own account pages. Only what an operator declared is trusted. */
export function askingClient(client: ClientSummary | undefined): AskingClient | undefined {
  if (!client || client.source === 'built_in') return undefined;
  return { name: client.name, logoUri: client.logoUri, uri: client.uri, trusted: client.verified };
}
