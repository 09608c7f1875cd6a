import type { Command } from 'commander';
import type { WebhookEndpoint } from '../platform/webhooks/index.js';
import type { Cli } from './context.js';
import { formatDate, plain, table } from './output.js';
import { collectWords, wholeNumber } from './values.js';

type Json = { json?: boolean };

const dataOf = (endpoint: WebhookEndpoint) => ({
  id: endpoint.id,
  url: endpoint.url,
  events: endpoint.events,
  description: endpoint.description,
  previous_secret_until: endpoint.previousSecretUntil?.toISOString() ?? null,
  created_at: endpoint.createdAt.toISOString(),
  updated_at: endpoint.updatedAt.toISOString(),
});

const graceSeconds = wholeNumber({ min: 0, max: 2_592_000, what: 'a number of seconds' });

/** `latchkey webhook ...` */
export function addWebhookCommands(program: Command, cli: Cli): void {
  const webhook = program.command('webhook').description('where events are sent to, signed (Standard Webhooks)');
  webhook
    .command('create')
    .description('send events to an address; its secret is shown once')
    .requiredOption('--url <url>', 'https; a private address must be in OUTBOUND_ALLOW')
    .requiredOption('--event <type...>', 'what to send: account.locked, login.* for all of a kind, or "*"', collectWords)
    .option('--description <text>', 'for lists')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  latchkey webhook create --url https://siem.example.com/latchkey --event "login.*" --event account.locked',
    )
    .action(async ({ url, event, description, json }: Json & { url: string; event: string[]; description?: string }) => {
      await cli.withServices(async ({ webhooks }) => {
        const { endpoint, secret } = await webhooks.create({ url, events: event, description });
        const text = `Made the webhook ${endpoint.id}. Its secret, shown this once:\n  ${secret}\nTry it: latchkey webhook test ${endpoint.id}\n`;
        cli.print({ data: { ...dataOf(endpoint), secret }, text }, { json });
      });
    });
  webhook
    .command('list')
    .description('list where events are sent to; what did not arrive is in "outbox list"')
    .option('--json', 'print one JSON object: {webhooks}')
    .action(async (options: Json) => {
      await cli.withServices(async ({ webhooks }) => {
        const found = await webhooks.list();
        const rows = found.map(({ id, url, events, description, createdAt }) => [id, url, events, description, createdAt]);
        const text = table(['WEBHOOK', 'URL', 'EVENTS', 'DESCRIPTION', 'MADE'], rows, 'There are no webhooks.');
        cli.print({ data: { webhooks: found.map(dataOf) }, text }, options);
      });
    });
  webhook
    .command('test')
    .description('send an event "webhook.test" now; exits with 1 if it does not arrive')
    .argument('<webhook>')
    .option('--json', 'print one JSON object: {arrived, outcome}')
    .action(async (id: string, options: Json) => {
      await cli.withServices(async ({ webhooks }) => {
        const outcome = await webhooks.test(id);
        cli.print({ data: outcome, text: `${outcome.arrived ? 'It arrived' : 'It did not arrive'}: ${plain(outcome.outcome)}\n` }, options);
        if (!outcome.arrived) cli.endWithFinding();
      });
    });
  webhook
    .command('rotate-secret')
    .description('give a webhook a new secret, shown once; for a while messages are signed with the old one too')
    .argument('<webhook>')
    .option('--grace-seconds <seconds>', 'how long (default: a day)', graceSeconds)
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Json & { graceSeconds?: number }) => {
      await cli.withServices(async ({ webhooks }) => {
        const { endpoint, secret } = await webhooks.rotateSecret(id, { graceSeconds: options.graceSeconds });
        const until = endpoint.previousSecretUntil ? `\nThe old one signs too until ${formatDate(endpoint.previousSecretUntil)}.` : '';
        cli.print({ data: { ...dataOf(endpoint), secret }, text: `Made a new secret, shown this once:\n  ${secret}${until}\n` }, options);
      });
    });
  webhook
    .command('delete')
    .description('send no more events there; what has not arrived is dropped')
    .argument('<webhook>')
    .option('--yes', 'do it without being asked')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Json & { yes?: boolean }) => {
      await cli.withServices(async ({ webhooks }) => {
        await cli.confirm('This webhook hears of nothing any more.', options);
        await webhooks.delete(id);
        cli.print({ data: { id, deleted: true }, text: 'Deleted the webhook.\n' }, options);
      });
    });
}
