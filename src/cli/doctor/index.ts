/**
 * Owns: `latchkey doctor`: looking at an installation from outside and saying of each thing whether it is well and how to mend it.
 * Does not own: mending. It changes nothing.
 */
import type { Command } from 'commander';
import { type Config, ConfigurationError } from '../../config/index.js';
import { type Cli, createCliLogger } from '../context.js';
import { type Finding, failure, ok } from './finding.js';
import { checkIssuer } from './issuer.js';

const MARKS: Record<Finding['status'], string> = { ok: 'ok     ', warning: 'WARNING', failure: 'FAILURE', skipped: 'skipped' };

export function addDoctorCommand(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .description('look at this installation: settings, database, keys, mail, issuer; exits with 1 if something fails')
    .option('--json', 'print one JSON object: {ok, findings}')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = await examine(cli);
      const failed = findings.some(({ status }) => status === 'failure');
      cli.print({ data: { ok: !failed, findings }, text: findings.map(describe).join('') }, { json });
      if (failed) cli.endWithFinding();
    });
}

async function examine(cli: Cli): Promise<Finding[]> {
  let config: Config;
  try {
    config = cli.config();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults.map((fault) => failure('settings', fault, 'Correct it in the environment of the server and run doctor again.'));
  }
  // Loaded only now: help should not wait for the database's client.
  const [{ checkMail }, { checkStorage }, log] = await Promise.all([import('./mail.js'), import('./storage.js'), createCliLogger(config)]);
  const [storage, mail, issuer] = await Promise.all([checkStorage(config, log), checkMail(config), checkIssuer(config.issuerUrl)]);
  return [ok('settings', `Valid, for ${config.env}.`), ...storage, ...mail, ...issuer];
}

const describe = ({ check, status, message, mend }: Finding): string =>
  `${MARKS[status]}  ${check}: ${message}\n${mend ? `         -> ${mend}\n` : ''}`;
