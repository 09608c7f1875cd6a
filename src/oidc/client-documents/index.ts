/**
 * Owns: clients whose id is the address of a document that describes them (OAuth Client ID Metadata Document): which ids are such addresses, fetching a
 * document, keeping it for a while, and what becomes of one that cannot be used.
 * Does not own: the rules for what it says (oidc/clients), the way to its host (platform/outbound), whether a person trusts it (pages).
 */
export { isDocumentAddress } from './address.js';
export { createProviderClients } from './provider-clients.js';
export { type ClientDocuments, createClientDocuments } from './service.js';
