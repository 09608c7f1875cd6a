/**
 * Owns: the `latchkey` command: its words, what it asks and prints, its exit codes (0 done, 1 not done, 2 typed wrongly).
 * Does not own: any rule; it calls the services that the server calls.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import type { Environment } from '../config/index.js';
import { root } from '../platform/installation.js';
import { addAuditCommands } from './audit-commands.js';
import { addBackupCommands } from './backup-commands.js';
import { addClientCommands } from './client-commands.js';
import { type Cli, createCli } from './context.js';
import { addDoctorCommand } from './doctor/index.js';
import { addExplainCommand } from './explain-command.js';
import { EXIT_USAGE } from './failure.js';
import { addInitCommand } from './init-command.js';
import { addInitialAccessTokenCommands } from './initial-access-token-commands.js';
import { addKeyCommands } from './key-commands.js';
import { addMigrateCommand } from './migrate-command.js';
import { addOutboxCommands } from './outbox-commands.js';
import { addRoleCommands } from './role-commands.js';
import { addSecretCommands } from './secret-commands.js';
import { addSessionCommands } from './session-commands.js';
import { addStormCommand } from './storm/index.js';
import { createTerminal, type Terminal } from './terminal.js';
import { addUserCommands } from './user-commands.js';
import { addWebhookCommands } from './webhook-commands.js';

/**
 * Runs one command line (without the program's own name). Never throws.
 * @param options.environment where the settings come from; the process's own unless given
 * @returns the exit code
 */
export async function runCli(
  args: readonly string[],
  { terminal = createTerminal(), environment }: { terminal?: Terminal; environment?: Environment } = {},
): Promise<number> {
  const cli = createCli({ terminal, environment });
  try {
    await buildProgram(cli).parseAsync(args, { from: 'user' });
    return cli.exitCode();
  } catch (error) {
    // Help ends in one too; what was wrong has been told.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    const [{ describeFailure }, { isDebugging }] = await Promise.all([import('./failure-text.js'), import('../config/index.js')]);
    const { text, exitCode } = describeFailure(error, { debug: isDebugging(environment) });
    terminal.err(text);
    return exitCode;
  }
}

function buildProgram(cli: Cli): Command {
  const program = new Command('latchkey')
    .description('Runs beside the server, on the same settings (the environment; see .env.example) and the same database.')
    .version(readVersion(), '--version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: cli.terminal.out, writeErr: cli.terminal.err })
    .showHelpAfterError('Help: add --help')
    .addHelpText(
      'after',
      `
Examples:
  latchkey doctor
  latchkey client create --client-name "My shop" --redirect-uri https://shop.example.com/callback
  printf %s "$PASSWORD" | latchkey user create --email ann@example.com --role admin --password-stdin`,
    );
  addInitCommand(program, cli);
  addClientCommands(program, cli);
  addInitialAccessTokenCommands(program, cli);
  addUserCommands(program, cli);
  addRoleCommands(program, cli);
  addSessionCommands(program, cli);
  addAuditCommands(program, cli);
  addExplainCommand(program, cli);
  addWebhookCommands(program, cli);
  addOutboxCommands(program, cli);
  addKeyCommands(program, cli);
  addSecretCommands(program, cli);
  addMigrateCommand(program, cli);
  addBackupCommands(program, cli);
  addDoctorCommand(program, cli);
  addStormCommand(program, cli);
  return program;
}

const readVersion = (): string => (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }).version;
