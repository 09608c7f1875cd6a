import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { nowDate } from '../clock.js';
import type { Database } from '../db/index.js';
import { AppError } from '../errors.js';
import { createSealer, SealError, type Sealer } from './sealer.js';

/**
 * The secrets that are made once and live in the database, sealed under the key-encryption key. Everything else at rest is sealed under the
 * data key, so a new key-encryption key needs only these few rows re-sealed (`resealSecrets`), and neither changes a subject nor ends a token.
 */
export type SecretStore = {
  /** Seals whatever the server keeps: payloads, client secrets, private keys. */
  sealer: Sealer;
  /** Keys HMACs of short values (user codes, limit keys). 32 bytes. */
  hmacPepper: KeyObject;
  /** Makes pairwise subjects. 32 bytes. */
  pairwiseSalt: KeyObject;
  /** Makes DPoP nonces. 32 bytes. */
  dpopNonceSecret: Buffer;
  /** Marks audit events. 32 bytes. */
  auditKey: KeyObject;
};

const contextOf = (name: string) => `secret:${name}`;

/** True once the secrets were made: a server has run on this database. */
export async function hasSecrets(db: Pick<Database, 'client'>): Promise<boolean> {
  return (await db.client.secret.count()) > 0;
}

const NAMES = ['data_key', 'hmac_pepper', 'pairwise_salt', 'dpop_nonce_secret', 'audit_key'] as const;

/** The key-encryption key, and while it is being replaced the one before it. 32 bytes each. */
export type KeyEncryptionKeys = { current: Buffer; previous?: Buffer | undefined };

const wrongKey = (cause: unknown) =>
  new AppError(
    'secrets.wrong_key',
    500,
    'KEY_ENCRYPTION_KEY is not the one this database was sealed with. Set the original key, or start with an empty database.',
    { cause },
  );

/** Opens a sealed secret with whichever of the keys fits. @throws AppError `secrets.wrong_key` */
function createOpener({ current, previous }: KeyEncryptionKeys) {
  const sealers = [createSealer(current), ...(previous ? [createSealer(previous)] : [])];
  return ({ name, sealed }: { name: string; sealed: string }): { plaintext: string; isCurrent: boolean } => {
    let cause: unknown;
    for (const [index, sealer] of sealers.entries()) {
      try {
        return { plaintext: sealer.open(sealed, contextOf(name)), isCurrent: index === 0 };
      } catch (error) {
        if (!(error instanceof SealError)) throw error;
        cause = error;
      }
    }
    throw wrongKey(cause);
  };
}

/**
 * Opens the secrets, making those that are missing. Two processes that start at once agree: the insert of one wins, both read it back.
 * @throws AppError `secrets.wrong_key` when the database was sealed under another key-encryption key
 */
export async function openSecretStore(db: Database, keys: KeyEncryptionKeys): Promise<SecretStore> {
  const open = createOpener(keys);
  const sealer = createSealer(keys.current);
  let rows = await db.client.secret.findMany();
  // Under a wrong key nothing is made: what it sealed would not open under the right one.
  for (const row of rows) open(row);
  const missing = NAMES.filter((name) => !rows.some((row) => row.name === name));
  for (const name of missing) {
    const sealed = sealer.seal(randomBytes(32).toString('base64url'), contextOf(name));
    await db.client
      .$executeRaw`INSERT INTO secrets (name, sealed, created_at) VALUES (${name}, ${sealed}, ${nowDate()}) ON CONFLICT (name) DO NOTHING`;
  }
  if (missing.length > 0) rows = await db.client.secret.findMany();
  const secretOf = (name: (typeof NAMES)[number]) => {
    const row = rows.find((candidate) => candidate.name === name);
    if (!row) throw new AppError('secrets.missing', 500, `the secret ${name} is missing from the database`);
    return Buffer.from(open(row).plaintext, 'base64url');
  };
  const keyOf = (name: (typeof NAMES)[number]) => createSecretKey(secretOf(name));
  return {
    sealer: createSealer(secretOf('data_key')),
    hmacPepper: keyOf('hmac_pepper'),
    pairwiseSalt: keyOf('pairwise_salt'),
    dpopNonceSecret: secretOf('dpop_nonce_secret'),
    auditKey: keyOf('audit_key'),
  };
}

/** How many of the secrets open with the key-encryption key of today, and how many only with the one before. @throws AppError `secrets.wrong_key` */
export async function countSealedUnder(
  db: Pick<Database, 'client'>,
  keys: KeyEncryptionKeys,
): Promise<{ current: number; previous: number }> {
  const open = createOpener(keys);
  const rows = await db.client.secret.findMany();
  const current = rows.filter((row) => open(row).isCurrent).length;
  return { current, previous: rows.length - current };
}

/**
 * Seals the secrets anew under the key-encryption key of today, all or none. What they are stays the same, so servers that run go on, and
 * whichever key they were started with.
 * @returns how many were sealed under the key before
 * @throws AppError `secrets.wrong_key`
 */
export async function resealSecrets(db: Database, keys: KeyEncryptionKeys): Promise<{ resealed: number; total: number }> {
  const open = createOpener(keys);
  const sealer = createSealer(keys.current);
  const rows = await db.client.secret.findMany();
  const old = rows.map((row) => ({ ...row, ...open(row) })).filter(({ isCurrent }) => !isCurrent);
  await db.client.$transaction(
    old.map(
      ({ name, sealed, plaintext }) =>
        // Whoever re-seals at the same moment has put something there that opens as well.
        db.client
          .$executeRaw`UPDATE secrets SET sealed = ${sealer.seal(plaintext, contextOf(name))} WHERE name = ${name} AND sealed = ${sealed}`,
    ),
  );
  return { resealed: old.length, total: rows.length };
}
