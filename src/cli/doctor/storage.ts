import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../../config/index.js';
import { createClientRepository } from '../../oidc/clients/index.js';
import { createSigningKeys, type SigningKeyInfo } from '../../oidc/signing-keys/index.js';
import { createChangeFeed } from '../../platform/changes/index.js';
import { now } from '../../platform/clock.js';
import { countSealedUnder, hasSecrets, openSecretStore } from '../../platform/crypto/index.js';
import { type Database, openDatabase, pendingMigrations } from '../../platform/db/index.js';
import { root } from '../../platform/installation.js';
import type { Logger } from '../../platform/log/index.js';
import { describeFailure } from '../failure-text.js';
import type { ExaminedClient } from './clients.js';
import { type Finding, failure, ok, skipped, warning } from './finding.js';

const HOUR_MS = 3_600_000;

const reasonOf = (error: unknown): [message: string, mend: string] => {
  const [message = '', mend = 'Run the command again with LOG_LEVEL=debug to see more.'] = describeFailure(error, { debug: false })
    .text.replace(/^Error: /, '')
    .trimEnd()
    .split('\n');
  return [message, mend];
};

const LATENCY_WARNING_MS = 20;
const LATENCY_FAILURE_MS = 250;
const SKEW_WARNING_MS = 5000;

/** What the database tells that others have to agree with. */
export type Storage = { findings: Finding[]; known?: { pepper: KeyObject; activeKids: string[]; clients: ExaminedClient[] } };

/** The database, its migrations, the secrets in it and the keys. Changes nothing. */
export async function checkStorage(config: Config, log: Logger): Promise<Storage> {
  let known: Storage['known'];
  const findings = await examineStorage(config, log, (found) => {
    known = found;
  });
  return { findings, ...(known ? { known } : {}) };
}

async function examineStorage(config: Config, log: Logger, tell: (known: Storage['known']) => void): Promise<Finding[]> {
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
    const findings = [ok('database', `${db.provider} answers.`), ...(await checkPace(db)), migrations];
    if (migrations.status === 'failure') return [...findings, ...rest(1, 'The database is not up to date.')];
    return [...findings, ...(await checkSecretsAndKeys({ config, db, log, tell }))];
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

/** How long a statement takes, and what time it is there. */
async function checkPace(db: Database): Promise<Finding[]> {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const startedAt = performance.now();
    await db.ping();
    times.push(performance.now() - startedAt);
  }
  const skewMs = Math.abs((await db.clock()).getTime() - now());
  return [judgeLatency(times.sort((a, b) => a - b)[2] ?? 0), judgeDatabaseClock(skewMs)];
}

export function judgeLatency(medianMs: number): Finding {
  const message = `A statement takes ${medianMs.toFixed(1)} ms.`;
  const mend = 'Put the server near its database, and look at the load of both.';
  if (medianMs > LATENCY_FAILURE_MS) return failure('database latency', message, mend);
  return medianMs > LATENCY_WARNING_MS ? warning('database latency', message, mend) : ok('database latency', message);
}

/** The server keeps its own time; the database's is seen by people who look at both. */
export function judgeDatabaseClock(skewMs: number): Finding {
  if (skewMs <= SKEW_WARNING_MS) return ok('database clock', 'The database has the time of this machine.');
  const message = `The clock of the database and that of this machine differ by ${Math.round(skewMs / 1000)} s.`;
  return warning('database clock', message, 'Keep the clocks of all machines by NTP.');
}

async function checkSecretsAndKeys({
  config,
  db,
  log,
  tell,
}: {
  config: Config;
  db: Database;
  log: Logger;
  tell: (known: Storage['known']) => void;
}): Promise<Finding[]> {
  try {
    // They would be made here otherwise, and looking must change nothing.
    if (!(await hasSecrets(db))) {
      const mend = 'Start the server: it makes its secrets and keys.';
      return [failure('secrets', 'No server has run on this database yet.', mend), skipped('signing keys', 'There are none yet.')];
    }
    const sealedUnder = { current: config.keyEncryptionKey, previous: config.keyEncryptionKeyPrevious };
    const { sealer, hmacPepper } = await openSecretStore(db, sealedUnder);
    const keys = createSigningKeys({
      db,
      sealer,
      changes: createChangeFeed({ db, log }),
      settings: { algs: config.signingAlgs, rotationSeconds: config.keyRotationSeconds, jwksMaxAgeSeconds: config.jwksMaxAgeSeconds },
      log,
    });
    const listed = await keys.list();
    const active = listed.filter(({ state }) => state === 'active');
    tell({ pepper: hmacPepper, activeKids: active.map(({ kid }) => kid), clients: await listClients(db) });
    return [judgeSecrets(await countSealedUnder(db, sealedUnder), config), judgeKeys(listed)];
  } catch (error) {
    return [failure('secrets', ...reasonOf(error)), skipped('signing keys', 'The secrets do not open.')];
  }
}

const MAX_CLIENTS = 1000;

async function listClients(db: Database): Promise<ExaminedClient[]> {
  const rows = await createClientRepository(db).list(MAX_CLIENTS);
  return rows.map(({ id, source, profile, tokenEndpointAuthMethod, redirectUris, metadata }) => ({
    ...{ id, source, profile, tokenEndpointAuthMethod },
    redirectUris: JSON.parse(redirectUris) as string[],
    applicationType: (JSON.parse(metadata) as { application_type?: string }).application_type ?? 'web',
  }));
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
