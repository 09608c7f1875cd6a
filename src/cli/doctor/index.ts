/**
 * Owns: `latchkey doctor`: looking at an installation from outside and saying of each thing whether it is well and how to mend it.
 * Does not own: mending. It changes nothing.
 */
import type { Command } from 'commander';
import type { Config } from '../../config/index.js';
import { type Cli, createCliLogger } from '../context.js';
import { type Finding, failure, ok } from './finding.js';

const MARKS: Record<Finding['status'], string> = { ok: 'ok     ', warning: 'WARNING', failure: 'FAILURE', skipped: 'skipped' };

export function addDoctorCommand(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .description('look at this installation: settings, database, keys, mail, issuer; exits with 1 if something fails')
    .option('--test-mail <address>', 'send one mail there, to see whether it arrives')
    .option('--json', 'print one JSON object: {ok, findings}')
    .action(async ({ json, testMail }: { json?: boolean; testMail?: string }) => {
      const findings = await examine(cli, { testMail });
      const failed = findings.some(({ status }) => status === 'failure');
      cli.print({ data: { ok: !failed, findings }, text: findings.map(describe).join('') }, { json });
      if (failed) cli.endWithFinding();
    });
}

async function examine(cli: Cli, { testMail }: { testMail: string | undefined }): Promise<Finding[]> {
  let config: Config;
  try {
    config = await cli.config();
  } catch (error) {
    const { ConfigurationError } = await import('../../config/index.js');
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults.map((fault) => failure('settings', fault, 'Correct it in the environment of the server and run doctor again.'));
  }
  // Loaded only now: help should not wait for the database's client.
  const [{ checkMail }, { checkStorage }, { checkIssuer }, { checkCors, checkRedirectUris }, log] = await Promise.all([
    import('./mail.js'),
    import('./storage.js'),
    import('./issuer.js'),
    import('./clients.js'),
    createCliLogger(config),
  ]);
  const [storage, mail] = await Promise.all([checkStorage(config, log), checkMail(config, { testMail })]);
  const clients = storage.known?.clients ?? [];
  const [issuer, redirectUris] = await Promise.all([
    checkIssuer(config, storage.known),
    storage.known ? checkRedirectUris(clients, { production: config.env === 'production' }) : [],
  ]);
  const reached = issuer.some(({ check, status }) => check === 'issuer' && status === 'ok');
  return [
    ok('settings', `Valid, for ${config.env}.`),
    ...storage.findings,
    ...mail,
    ...issuer,
    ...redirectUris,
    ...(reached && storage.known ? await checkCors(clients, config.issuerUrl) : []),
  ];
}

const describe = ({ check, status, message, mend }: Finding): string =>
  `${MARKS[status]}  ${check}: ${message}\n${mend ? `         -> ${mend}\n` : ''}`;
