import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { runCli } from '../../src/cli/index.js';
import { createTerminal } from '../../src/cli/terminal.js';
import type { Config } from '../../src/config/index.js';
import type { Database } from '../../src/platform/db/index.js';
import { type Outcome, runNode } from './built.js';
import { createDatabaseUrl } from './database.js';

const built = path.resolve(import.meta.dirname, '../../dist/cli.js');

type RunOptions = { input?: string; env?: Record<string, string> };
type Run = (args: readonly string[], options?: RunOptions) => Promise<Outcome>;

/** The `latchkey` command over one installation. */
export type CommandLine = {
  /** An installation's folder, without anything that others could share. */
  folder: string;
  /** The settings of its commands, for a test that has to run the built one by itself. */
  environment: Record<string, string>;
  /** Runs a command in this process: its words, streams and exit code, at a tenth of the cost of a process. */
  run: Run;
  /** Runs the built command as a process of its own; see `ensureBuilt`. */
  spawn: Run;
  /** Runs with `--json`; it must end well, say nothing else and print one JSON object. */
  // biome-ignore lint/suspicious/noExplicitAny: each command prints another shape, and a test looks at the members it means
  json(args: readonly string[], options?: RunOptions & { spawn?: boolean }): Promise<any>;
  close(): Promise<void>;
};

async function runHere(
  args: readonly string[],
  { environment, input }: { environment: Record<string, string>; input: string },
): Promise<Outcome> {
  const output = { stdout: '', stderr: '' };
  const capture = (name: keyof typeof output) =>
    new Writable({
      write(chunk, _encoding, done) {
        output[name] += chunk;
        done();
      },
    });
  const terminal = createTerminal({ stdin: Readable.from([Buffer.from(input)]), stdout: capture('stdout'), stderr: capture('stderr') });
  const code = await runCli(args, { terminal, environment });
  return { code, ...output };
}

function commandLine(environment: Record<string, string>, folder: string, close: () => Promise<void>): CommandLine {
  const run: Run = (args, { input = '', env } = {}) => runHere(args, { environment: { ...environment, ...env }, input });
  const spawn: Run = (args, { input = '', env } = {}) => runNode([built, ...args], { env: { ...environment, ...env }, cwd: folder, input });
  return {
    folder,
    environment,
    run,
    spawn,
    async json(args, options) {
      const outcome = await (options?.spawn ? spawn : run)([...args, '--json'], options);
      if (outcome.code !== 0 || outcome.stderr !== '') throw new Error(`latchkey ${args.join(' ')}: ${JSON.stringify(outcome)}`);
      const data: unknown = JSON.parse(outcome.stdout);
      if (typeof data !== 'object' || data === null || Array.isArray(data)) throw new Error(`no JSON object: ${outcome.stdout}`);
      return data;
    },
    close,
  };
}

const cheapHashes = { HASH_MEMORY_KIB: '8192', HASH_PASSES: '1' };
const secrets = {
  KEY_ENCRYPTION_KEY: Buffer.from('Vq7rT2mXw9LpZ4kHs8BnY6dJc3FgR5tQ').toString('base64'),
  COOKIE_SECRETS: 'a cookie secret for tests that is long enough to be one',
};

/** An installation of its own. `untouched`: an empty folder and no settings at all; its commands are to be spawned. */
export async function openInstallation(provider: Database['provider'] | 'untouched' = 'sqlite'): Promise<CommandLine> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-cli-'));
  const database = provider === 'untouched' ? undefined : await createDatabaseUrl(provider);
  const environment = { ...cheapHashes, ...(database ? { ...secrets, DATA_DIR: folder, DATABASE_URL: database.url } : {}) };
  return commandLine(environment, folder, async () => {
    await database?.drop();
    rmSync(folder, { recursive: true, force: true });
  });
}

/** The command line beside a running server: the same settings, another process. */
export function besideServer(config: Config): CommandLine {
  const env = {
    ...cheapHashes,
    DATABASE_URL: config.databaseUrl,
    DATA_DIR: config.dataDir,
    ISSUER_URL: config.issuerUrl,
    KEY_ENCRYPTION_KEY: config.keyEncryptionKey.toString('base64'),
    COOKIE_SECRETS: config.cookieSecrets.join(','),
  };
  return commandLine(env, config.dataDir, async () => {});
}
