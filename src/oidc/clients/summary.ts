import type { Client, ClientSource } from './record.js';
import { isUnverifiedSource } from './unverified.js';

/** What people are told of a client. */
export type ClientSummary = {
  id: string;
  name: string;
  source: ClientSource;
  /** somebody of this installation made it */
  verified: boolean;
  firstParty: boolean;
  logoUri: string | undefined;
  uri: string | undefined;
  policyUri: string | undefined;
  termsUri: string | undefined;
};

export function summarizeClient({ id, name, source, firstParty, metadata }: Client): ClientSummary {
  const text = (member: string) => (typeof metadata[member] === 'string' ? metadata[member] : undefined);
  return {
    id,
    name,
    source,
    verified: !isUnverifiedSource(source),
    firstParty,
    logoUri: text('logo_uri'),
    uri: text('client_uri'),
    policyUri: text('policy_uri'),
    termsUri: text('tos_uri'),
  };
}
