import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PERSON, REDIRECT_URI } from '../support/application.js';
import { type Outcome, runNode } from '../support/built.js';
import { PASSWORD } from '../support/people.js';
import { freePort } from '../support/ports.js';
import { childEnvironment, type ServerChild, startServerChild } from '../support/server-child.js';

const cli = path.resolve(import.meta.dirname, '../../dist/cli.js');

/** How often the long tests repeat what they do. CI sets a small number. */
export const roundsOf = (fallback: number): number => Number(process.env.DURABILITY_ROUNDS ?? fallback);

/** An installation on disk with one client and one person, whose server comes and goes at one address. */
export type Installation = {
  url: string;
  dataDir: string;
  databaseUrl: string;
  client: { id: string; secret: string };
  /** The settings of its server and commands. */
  environment: Record<string, string>;
  /** Runs a command of the built command line beside it; `env` says otherwise what it is to say otherwise. */
  latchkey(args: readonly string[], options?: { input?: string; env?: Record<string, string> }): Promise<Outcome>;
  start(options?: { command?: (file: string) => string[]; env?: Record<string, string> }): Promise<ServerChild>;
  close(): Promise<void>;
};

/** @param databaseUrl PostgreSQL; without one, SQLite in the data folder */
export async function createInstallation(databaseUrl?: string): Promise<Installation> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'latchkey-durability-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    DATA_DIR: dataDir,
    DATABASE_URL: databaseUrl ?? `file:${path.join(dataDir, 'latchkey.db')}`,
    HOST: '127.0.0.1',
    PORT: String(port),
    ISSUER_URL: url,
    // A slow machine may take long to start again, and a refresh that was cut off is to be sent again inside the window.
    REFRESH_REUSE_WINDOW_SECONDS: '300',
  };
  const environment = { ...childEnvironment, ...env };
  const latchkey: Installation['latchkey'] = (args, { input = '', env: over } = {}) =>
    runNode([cli, ...args], { env: { ...environment, ...over }, input, cwd: dataDir });
  const make = async (args: string[], input = '') => {
    const outcome = await latchkey([...args, '--json'], { input });
    if (outcome.code !== 0) throw new Error(outcome.stderr);
    return JSON.parse(outcome.stdout) as Record<string, string>;
  };
  const made = await make([
    'client',
    'create',
    '--client-name',
    'App',
    '--redirect-uri',
    REDIRECT_URI,
    '--first-party',
    '--grant-type',
    'authorization_code',
    '--grant-type',
    'refresh_token',
  ]);
  await make(['user', 'create', '--email', PERSON, '--verified', '--password-stdin'], PASSWORD);
  let running: ServerChild | undefined;
  return {
    url,
    dataDir,
    databaseUrl: env.DATABASE_URL,
    client: { id: made.client_id ?? '', secret: made.client_secret ?? '' },
    environment,
    latchkey,
    async start({ command, env: over } = {}) {
      running = await startServerChild({ ...env, ...over }, command ? { command } : {});
      return running;
    },
    async close() {
      await running?.kill();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
