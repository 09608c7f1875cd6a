import type { Command } from 'commander';
import type { Cli } from './context.js';
import { table } from './output.js';

type Json = { json?: boolean };

/** `latchkey outbox ...` */
export function addOutboxCommands(program: Command, cli: Cli): void {
  const outbox = program.command('outbox').description('messages to applications and webhooks that have not arrived');
  outbox
    .command('list')
    .description('list what was given up, the newest first, and say what is still tried')
    .option('--json', 'print one JSON object: {messages, waiting}')
    .action(async (options: Json) => {
      await cli.withServices(async (services) => {
        const [found, trying] = await Promise.all([services.outbox.listGivenUp(), services.outbox.listWaiting()]);
        const rows = found.map(({ id, topic, recipient, attempts, createdAt, lastError }) => [
          id,
          topic,
          recipient,
          attempts,
          createdAt,
          lastError,
        ]);
        const messages = found.map(({ id, topic, recipient, attempts, createdAt, lastError }) => ({
          ...{ id, topic, recipient, attempts, created_at: createdAt.toISOString(), last_error: lastError },
        }));
        const text = table(['MESSAGE', 'TOPIC', 'RECIPIENT', 'ATTEMPTS', 'SINCE', 'LAST ERROR'], rows, 'Nothing was given up.');
        const waiting = trying.map(({ topic, messages, since, lastError }) => ({
          ...{ topic, messages, since: since.toISOString(), last_error: lastError },
        }));
        const tried = table(
          ['STILL TRIED', 'MESSAGES', 'OLDEST SINCE', 'LAST ERROR'],
          trying.map(({ topic, messages, since, lastError }) => [topic, messages, since, lastError]),
          'Nothing waits.',
        );
        cli.print({ data: { messages, waiting }, text: `${text}\n${tried}` }, options);
      });
    });
  outbox
    .command('retry')
    .description('try again what was given up; a running server delivers it')
    .argument('[message...]', 'ids from "outbox list" (default: all)')
    .option('--json', 'print one JSON object: {retried}')
    .action(async (ids: string[], options: Json) => {
      await cli.withServices(async (services) => {
        const retried = await services.outbox.retry(ids.length > 0 ? ids : undefined);
        const text = retried === 1 ? 'One message is tried again.\n' : `${retried} messages are tried again.\n`;
        cli.print({ data: { retried }, text }, options);
      });
    });
}
