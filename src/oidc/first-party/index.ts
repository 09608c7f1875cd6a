/**
 * Owns: tokens for the applications that bring their own sign-in form to our JSON API: the built-in client they are issued to, the private grant
 * by which a sign-in that was checked elsewhere becomes tokens, and what such a token is worth at our own APIs.
 * Does not own: whether a sign-in is right (identity), the JSON API (api), rotation and revocation, which are those of every client.
 */
export { createFirstPartyTokenCheck, type FirstPartyToken, type FirstPartyTokenCheck } from './authentication.js';
export { FIRST_PARTY_CLIENT_ID, firstPartyClientMetadata, firstPartyResource } from './client.js';
export { createFirstPartyGrant, type FirstPartyGrant } from './grant.js';
export { createFirstParty, type FirstParty, type FirstPartyTokens } from './service.js';
