import type { Config, Environment } from '../config/index.js';
import type { Logger } from '../platform/log/index.js';
import type { Services } from '../services.js';
import { CliError } from './failure.js';
import type { Printed } from './output.js';
import type { Terminal } from './terminal.js';

/** A password is at most 128 characters of up to 4 bytes; a secret has less. */
const MAX_SECRET_BYTES = 4096;

/** What a command may want otherwise than the server has it. */
export type ServicesOptions = { settings?: Partial<Config>; mailer?: Services['mailer'] };

/** What every command works with. */
export type Cli = {
  terminal: Terminal;
  /** The settings, read when a command first needs them. @throws ConfigurationError */
  config(): Promise<Config>;
  /** Runs work on the same services as the server's, and lets go of them. */
  withServices<T>(work: (services: Services) => Promise<T>, options?: ServicesOptions): Promise<T>;
  /** Writes a result: the text, or with `json` its data as one JSON value. */
  print(printed: Printed, options: { json?: boolean | undefined }): void;
  /** The command has found what it was asked to look for: it ends with 1. */
  endWithFinding(): void;
  exitCode(): number;
  /** Asks before something that cannot be undone. @throws CliError without a yes */
  confirm(question: string, options: { yes?: boolean | undefined }): Promise<void>;
  /** A secret from standard input or, on a terminal, typed without being shown. Never from an argument, which every process can read. */
  readSecret(what: string, options: { fromStdin?: boolean | undefined; flag: string }): Promise<string>;
};

/** Problems of the services go to standard error; what they merely report is for the server's log. */
export async function createCliLogger(config: Config): Promise<Logger> {
  const { createLogger } = await import('../platform/log/index.js');
  const asked = ['debug', 'trace', 'fatal', 'silent'].includes(config.logLevel);
  return createLogger({ level: asked ? config.logLevel : 'error', format: config.logFormat, stderr: true });
}

export function createCli({ terminal, environment }: { terminal: Terminal; environment?: Environment | undefined }): Cli {
  let loaded: Config | undefined;
  let exitCode = 0;
  const config = async () => {
    const { loadConfig } = await import('../config/index.js');
    loaded ??= loadConfig(environment);
    return loaded;
  };
  return {
    terminal,
    config,
    async withServices(work, { settings: changed, mailer } = {}) {
      const settings = { ...(await config()), ...changed };
      // Loaded only now, as by every command what it needs: help and usage errors need neither the database's client nor the protocol library.
      const { createServices } = await importQuietly(() => import('../services.js'));
      const services = await createServices(settings, { log: await createCliLogger(settings), commandLine: true, mailer });
      try {
        return await work(services);
      } finally {
        await services.close();
      }
    },
    print({ data, text }, { json }) {
      terminal.out(json ? `${JSON.stringify(data, null, 2)}\n` : text);
    },
    endWithFinding() {
      exitCode = 1;
    },
    exitCode: () => exitCode,
    async confirm(question, { yes }) {
      if (yes) return;
      if (!terminal.isInteractive) {
        throw new CliError('This cannot be undone, and there is no terminal to ask at.', {
          mend: 'Add --yes to do it without being asked.',
        });
      }
      const answer = await terminal.ask(`${question} Type "yes" to go on: `);
      if (answer.trim().toLowerCase() !== 'yes') throw new CliError('Nothing was done.');
    },
    async readSecret(what, { fromStdin, flag }) {
      if (terminal.isInteractive) {
        const typed = await terminal.askHidden(`${what}: `);
        if (typed !== (await terminal.askHidden(`${what}, again: `))) throw new CliError('The two do not agree. Nothing was done.');
        return requireGiven(typed, what);
      }
      if (!fromStdin) {
        throw new CliError(`There is no terminal to type the ${what.toLowerCase()} at.`, {
          mend: `Give it on standard input: printf %s "$SECRET" | latchkey ... ${flag}`,
          usage: true,
        });
      }
      const text = await terminal.readAll(MAX_SECRET_BYTES);
      // The line end that echo and editors add is no part of it.
      return requireGiven(text.replace(/\r?\n$/, ''), what);
    },
  };
}

/** The protocol library remarks on old Node versions when it is loaded; the server's log says it once, and that is enough. */
export async function importQuietly<T>(load: () => Promise<T>): Promise<T> {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return await load();
  } finally {
    console.warn = warn;
  }
}

function requireGiven(secret: string, what: string): string {
  if (secret === '') throw new CliError(`The ${what.toLowerCase()} is empty.`);
  return secret;
}
