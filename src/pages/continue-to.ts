import { type AskingClient, askingClient, type FindClient } from './client-view.js';

/** Where somebody goes on after a detour (registering, resetting): the interaction they came from, or their account. */
export type ContinueTo = {
  /** The interaction's uid if the value looks like one. It is never a URL, so nobody can be sent elsewhere. */
  read(value: unknown): string | undefined;
  /** The application that began it, for the frame of the page. */
  client(interaction: string | undefined): Promise<AskingClient | undefined>;
  /** Back to the interaction while it is open, else to the account. */
  url(interaction: string | undefined): Promise<string>;
};

export function createContinueTo({
  interactions,
  findClient,
}: {
  interactions: { peek(uid: string): Promise<{ clientId: string } | undefined> };
  findClient: FindClient;
}): ContinueTo {
  return {
    read: (value) => (typeof value === 'string' && /^[A-Za-z0-9_-]{20,64}$/.test(value) ? value : undefined),
    async client(interaction) {
      const open = interaction ? await interactions.peek(interaction) : undefined;
      return open ? askingClient(await findClient(open.clientId)) : undefined;
    },
    async url(interaction) {
      return interaction && (await interactions.peek(interaction)) ? `/interaction/${interaction}` : '/account';
    },
  };
}
