import { randomBytes } from 'node:crypto';
import { nowDate } from '../clock.js';
import type { Database } from '../db/index.js';
import { AppError } from '../errors.js';
import { createSealer, SealError, type Sealer } from './sealer.js';

/**
 * The secrets that are made once and live in the database, sealed under the key-encryption key. Everything else at rest is sealed under the
 * data key, so a new key-encryption key would need only these few rows re-sealed, and would neither change a subject nor end a token. No command
 * does that yet.
 */
export type SecretStore = {
  /** Seals whatever the server keeps: payloads, client secrets, private keys. */
  sealer: Sealer;
  /** Keys HMACs of short values (user codes, limit keys). 32 bytes. */
  hmacPepper: Buffer;
  /** Makes pairwise subjects. 32 bytes. */
  pairwiseSalt: Buffer;
  /** Makes DPoP nonces. 32 bytes. */
  dpopNonceSecret: Buffer;
};

const contextOf = (name: string) => `secret:${name}`;

/** True once the secrets were made: a server has run on this database. */
export async function hasSecrets(db: Pick<Database, 'client'>): Promise<boolean> {
  return (await db.client.secret.count()) > 0;
}

/**
 * Opens the secrets, making those that are missing. Two processes that start at once agree: the insert of one wins, both read it back.
 * @param keyEncryptionKey 32 bytes
 * @throws AppError `secrets.wrong_key` when the database was sealed under another key-encryption key
 */
export async function openSecretStore(db: Database, keyEncryptionKey: Buffer): Promise<SecretStore> {
  const sealer = createSealer(keyEncryptionKey);
  const names = ['data_key', 'hmac_pepper', 'pairwise_salt', 'dpop_nonce_secret'] as const;
  let rows = await db.client.secret.findMany();
  const missing = names.filter((name) => !rows.some((row) => row.name === name));
  for (const name of missing) {
    const sealed = sealer.seal(randomBytes(32).toString('base64url'), contextOf(name));
    await db.client
      .$executeRaw`INSERT INTO secrets (name, sealed, created_at) VALUES (${name}, ${sealed}, ${nowDate()}) ON CONFLICT (name) DO NOTHING`;
  }
  if (missing.length > 0) rows = await db.client.secret.findMany();
  const open = (name: (typeof names)[number]) => {
    const row = rows.find((candidate) => candidate.name === name);
    if (!row) throw new AppError('secrets.missing', 500, `the secret ${name} is missing from the database`);
    try {
      return Buffer.from(sealer.open(row.sealed, contextOf(name)), 'base64url');
    } catch (cause) {
      if (!(cause instanceof SealError)) throw cause;
      throw new AppError(
        'secrets.wrong_key',
        500,
        'KEY_ENCRYPTION_KEY is not the one this database was sealed with. Set the original key, or start with an empty database.',
        { cause },
      );
    }
  };
  return {
    sealer: createSealer(open('data_key')),
    hmacPepper: open('hmac_pepper'),
    pairwiseSalt: open('pairwise_salt'),
    dpopNonceSecret: open('dpop_nonce_secret'),
  };
}
