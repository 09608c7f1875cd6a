import { rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { nowDate } from '../platform/clock.js';
import type { Services } from '../services.js';
import type { Cli } from './context.js';
import { CliError } from './failure.js';

type RestoreOptions = { inPlace?: boolean; keepSignIns?: boolean; revokeApiKeys?: boolean; yes?: boolean; json?: boolean };

/** What an older state brings back that no command can tell from what should be there. */
const LOOK_AT =
  'Passwords, roles, disabled accounts, client secrets and signing keys are as they were then. What was changed for safety since (a stolen password, ' +
  'a disabled account, an emergency rotation) has to be done again.\n';

/** `latchkey backup` and `latchkey restore` */
export function addBackupCommands(program: Command, cli: Cli): void {
  program
    .command('backup')
    .description('copy the embedded database into one file while the server runs (for PostgreSQL: pg_dump)')
    .argument('<file>', 'a file that is not there yet; only its owner may read it')
    .option('--json', 'print one JSON object: {file, bytes}')
    .addHelpText('after', '\nKeep KEY_ENCRYPTION_KEY apart from it: neither opens anything without the other.')
    .action(async (file: string, options: { json?: boolean }) => {
      const { copySqlite } = await import('../platform/db/index.js');
      const { bytes } = await copySqlite(await requireSqlite(cli, 'Use pg_dump --format=custom; the README says how.'), file);
      cli.print(
        { data: { file, bytes }, text: `${file}: ${bytes} bytes, whole and checked. Keep KEY_ENCRYPTION_KEY apart from it.\n` },
        options,
      );
    });
  program
    .command('restore')
    .description('put a backup in the place of the embedded database; the server must be stopped')
    .argument('[file]', 'made by "latchkey backup"')
    .option('--in-place', 'PostgreSQL: pg_restore has been done, the servers are stopped; do what comes after it')
    .option('--keep-sign-ins', 'nothing was served since the backup was made, so nothing used since can come back')
    .option('--revoke-api-keys', 'end every API key: those that were revoked since the backup would work again')
    .option('--yes', 'do it without being asked')
    .option('--json', 'print one JSON object')
    .action(async (file: string | undefined, options: RestoreOptions) => {
      if ((file === undefined) !== (options.inPlace === true)) {
        throw new CliError('Name the file of a backup, or say --in-place after pg_restore.', { usage: true });
      }
      if (file === undefined) await finishInPlace(cli, options);
      else await restoreFile(cli, file, options);
    });
}

async function requireSqlite(cli: Cli, mend: string): Promise<string> {
  const { databaseUrl } = await cli.config();
  if (!databaseUrl.startsWith('file:')) throw new CliError('The database is PostgreSQL, which has its own tools for this.', { mend });
  return databaseUrl;
}

async function restoreFile(cli: Cli, file: string, options: RestoreOptions): Promise<void> {
  const { replaceSqlite, sqliteFileOf, sqliteUrlOf, stageSqlite } = await import('../platform/db/index.js');
  const target = sqliteFileOf(await requireSqlite(cli, 'Use pg_restore, then: latchkey restore --in-place')) ?? '';
  await cli.confirm(`${target} is replaced by ${file}.${options.keepSignIns ? '' : ' Everybody has to sign in again.'}`, options);
  const staged = await stageSqlite(file, target);
  try {
    // On the copy, so that a backup which does not open leaves everything as it is. Opening it brings it up to date as well.
    const outcome = await cli.withServices((services) => finish(services, options), { settings: { databaseUrl: sqliteUrlOf(staged) } });
    const kept = await replaceSqlite(staged, target, nowDate());
    tell(cli, { outcome, kept, options });
  } finally {
    for (const each of ['', '-wal', '-shm', '-whole']) await rm(`${staged}${each}`, { force: true });
  }
}

async function finishInPlace(cli: Cli, options: RestoreOptions): Promise<void> {
  await cli.confirm(options.keepSignIns ? 'API keys and sign-ins stay as they are.' : 'Everybody has to sign in again.', options);
  const outcome = await cli.withServices((services) => finish(services, options));
  tell(cli, { outcome, kept: null, options });
}

type Outcome = { ended: Awaited<ReturnType<Services['totalEnding']['endSignIns']>> | null; apiKeys: number };

/** A refresh token, code or mail link that was used after the backup was made would work again, and so would a session that was ended. */
async function finish({ totalEnding, audit }: Services, { keepSignIns, revokeApiKeys }: RestoreOptions): Promise<Outcome> {
  const ended = keepSignIns ? null : await totalEnding.endSignIns({ via: 'restore' });
  const apiKeys = revokeApiKeys ? await totalEnding.revokeApiKeys() : (await totalEnding.countLiving()).apiKeys;
  await audit.record({
    type: 'database.restored',
    outcome: 'success',
    detail: { via: 'cli', sign_ins_ended: ended !== null, api_keys_ended: revokeApiKeys === true },
  });
  return { ended, apiKeys };
}

function tell(cli: Cli, { outcome, kept, options }: { outcome: Outcome; kept: string | null; options: RestoreOptions }): void {
  const { ended, apiKeys } = outcome;
  const { revokeApiKeys = false, json } = options;
  const lines = [
    'Restored.',
    ...(kept ? [`The database that was there is kept as ${kept}.`] : []),
    ended
      ? `Ended: ${ended.sessions} browser sessions, ${ended.grants} sign-ins of applications, ${ended.artifacts} codes and tokens, ${ended.links} links of mails.`
      : 'Sign-ins are as they were.',
    revokeApiKeys ? `${apiKeys} API keys were ended.` : `${apiKeys} API keys work, those among them that were revoked since.`,
  ];
  const data = { kept, ended, api_keys: { living: revokeApiKeys ? 0 : apiKeys, revoked: revokeApiKeys ? apiKeys : 0 } };
  cli.print({ data, text: `${lines.join('\n')}\n${LOOK_AT}` }, { json });
}
