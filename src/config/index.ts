/**
 * Owns: every setting, and the secrets a local installation makes for itself. The only reader of process.env.
 * Does not own: what the settings do.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { z } from 'zod';
import type { Setting } from './define.js';
import { findLocalSecrets, readLocalSecret } from './local-secrets.js';
import { type Fault, isLoopback, productionFaults } from './production.js';
import { settings } from './settings.js';

type Parsed = { [K in keyof typeof settings]: (typeof settings)[K] extends Setting<infer T> ? T : never };
type Optional =
  | 'issuerUrl'
  | 'databaseUrl'
  | 'trustProxy'
  | 'clientCertificateHeader'
  | 'clientCertificateVerifiedHeader'
  | 'outboundAllow'
  | 'demo'
  | 'keyEncryptionKeyPrevious'
  | 'smtpUrl'
  | 'clientsFile'
  | 'resourcesFile'
  | 'brandLogo'
  | 'firstPartyOrigins'
  | 'metricsPort'
  | 'breachedPasswordsUrl'
  | 'logFormat';

/** The settings, parsed and complete. */
export type Config = Omit<Parsed, Optional> & {
  issuerUrl: string;
  databaseUrl: string;
  demo: boolean;
  firstPartyOrigins: string[];
  outboundAllow: string[];
  logFormat: 'pretty' | 'json';
  /** How many passwords this process hashes at a time. */
  hashConcurrency: number;
  /** Threads of libuv's pool that each of several processes is to be started with; see WORKERS. */
  workerPoolThreads: number;
} & {
  [K in
    | 'trustProxy'
    | 'clientCertificateHeader'
    | 'clientCertificateVerifiedHeader'
    | 'keyEncryptionKeyPrevious'
    | 'smtpUrl'
    | 'clientsFile'
    | 'resourcesFile'
    | 'brandLogo'
    | 'metricsPort'
    | 'breachedPasswordsUrl']: Parsed[K] | undefined;
};

/** All faults of a configuration, each with its mend. */
export class ConfigurationError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigurationError';
    this.faults = faults;
  }
}

/** Settings by their names. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads, checks and completes the settings.
 * @param environment the environment; the process's own unless given
 * @param root where keys/ and relative paths start
 * @throws ConfigurationError listing every fault at once
 */
export function loadConfig(environment: Environment = process.env, { root = process.cwd() }: { root?: string } = {}): Config {
  const faults: Fault[] = [];
  const parsed: Record<string, unknown> = {};
  for (const [key, definition] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const text = readText(environment, definition, faults) ?? definition.fallback;
    if (text !== undefined) parsed[key] = parseText(definition, text, faults);
  }
  const config = parsed as Parsed;
  const production = config.env === 'production';
  config.dataDir = path.resolve(root, config.dataDir ?? './data');
  config.issuerUrl ??= `http://localhost:${config.port}`;
  // Encoded: a folder may have a # or % in its name, and another one would be used.
  config.databaseUrl ??= `file:${pathToFileURL(path.join(config.dataDir, 'latchkey.db')).pathname}`;
  config.demo ??= !production;
  config.firstPartyOrigins ??= [];
  config.outboundAllow ??= production ? [] : ['127.0.0.0/8', '::1'];
  config.logFormat ??= process.stdout.isTTY ? 'pretty' : 'json';
  for (const key of FILES) if (config[key] !== undefined) config[key] = path.resolve(root, config[key]);
  faults.push(...certificateFaults(config), ...workerFaults(config), ...fileFaults(config));
  if (production) {
    // What is faulty in itself is not called missing as well.
    const known = new Set(faults.map(({ name }) => name));
    const developmentSecrets = findLocalSecrets({ root, dataDir: config.dataDir });
    faults.push(...productionFaults(config, { developmentSecrets }).filter(({ name }) => !known.has(name)));
  } else {
    faults.push(...developmentFaults(config, environment));
    if (faults.length === 0) addLocalSecrets(config, root, faults);
  }
  if (faults.length > 0) throw new ConfigurationError(faults.map(({ text }) => text));
  return { ...(config as Config), ...threadsOf(environment, config.workers) };
}

/** Whether whoever runs this wants to see the inside of failures, known also where the settings are faulty. */
export const isDebugging = (environment: Environment = process.env): boolean => ['debug', 'trace'].includes(environment.LOG_LEVEL ?? '');

/** libuv's pool is shared by argon2, file access, DNS and RSA signatures; four threads stay for the others, so that a flood of sign-ins delays no token. */
const THREADS_FOR_OTHERS = 4;
const DEFAULT_POOL_THREADS = 4;

/**
 * The pool's size is fixed when the process starts (UV_THREADPOOL_SIZE), so hashing adapts to it: with the default pool, one at a time. Several
 * processes share the cores, of which one stays for those who do not sign in, where there are two: they waited up to eight times as long without.
 */
function threadsOf(environment: Environment, workers: number): Pick<Config, 'hashConcurrency' | 'workerPoolThreads'> {
  const given = Number(environment.UV_THREADPOOL_SIZE) || undefined;
  const share = Math.max(1, Math.floor((availableParallelism() - 1) / workers));
  return {
    hashConcurrency: Math.max(1, Math.min(share, (given ?? DEFAULT_POOL_THREADS) - THREADS_FOR_OTHERS)),
    workerPoolThreads: given ?? share + THREADS_FOR_OTHERS,
  };
}

