import type { KeyObject } from 'node:crypto';
import type { Client } from 'oidc-provider';
import { hmacSha256 } from '../platform/crypto/index.js';
import { isUnverified } from './clients/index.js';

/** The name of an account at a client that asked for pairwise subjects. */
export type PairwiseSubject = (accountId: string, client: Client) => string;

/**
 * One name for each account and sector (OpenID Connect Core, section 8.1): the same at all clients of a sector, at others another, and nobody who
 * has two of them can tell that they belong together.
 * A client that nobody here made can rewrite its metadata, and so move to any sector after people have let it in: it would be told their names there.
 * Each of these is a sector of its own.
 * @param salt made once for this installation; not derived from anything that may be exchanged
 */
export function createPairwiseSubject(salt: KeyObject): PairwiseSubject {
  return (accountId, client) => {
    if (isUnverified(client)) return hmacSha256(salt, JSON.stringify(['client', client.clientId, accountId]));
    // The published types leave it out.
    const { sectorIdentifier } = client as Client & { sectorIdentifier?: string };
    if (!sectorIdentifier) throw new Error('a client with pairwise subjects has no sector');
    // As JSON, so that no sector and account together read like another pair.
    return hmacSha256(salt, JSON.stringify([sectorIdentifier, accountId]));
  };
}
