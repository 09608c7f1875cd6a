/**
 * Owns: every request that this server makes because somebody named an address: where it may go, on which connection, how long it may take
 * and how much it may bring (server-side request forgery, RFC 9700, section 4.13 and OWASP).
 * Does not own: who names addresses and whether they are trusted (the caller says so), what is done with an answer, mail.
 */
export { OutboundError, type OutboundReason } from './errors.js';
export { createOutbound, type Outbound, type OutboundRequest } from './outbound.js';
