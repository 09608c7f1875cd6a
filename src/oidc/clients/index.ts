/**
 * Owns: the registry of applications: what they are (RFC 7591 metadata), their secrets, the clients declared in CLIENTS_FILE, those that register
 * or describe themselves, the profiles they can be put on, and how oidc-provider sees them.
 * Does not own: what a client was given (grants), authenticating clients (oidc-provider), resource servers (resources).
 */
export {
  ASSERTION_ALGORITHMS,
  CIBA,
  type ClientProfile,
  CONTENT_ENCRYPTIONS,
  capabilities,
  DEVICE_CODE,
  ENCRYPTION_ALGORITHMS,
  PROFILE_NAMES,
  TOKEN_EXCHANGE,
} from './capabilities.js';
export { type DeclaredReport, loadDeclaredClients, parseDeclaredClients } from './declared.js';
export { keepUsableKeys } from './keys.js';
export {
  extraClientMetadata,
  isOperatorMade,
  isUnverified,
  type ProviderMetadata,
  restrictScope,
  toProviderMetadata,
} from './provider-metadata.js';
export { type Client, type ClientSource, describeClient } from './record.js';
export { CLIENTS_TOPIC, createClientRepository } from './repository.js';
export type { TokenExchangePolicy } from './schemas.js';
export type { FetchSector } from './sectors.js';
export type { Registration } from './self-registered.js';
export { type ClientSettings, type Clients, type ClientsDeps, createClients, type GrantEnder } from './service.js';
export { type ClientSummary, outlivesSession, summarizeClient } from './summary.js';
export { isUnverifiedSource } from './unverified.js';
