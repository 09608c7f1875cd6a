import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './ports.js';
import { onServer } from './postgres.js';

const PROGRAMS = ['initdb', 'postgres', 'pg_dump', 'pg_restore'];
/** Debian keeps one folder for each version. */
const VERSIONS = '/usr/lib/postgresql';
const READY_TIMEOUT_MS = 30_000;

/**
 * The programs of a PostgreSQL that is installed here, server and pg_dump of one version, the newest first; undefined where there is none. The
 * tests' other PostgreSQL comes without pg_dump.
 */
export const installedPostgres = [process.env.POSTGRESQL_BIN, ...debianFolders(), '/usr/local/bin', '/usr/bin'].find(
  (folder) => folder !== undefined && PROGRAMS.every((program) => existsSync(path.join(folder, program))),
);

function debianFolders(): string[] {
  if (!existsSync(VERSIONS)) return [];
  const versions = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => path.join(VERSIONS, version, 'bin'));
}

export type InstalledPostgres = {
  /** as PostgreSQL tells it: 15.14 */
  version: string;
  /** the server's URL without a database */
  url: string;
  /** Runs one of its programs. @throws Error with what it complained of */
  run(program: 'pg_dump' | 'pg_restore', args: readonly string[]): Promise<void>;
  stop(): Promise<void>;
};

/** A throw-away server of the PostgreSQL that is installed here, on a free port of loopback. */
export async function startInstalledPostgres(): Promise<InstalledPostgres> {
  const bin = installedPostgres;
  if (!bin) throw new Error('no PostgreSQL with pg_dump is installed here');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-installed-pg-'));
  // The server refuses to run as root: it gets the user that Debian's package made for it, and its folder with it.
  const owner: Owner = process.getuid?.() === 0 ? userIds('postgres') : {};
  chmodSync(folder, 0o755);
  const [data, passwordFile] = [path.join(folder, 'data'), path.join(folder, 'password')];
  writeFileSync(passwordFile, 'postgres', { mode: 0o644 });
  const launch = (program: string, args: readonly string[], as: Owner = {}) =>
    watch(spawn(path.join(bin, program), args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], ...as }));
  spawnSync('install', ['-d', '-m', '700', ...(owner.uid === undefined ? [] : ['-o', String(owner.uid), '-g', String(owner.gid)]), data]);
  await launch(
    'initdb',
    ['-D', data, '-U', 'postgres', `--pwfile=${passwordFile}`, '-A', 'scram-sha-256', '-E', 'UTF8', '--no-sync', '--locale=C'],
    owner,
  ).well();
  const port = await freePort();
  const server = launch(
    'postgres',
    ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'fsync=off', '-c', 'max_connections=100'],
    owner,
  );
  const url = `postgresql://postgres:postgres@127.0.0.1:${port}`;
  // Never outlives the test, however that ends.
  const orphaned = () => server.child.kill('SIGQUIT');
  process.once('exit', orphaned);
  return {
    url,
    version: await untilReady(url, server),
    run: (program, args) => launch(program, args).well(),
    async stop() {
      process.removeListener('exit', orphaned);
      // A fast shutdown: clients are cut off.
      server.child.kill('SIGINT');
      await server.gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whom a program runs as; whoever runs the tests, where nothing is said. */
type Owner = { uid?: number; gid?: number };

function userIds(name: string): Owner {
  const [uid, gid] = ['-u', '-g'].map((option) =>
    Number(spawnSync('id', [option, name], { encoding: 'utf8' }).stdout.trim() || Number.NaN),
  );
  if (!uid || !gid) throw new Error(`there is no user ${name} for PostgreSQL to run as`);
  return { uid, gid };
}

type Watched = { child: ChildProcess; complaints(): string; gone: Promise<unknown>; well(): Promise<void> };

function watch(child: ChildProcess): Watched {
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4000);
  });
  const gone = once(child, 'close');
  return {
    child,
    complaints: () => complaints,
    gone,
    async well() {
      await gone;
      if (child.exitCode !== 0) throw new Error(`${child.spawnfile} ended with ${child.exitCode ?? child.signalCode}:\n${complaints}`);
    },
  };
}

async function untilReady(url: string, server: Watched): Promise<string> {
  const until = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      await onServer(url, 'SELECT 1');
      break;
    } catch (error) {
      const ended = server.child.exitCode !== null || server.child.signalCode !== null;
      if (ended || Date.now() > until) throw new Error(`PostgreSQL did not start:\n${server.complaints()}`, { cause: error });
      await delay(50);
    }
  }
  const client = new pg.Client({ connectionString: `${url}/postgres` });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
  await client.end();
  return rows[0]?.server_version.split(' ')[0] ?? '';
}
