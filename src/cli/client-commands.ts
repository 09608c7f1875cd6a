import type { Command } from 'commander';
import type { Client } from '../oidc/clients/index.js';
import { addMetadataOptions, readMetadata } from './client-options.js';
import type { Cli } from './context.js';
import { CliError } from './failure.js';
import { formatDate, members, plain, table } from './output.js';
import { pageSize, wholeNumber } from './values.js';

type Warnings = readonly { path: string; message: string }[];
type Json = { json?: boolean };

/** A client as programs and as people see it: its metadata, and where it comes from. */
async function show(client: Client) {
  // Loaded when there is a client to show: help should not wait for it.
  const { describeClient } = await import('../oidc/clients/index.js');
  const metadata = { ...describeClient(client), source: client.source };
  const times = {
    ...(client.lastUsedAt ? { last_used_at: client.lastUsedAt.toISOString() } : {}),
    ...(client.unusedUntil ? { unused_until: client.unusedUntil.toISOString() } : {}),
  };
  const data = { ...metadata, ...times, created_at: client.createdAt.toISOString(), updated_at: client.updatedAt.toISOString() };
  return { data, text: members({ ...metadata, created: client.createdAt, ...times }) };
}

const tellWarnings = (cli: Cli, warnings: Warnings) => {
  for (const { path, message } of warnings) cli.terminal.err(`Note: ${plain(path)} ${message}\n`);
};

const secretLines = (secret: string | undefined) => (secret ? `\n  The secret, shown this once:\n    ${secret}\n` : '');

const graceSeconds = wholeNumber({ min: 0, max: 31_536_000, what: 'a number of seconds (0 ends the old secret at once)' });

/** `latchkey client ...` */
export function addClientCommands(program: Command, cli: Cli): void {
  const client = program.command('client').description('the applications that people sign in to');
  addCreate(client, cli);
  addReading(client, cli);
  addUpdate(client, cli);
  addSecretRotation(client, cli);
  addDeletion(client, cli);
}

function addCreate(client: Command, cli: Cli): void {
  addMetadataOptions(client.command('create').description('register an application; its secret is shown once'))
    .option('--client-id <id>', 'its id (default: one is made)')
    .option('--client-secret-stdin', 'read its secret from standard input (default: one is made)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  latchkey client create --client-name "My shop" --redirect-uri https://shop.example.com/callback
  latchkey client create --profile spa --client-name "My app" --redirect-uri https://app.example.com/
  latchkey client create --profile service --client-name "Nightly export" --default-resource https://api.example.com --scope orders:read`,
    )
    .action(async (options: Record<string, unknown> & Json) => {
      const secret = options.clientSecretStdin
        ? await cli.readSecret('Client secret', { fromStdin: true, flag: '--client-secret-stdin' })
        : undefined;
      const metadata = {
        ...readMetadata(options, { nullIfEmpty: false }),
        ...(options.clientId === undefined ? {} : { client_id: options.clientId }),
        ...(secret === undefined ? {} : { client_secret: secret }),
      };
      await cli.withServices(async ({ clients }) => {
        const created = await clients.create(metadata, { source: 'operator' });
        tellWarnings(cli, created.warnings);
        const shown = await show(created.client);
        const data = { ...shown.data, ...(created.clientSecret ? { client_secret: created.clientSecret } : {}) };
        cli.print({ data, text: `Created the client.\n${shown.text}${secretLines(secret ? undefined : created.clientSecret)}` }, options);
      });
    });
}