function parseText(definition: Setting<unknown>, text: string, faults: Fault[]): unknown {
  const result = (definition.schema as z.ZodType<unknown, string>).safeParse(text);
  if (result.success) return result.data;
  for (const { message } of result.error.issues) faults.push({ name: definition.name, text: `${definition.name} ${message}` });
  return undefined;
}

/** Completes the secrets that were not given with those that this installation makes for itself. */
function addLocalSecrets(config: Parsed, root: string, faults: Fault[]): void {
  const places = { root, dataDir: config.dataDir };
  for (const [key, file] of [
    ['keyEncryptionKey', 'key-encryption-key'],
    ['cookieSecrets', 'cookie-secrets'],
  ] as const) {
    if (config[key]) continue;
    const { name, schema } = settings[key];
    try {
      const result = schema.safeParse(readLocalSecret(file, places));
      if (result.success) Object.assign(config, { [key]: result.data });
      else faults.push({ name, text: `${name}: the file ${file} under keys/ or DATA_DIR is damaged: restore it, or set ${name}` });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      faults.push({
        name,
        text: `${name}: ${file} can be neither read nor made under keys/ or DATA_DIR (${code}): make DATA_DIR writable, or set ${name}`,
      });
    }
  }
}

function readText(environment: Environment, definition: Setting<unknown>, faults: Fault[]): string | undefined {
  const { name } = definition;
  // An empty variable is how compose files and shells say "not set".
  const text = environment[name] || undefined;
  if (!definition.secret) return text;
  const file = environment[`${name}_FILE`] || undefined;
  if (!file) return text;
  if (text !== undefined) {
    faults.push({ name, text: `${name} and ${name}_FILE are both set: keep one of them` });
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    faults.push({ name, text: `${name}_FILE cannot be read (${code}): name a file the server's user may read` });
    return undefined;
  }
}

function developmentFaults(config: Parsed, environment: Environment): Fault[] {
  return [...exposureFaults(config, environment), ...rangeFaults(config)];
}

/** Settings that name a file. */
const FILES = ['clientsFile', 'resourcesFile', 'brandLogo'] as const;

/** A file that is named has to be there; what is in it is its feature's to judge. */
function fileFaults(config: Parsed): Fault[] {
  return FILES.flatMap((key) => {
    const file = config[key];
    const { name } = settings[key];
    if (file === undefined) return [];
    try {
      accessSync(file, constants.R_OK);
      return statSync(file).isFile() ? [] : [{ name, text: `${name} (${file}) is no file: name one` }];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return [{ name, text: `${name} (${file}) cannot be read (${code}): name a file the server's user may read` }];
    }
  });
}

/** From whom a certificate is believed has to be said; anybody could name any otherwise. */
function certificateFaults({ clientCertificateHeader: header, clientCertificateVerifiedHeader: verified, trustProxy }: Parsed): Fault[] {
  const faults: Fault[] = [];
  const add = ({ name }: { name: string }, text: string) => faults.push({ name, text: `${name} ${text}` });
  if (header && !trustProxy)
    add(settings.clientCertificateHeader, 'needs TRUST_PROXY: only a trusted proxy may say who has which certificate');
  // A count of hops believes whoever stands nearest, so whoever reaches the port could show any certificate.
  if (header && trustProxy && 'hops' in trustProxy)
    add(
      settings.clientCertificateHeader,
      'needs TRUST_PROXY to name the addresses of the proxy (such as 10.0.0.0/8), not a number of hops',
    );
  if (verified && !header) add(settings.clientCertificateVerifiedHeader, 'needs CLIENT_CERTIFICATE_HEADER, which names the certificate');
  if (verified && verified === header)
    add(settings.clientCertificateVerifiedHeader, 'must be another header than CLIENT_CERTIFICATE_HEADER');
  return faults;
}

/** SQLite is written by one process; others would wait for it at every write. */
function workerFaults({ workers, databaseUrl }: Parsed): Fault[] {
  if (!(workers > 1) || !databaseUrl?.startsWith('file:')) return [];
  const { name } = settings.workers;
  return [
    { name, text: `${name} must be 1 with SQLite, which is for one process: set DATABASE_URL to postgresql://..., or leave ${name} out` },
  ];
}

/** Another machine is asked over https only, so that nobody on the way learns what is asked. */
function rangeFaults({ breachedPasswordsUrl: url }: Parsed): Fault[] {
  if (!url?.startsWith('http:') || isLoopback(new URL(url).hostname)) return [];
  const { name } = settings.breachedPasswordsUrl;
  return [{ name, text: `${name} must be https, such as https://api.pwnedpasswords.com/range/` }];
}

/**
 * Development is the default, for a machine of one's own. It shows everybody every mail, so an installation that other machines reach is never in
 * it by a forgotten setting.
 */
function exposureFaults({ issuerUrl, smtpUrl }: Parsed, environment: Environment): Fault[] {
  if (environment[settings.env.name] || !issuerUrl || !URL.canParse(issuerUrl) || isLoopback(new URL(issuerUrl).hostname)) return [];
  const shows = smtpUrl ? '' : ', where everybody who comes reads all mails, password resets too';
  const text = `${settings.env.name} must be set for an ISSUER_URL that other machines reach: production, or development${shows}`;
  return [{ name: settings.env.name, text }];
}
