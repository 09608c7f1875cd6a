import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../../config/index.js';
import { createSigningKeys, type SigningKeyInfo } from '../../oidc/signing-keys/index.js';
import { createChangeFeed } from '../../platform/changes/index.js';
import { now } from '../../platform/clock.js';
import { countSealedUnder, hasSecrets, openSecretStore } from '../../platform/crypto/index.js';
import { type Database, openDatabase, pendingMigrations } from '../../platform/db/index.js';
import { root } from '../../platform/installation.js';
import type { Logger } from '../../platform/log/index.js';
import { describeFailure } from '../failure.js';
import { type Finding, failure, ok, skipped, warning } from './finding.js';

const HOUR_MS = 3_600_000;

const reasonOf = (error: unknown): [message: string, mend: string] => {
  const [message = '', mend = 'Run the command again with LOG_LEVEL=debug to see more.'] = describeFailure(error, { debug: false })
    .text.replace(/^Error: /, '')
    .trimEnd()
    .split('\n');
  return [message, mend];
};

/** The database, its migrations, the secrets in it and the keys. Changes nothing. */
export async function checkStorage(config: Config, log: Logger): Promise<Finding[]> {
  const rest = (from: number, why: string) => ['migrations', 'secrets', 'signing keys'].slice(from).map((check) => skipped(check, why));
  const file = config.databaseUrl.startsWith('file:') ? config.databaseUrl.slice('file:'.length).replace(/\?.*$/, '') : undefined;
  if (file && !existsSync(path.resolve(file))) {
    const mend = 'Start the server once (npm start), or run: latchkey migrate';
    return [failure('database', 'There is no database file yet.', mend), ...rest(0, 'There is no database.')];
  }
  let db: Database;
  try {
    db = await openDatabase({ url: config.databaseUrl });
  } catch (error) {
    return [failure('database', ...reasonOf(error)), ...rest(0, 'The database cannot be reached.')];
  }
  try {
    await db.ping();
    const migrations = await checkMigrations(config);
    const findings = [ok('database', `${db.provider} answers.`), migrations];
    if (migrations.status === 'failure') return [...findings, ...rest(1, 'The database is not up to date.')];
    return [...findings, ...(await checkSecretsAndKeys(config, db, log))];
  } catch (error) {
    return [failure('database', ...reasonOf(error)), ...rest(0, 'The database cannot be used.')];
  } finally {
    await db.close();
  }
}

async function checkMigrations({ databaseUrl }: Config): Promise<Finding> {
  try {
    const pending = await pendingMigrations({ url: databaseUrl, directory: path.join(root, 'prisma') });
    if (pending.length === 0) return ok('migrations', 'Every migration is applied.');
    return failure('migrations', `${pending.length} to be applied: ${pending.join(', ')}.`, 'Restart the server, or run: latchkey migrate');
  } catch (error) {
    return failure('migrations', ...reasonOf(error));
  }
}

async function checkSecretsAndKeys(config: Config, db: Database, log: Logger): Promise<Finding[]> {
  try {
    // They would be made here otherwise, and looking must change nothing.
    if (!(await hasSecrets(db))) {
      const mend = 'Start the server: it makes its secrets and keys.';
      return [failure('secrets', 'No server has run on this database yet.', mend), skipped('signing keys', 'There are none yet.')];
    }
    const sealedUnder = { current: config.keyEncryptionKey, previous: config.keyEncryptionKeyPrevious };
    const { sealer } = await openSecretStore(db, sealedUnder);
    const keys = createSigningKeys({
      db,
      sealer,
      changes: createChangeFeed({ db, log }),
      settings: { algs: config.signingAlgs, rotationSeconds: config.keyRotationSeconds, jwksMaxAgeSeconds: config.jwksMaxAgeSeconds },
      log,
    });
    return [judgeSecrets(await countSealedUnder(db, sealedUnder), config), judgeKeys(await keys.list())];
  } catch (error) {
    return [failure('secrets', ...reasonOf(error)), skipped('signing keys', 'The secrets do not open.')];
  }
}

function judgeSecrets({ previous }: { previous: number }, { keyEncryptionKeyPrevious }: Config): Finding {
  if (previous > 0) {
    const mend = 'When every server has the new key, run: latchkey secrets reseal';
    return warning('secrets', `${previous} are still sealed under KEY_ENCRYPTION_KEY_PREVIOUS.`, mend);
  }
  if (keyEncryptionKeyPrevious) {
    const mend = 'Take KEY_ENCRYPTION_KEY_PREVIOUS away: nothing needs it any more.';
    return warning('secrets', 'Everything is sealed under the new key, and the old one is still set.', mend);
  }
  return ok('secrets', 'The key-encryption key opens what is sealed in the database.');
}

function judgeKeys(keys: readonly SigningKeyInfo[]): Finding {
  const active = keys.filter(({ state }) => state === 'active');
  if (active.length === 0) return failure('signing keys', 'There is no active key.', 'Start the server: it makes one.');
  const late = active.find(({ rotatesAt }) => rotatesAt && now() - rotatesAt.getTime() > HOUR_MS);
  if (late) {
    return warning(
      'signing keys',
      `${late.kid} should have been replaced at ${late.rotatesAt?.toISOString()}.`,
      'Is a server running? It rotates the keys.',
    );
  }
  return ok('signing keys', `${active.length} active, ${keys.length} published.`);
}