function addReading(client: Command, cli: Cli): void {
  client
    .command('list')
    .description('list the clients, the oldest first')
    .option('--limit <number>', 'how many, at most 200 (default: 50)', pageSize)
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--json', 'print one JSON object: {clients, next_cursor}')
    .action(async (options: Json & { limit?: number; cursor?: string }) => {
      await cli.withServices(async ({ clients }) => {
        const page = await clients.list({
          ...(options.limit ? { limit: options.limit } : {}),
          ...(options.cursor ? { cursor: options.cursor } : {}),
        });
        const shown = await Promise.all(page.clients.map(show));
        const rows = page.clients.map(({ id, name, profile, source, tokenEndpointAuthMethod }) => [
          id,
          name,
          profile,
          tokenEndpointAuthMethod,
          source,
        ]);
        const more = page.nextCursor ? `\nMore: --cursor ${page.nextCursor}\n` : '';
        const text = `${table(['CLIENT ID', 'NAME', 'PROFILE', 'AUTHENTICATION', 'SOURCE'], rows, 'There are no clients. Make one: latchkey client create --help')}${more}`;
        cli.print({ data: { clients: shown.map(({ data }) => data), next_cursor: page.nextCursor }, text }, options);
      });
    });
  client
    .command('show')
    .description('show a client; a secret is never shown again')
    .argument('<client_id>')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Json) => {
      await cli.withServices(async ({ clients }) => {
        const found = await clients.find(id);
        if (!found) throw new CliError('There is no client with this id.', { mend: 'See which there are: latchkey client list' });
        cli.print(await show(found), options);
      });
    });
}

function addUpdate(client: Command, cli: Cli): void {
  addMetadataOptions(
    client.command('update').description('change what is given; an empty value takes a member away').argument('<client_id>'),
  )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  latchkey client update CLIENT_ID --redirect-uri https://a.example.com/cb --redirect-uri https://b.example.com/cb
  latchkey client update CLIENT_ID --access-token-ttl-seconds 120 --first-party
  latchkey client update CLIENT_ID --default-resource ""`,
    )
    .action(async (id: string, options: Record<string, unknown> & Json) => {
      const patch = readMetadata(options, { nullIfEmpty: true });
      if (Object.keys(patch).length === 0) {
        throw new CliError('Nothing to change was given.', { mend: 'See the flags: latchkey client update --help', usage: true });
      }
      await cli.withServices(async ({ clients }) => {
        const updated = await clients.update(id, patch);
        tellWarnings(cli, updated.warnings);
        const shown = await show(updated.client);
        const data = { ...shown.data, ...(updated.clientSecret ? { client_secret: updated.clientSecret } : {}) };
        cli.print({ data, text: `Updated the client.\n${shown.text}${secretLines(updated.clientSecret)}` }, options);
      });
    });
}

function addSecretRotation(client: Command, cli: Cli): void {
  client
    .command('rotate-secret')
    .description('give a client a new secret, shown once; the old one stays good for a while')
    .argument('<client_id>')
    .option('--grace-seconds <seconds>', 'how long the old secret stays good (default: a day)', graceSeconds)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample, when a secret has leaked:\n  latchkey client rotate-secret CLIENT_ID --grace-seconds 0')
    .action(async (id: string, options: Json & { graceSeconds?: number }) => {
      await cli.withServices(async ({ clients }) => {
        const rotated = await clients.rotateSecret(id, options.graceSeconds === undefined ? {} : { graceSeconds: options.graceSeconds });
        const { clientSecret, previousSecretExpiresAt } = rotated;
        const until = previousSecretExpiresAt.toISOString();
        const data = { client_id: id, client_secret: clientSecret, previous_secret_expires_at: until };
        const text = `Made a new secret for ${plain(rotated.client.name)}, shown this once:\n  ${clientSecret}\nThe old one is good until ${formatDate(previousSecretExpiresAt)}.\n`;
        cli.print({ data, text }, options);
      });
    });
}

function addDeletion(client: Command, cli: Cli): void {
  client
    .command('delete')
    .description('delete a client and end everything it was given')
    .argument('<client_id>')
    .option('--yes', 'do it without being asked')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Json & { yes?: boolean }) => {
      await cli.withServices(async ({ clients }) => {
        const found = await clients.find(id);
        if (!found) throw new CliError('There is no client with this id.', { mend: 'See which there are: latchkey client list' });
        await cli.confirm(`This deletes ${plain(found.name)} (${plain(id)}) and ends every token it has.`, options);
        await clients.delete(id);
        cli.print({ data: { client_id: id, deleted: true }, text: `Deleted ${plain(found.name)}. Its tokens have ended.\n` }, options);
      });
    });
}
