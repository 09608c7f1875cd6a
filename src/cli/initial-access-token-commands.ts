import type { Command } from 'commander';
import type { InitialAccessToken } from '../oidc/client-registration/index.js';
import type { Cli } from './context.js';
import { formatDate, plain, table } from './output.js';
import { wholeNumber } from './values.js';

type Json = { json?: boolean };

const DEFAULT_TTL_SECONDS = 7 * 86_400;
const ttlSeconds = wholeNumber({ min: 60, max: 31_536_000, what: 'a number of seconds' });
const uses = wholeNumber({ min: 1, max: 100_000, what: 'a number' });

const show = ({ id, note, usesLeft, used, createdAt, expiresAt }: InitialAccessToken) => ({
  ...{ id, note, uses_left: usesLeft, used, created_at: createdAt.toISOString(), expires_at: expiresAt.toISOString() },
});

/** `latchkey initial-access-token ...` */
export function addInitialAccessTokenCommands(program: Command, cli: Cli): void {
  const tokens = program.command('initial-access-token').description('let applications register themselves (RFC 7591)');
  tokens
    .command('create')
    .description('make a token with which an application registers itself; it is shown once')
    .option('--note <text>', 'for whom it is')
    .option('--uses <number>', 'how many registrations it is good for (default: 1)', uses)
    .option('--unlimited', 'as many as come until it runs out')
    .option('--ttl-seconds <seconds>', 'how long it is good (default: 7 days)', ttlSeconds)
    .option('--json', 'print one JSON object')
    .action(async (options: Json & { note?: string; uses?: number; unlimited?: boolean; ttlSeconds?: number }) => {
      await cli.withServices(async ({ clientRegistration, config }) => {
        const { token, initialAccessToken } = await clientRegistration.initialAccessTokens.create({
          note: options.note?.slice(0, 200),
          uses: options.unlimited ? null : (options.uses ?? 1),
          ttlSeconds: options.ttlSeconds ?? DEFAULT_TTL_SECONDS,
        });
        const text = `Made an initial access token, shown this once:\n  ${token}\nIt is good until ${formatDate(initialAccessToken.expiresAt)}.\n`;
        cli.print({ data: { ...show(initialAccessToken), token }, text }, options);
        if (config.registrationOfClients === 'off')
          cli.terminal.err('Note: REGISTRATION_OF_CLIENTS is off, so there is nothing to use it at.\n');
      });
    });
  tokens
    .command('list')
    .description('list the tokens, the newest first; their values are never shown again')
    .option('--json', 'print one JSON object: {initial_access_tokens}')
    .action(async (options: Json) => {
      await cli.withServices(async ({ clientRegistration }) => {
        const found = await clientRegistration.initialAccessTokens.list();
        const rows = found.map(({ id, note, usesLeft, used, expiresAt }) => [id, note, usesLeft ?? 'unlimited', used, expiresAt]);
        const text = table(['TOKEN', 'NOTE', 'USES LEFT', 'USED', 'GOOD UNTIL'], rows, 'There are no initial access tokens.');
        cli.print({ data: { initial_access_tokens: found.map(show) }, text }, options);
      });
    });
  tokens
    .command('revoke')
    .description('end a token; what was registered with it stays')
    .argument('<token>', 'its id, from "initial-access-token list"')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Json) => {
      await cli.withServices(async ({ clientRegistration }) => {
        await clientRegistration.initialAccessTokens.revoke(id);
        cli.print({ data: { id, revoked: true }, text: `Revoked the token ${plain(id)}.\n` }, options);
      });
    });
}
