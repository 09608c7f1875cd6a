import { isOperatorMade } from './clients/index.js';

/** As oidc-provider hands a client over; our own members keep their names there. */
type AskingClient = { clientId: string; clientAuthMethod?: string | undefined; client_source?: unknown };
type AskedToken = { clientId?: string | undefined };

export type TokenPolicy = {
  mayIntrospect(client: AskingClient, token: AskedToken): boolean;
  mayRevoke(client: AskingClient, token: AskedToken): boolean;
};

/**
 * Who may ask about which token, stored or JWT alike. Everybody may about their own. About others' only a client that authenticates and that
 * the operator made: services are shown tokens of applications and have to know what they are worth. Anybody can register a client, and
 * nobody is to learn from us whether a stolen token still works; so all the rest are told nothing. Revoking is for the token's own client.
 */
export const tokenPolicy: TokenPolicy = {
  mayIntrospect: (client, token) => token.clientId === client.clientId || (client.clientAuthMethod !== 'none' && isOperatorMade(client)),
  mayRevoke: (client, token) => token.clientId === client.clientId,
};
