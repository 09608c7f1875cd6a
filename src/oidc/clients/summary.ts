import type { ClientProfile } from './capabilities.js';
import type { Client, ClientSource } from './record.js';
import { isUnverifiedSource } from './unverified.js';

/** What people are told of a client. */
export type ClientSummary = {
  id: string;
  name: string;
  source: ClientSource;
  /** somebody of this installation made it */
  verified: boolean;
  /** it has access while the person is away, whether or not it asks for that */
  staysConnected: boolean;
  firstParty: boolean;
  logoUri: string | undefined;
  uri: string | undefined;
  policyUri: string | undefined;
  termsUri: string | undefined;
};

/** Profiles whose refresh tokens outlive the browser session without asking for `offline_access`. */
const OUTLIVES_SESSION: ReadonlySet<unknown> = new Set<ClientProfile>(['native', 'mcp']);
export const outlivesSession = (profile: unknown): boolean => OUTLIVES_SESSION.has(profile);

export function summarizeClient({ id, name, source, profile, grantTypes, firstParty, metadata }: Client): ClientSummary {
  const verified = !isUnverifiedSource(source);
  // Pictures and links of strangers have no place on our pages.
  const text = (member: string) => (verified && typeof metadata[member] === 'string' ? metadata[member] : undefined);
  return {
    id,
    name,
    source,
    verified,
    staysConnected: grantTypes.includes('refresh_token') && outlivesSession(profile),
    firstParty,
    logoUri: text('logo_uri'),
    uri: text('client_uri'),
    policyUri: text('policy_uri'),
    termsUri: text('tos_uri'),
  };
}
