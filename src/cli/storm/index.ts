/**
 * Owns: `latchkey storm`: many requests for one single-use token at the same moment, against a running installation over HTTP, and what came
 * of them. Does not own: the guarantee, which is the store's (oidc/adapter, identity/one-time-tokens).
 */
import type { Command } from 'commander';
import { now } from '../../platform/clock.js';
import { type Cli, importQuietly } from '../context.js';
import { CliError } from '../failure.js';
import { wholeNumber } from '../values.js';
import { describeSummaries, type PathReport, summarize } from './report.js';
import type { StormPlan } from './requests.js';

type Options = { rounds: number; connections: number; seconds: number; json?: boolean; yesThisIsATestInstallation?: boolean };

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export function addStormCommand(program: Command, cli: Cli): void {
  program
    .command('storm')
    .description('try to use single-use tokens of a running test installation many times at once; ends with 1 if one works twice')
    .option('--rounds <number>', 'tokens of each kind (default: 5)', wholeNumber({ min: 1, max: 10_000, what: 'a number of tokens' }), 5)
    .option(
      '--connections <number>',
      'requests for each token (default: 50)',
      wholeNumber({ min: 2, max: 200, what: 'a number of requests' }),
      50,
    )
    .option(
      '--seconds <number>',
      'begin no round after so long (default: 120)',
      wholeNumber({ min: 1, max: 86_400, what: 'a number of seconds' }),
      120,
    )
    .option('--yes-this-is-a-test-installation', 'needed where ISSUER_URL is not this machine')
    .option('--json', 'print one JSON object: {issuer, holds, paths}')
    .addHelpText(
      'after',
      `
It makes a client and accounts of its own (at storm.invalid), signs in on the pages at ISSUER_URL, and deletes them afterwards. Their events
stay in the audit log, and the server sends what it sends after a reset to addresses that do not exist.

Example:
  latchkey storm --rounds 200 --connections 50`,
    )
    .action((options: Options) => storm(cli, options));
}

async function storm(cli: Cli, options: Options): Promise<void> {
  const issuer = (await cli.config()).issuerUrl;
  if (!LOOPBACK.test(new URL(issuer).hostname) && !options.yesThisIsATestInstallation) {
    throw new CliError(`${issuer} is not on this machine, and a storm is no guest for an installation that people use.`, {
      mend: 'If it is a test installation, add --yes-this-is-a-test-installation.',
    });
  }
  await requireRunning(issuer);
  const endsAt = now() + options.seconds * 1000;
  // Loaded only now: help should not wait for the server's parts.
  const [paths, { withStage }] = await importQuietly(() => Promise.all([import('./paths.js'), import('./stage.js')]));
  const storms = [
    ...[paths.stormTokens, paths.stormApi, paths.stormInteractions],
    ...[paths.stormPushedRequests, paths.stormDeviceCodes, paths.stormMailLinks],
  ];
  const reports = await withStage(cli, async (stage) => {
    const plan: StormPlan = { ...options, issuer, stage, isOver: () => now() > endsAt };
    const reports: PathReport[] = [];
    for (const storm of storms) reports.push(...(await storm(plan)));
    return reports;
  });
  const summaries = reports.map(summarize);
  const holds = summaries.every((path) => path.holds);
  cli.print(
    {
      data: { issuer, rounds: options.rounds, connections: options.connections, holds, paths: summaries },
      text: `${describeSummaries(summaries)}\n${holds ? 'Every token worked once.' : 'A guarantee is BROKEN. Please report this table.'}\n`,
    },
    options,
  );
  if (!holds) cli.endWithFinding();
}

async function requireRunning(issuer: string): Promise<void> {
  const response = await fetch(`${issuer}/.well-known/openid-configuration`, { signal: AbortSignal.timeout(10_000) }).catch(
    () => undefined,
  );
  const found = response?.ok ? ((await response.json().catch(() => undefined)) as { issuer?: unknown } | undefined) : undefined;
  if (found?.issuer !== issuer) {
    throw new CliError(`No installation answers at ${issuer}.`, {
      mend: 'Start it with the same settings (npm start), or correct ISSUER_URL.',
    });
  }
}
