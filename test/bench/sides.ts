import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import argon2 from 'argon2';
import { freePort } from '../support/ports.js';
import type { Database } from './arguments.js';
import { type Meters, openMeters } from './meters.js';
import { type LoadGenerator, type Started, startLoadGenerator, startServer, yardstickScript } from './processes.js';
import { application, emailOf, HASH, ISSUER, PASSWORD, PEOPLE, resources, service } from './stage.js';

/** One of those that take turns: a server, what meters it and what asks it. */
export type Side = {
  name: string;
  kind: 'ours' | 'yardstick';
  /** that share the requests */
  processes: number;
  /** one, or one for each installation */
  ports: readonly number[];
  meters: Meters;
  load: LoadGenerator;
  readyMs: number;
  stop(): Promise<void>;
};

const root = process.cwd();
/** As `npm start` sets it, on both sides. */
const PROCESS = {
  UV_THREADPOOL_SIZE: String(availableParallelism() + 4),
  ...(JSON.parse(readFileSync(path.join(root, 'scripts', 'process-environment.json'), 'utf8')) as Record<string, string>),
};

export async function openYardstick(folder: string): Promise<Side> {
  const [port, meters] = [await freePort(), await openMeters()];
  const env = { PORT: String(port), NODE_ENV: 'production', ...PROCESS };
  const servers = await startAll(meters, [{ script: yardstickScript, env, logFile: path.join(folder, 'yardstick.log') }]);
  return sideOf('yardstick', 'yardstick', { processes: 1, ports: [port], meters, servers });
}

/** The server as it is built, with what an operator would set. Its files are in a folder of its own. */
export type Installation = { name: string; database: Database; env: Record<string, string>; folder: string };

export async function install({
  name,
  database,
  databaseUrl,
  smtpPort,
  workers,
  folder: parent,
}: {
  name: string;
  database: Database;
  databaseUrl: string | undefined;
  smtpPort: number;
  workers: number;
  folder: string;
}): Promise<Installation> {
  const folder = path.join(parent, name);
  mkdirSync(folder, { recursive: true });
  const file = (base: string, content: string) => {
    writeFileSync(path.join(folder, base), content);
    return path.join(folder, base);
  };
  const env = {
    LATCHKEY_ENV: 'production',
    NODE_ENV: 'production',
    ISSUER_URL: ISSUER,
    PORT: String(await freePort()),
    DATA_DIR: folder,
    ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}),
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    COOKIE_SECRETS: randomBytes(32).toString('base64'),
    SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
    TRUST_PROXY: 'loopback',
    METRICS_PORT: String(await freePort()),
    CLIENTS_FILE: file(
      'clients.json',
      JSON.stringify([
        { ...application, profile: 'default' },
        { ...service, scope: 'orders:read', profile: 'service' },
      ]),
    ),
    RESOURCES_FILE: file('resources.json', JSON.stringify(resources)),
    HASH_MEMORY_KIB: String(HASH.memoryKib),
    HASH_PASSES: String(HASH.passes),
    ...PROCESS,
    ...(workers > 1 ? { WORKERS: String(workers) } : {}),
  };
  const passwordHash = await argon2.hash(PASSWORD, { memoryCost: HASH.memoryKib, timeCost: HASH.passes, parallelism: HASH.lanes });
  const people = Array.from({ length: PEOPLE }, (_, person) => ({
    ...{ email: emailOf(person), first_name: 'Ada', last_name: 'Example', full_name: 'Ada Example' },
    ...{ password_hash: passwordHash, email_verified: true },
  }));
  const rows = file('people.ndjson', people.map((person) => `${JSON.stringify(person)}\n`).join(''));
  await promisify(execFile)(process.execPath, [path.join(root, 'dist', 'cli.js'), 'user', 'import', rows], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  return { name, database, env, folder };
}

/** @param others share the requests with it, and know nothing of each other */
export async function start(installation: Installation, ...others: Installation[]): Promise<Side> {
  const [meters, all] = [await openMeters(), [installation, ...others]];
  const script = path.join(root, 'dist', 'main.js');
  const servers = await startAll(
    meters,
    all.map(({ env, folder }) => ({ script, env, logFile: path.join(folder, 'server.log') })),
  );
  const processes = all.reduce((total, { env }) => total + Number(env.WORKERS ?? 1), 0);
  return sideOf(installation.name, 'ours', { processes, ports: all.map(({ env }) => Number(env.PORT)), meters, servers });
}

/** One after the other. @throws when one does not start; nothing is left running then, since there is no side yet that could be stopped */
async function startAll(meters: Meters, all: readonly { script: string; env: Record<string, string>; logFile: string }[]) {
  const servers: Started[] = [];
  try {
    for (const each of all) servers.push(await startServer({ ...each, meterPort: meters.port }));
    return servers;
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()));
    meters.close();
    throw error;
  }
}

function sideOf(
  name: string,
  kind: Side['kind'],
  { processes, ports, meters, servers }: { processes: number; ports: number[]; meters: Meters; servers: Started[] },
): Side {
  const load = startLoadGenerator();
  return {
    ...{ name, kind, processes, ports, meters, load, readyMs: Math.max(...servers.map(({ readyMs }) => readyMs)) },
    async stop() {
      load.stop();
      await Promise.all(servers.map((server) => server.stop()));
      meters.close();
    },
  };
}
