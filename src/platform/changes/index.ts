/**
 * Owns: telling every process that something it caches has changed (clients, signing keys): a counter for each topic in the database, which
 * grows in the same transaction as the change and which every process watches.
 * Does not own: what is cached, nor how it is read again.
 */
export { type ChangeFeed, createChangeFeed, MAX_LAG_MS } from './feed.js';
