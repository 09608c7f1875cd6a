import type { Command } from 'commander';
import type { Cli } from './context.js';
import { CliError } from './failure.js';
import { members, plain } from './output.js';

/** `latchkey explain ID` */
export function addExplainCommand(program: Command, cli: Cli): void {
  program
    .command('explain')
    .description('say why a request was refused: what was expected, and what came')
    .argument('<id>', 'from an error page, the header X-Explain-Id, or the error_description an application got')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: { json?: boolean }) => {
      const { readExplanationId } = await import('../platform/explanations/index.js');
      if (readExplanationId(id) === undefined) throw new CliError('This is no such id; one looks like 7Q2KF-0MX4R.', { usage: true });
      await cli.withServices(async ({ explanations }) => {
        const found = await explanations.find(id);
        if (!found) {
          throw new CliError('Nothing is known under this id.', {
            mend: 'Explanations are kept for a day, and fewer where somebody causes very many. Cause the error once more and take its new id.',
          });
        }
        const { at, clientId, requestId, comparisons, hints, ...rest } = found;
        const data = { ...rest, client_id: clientId, request_id: requestId, at: at.toISOString(), comparisons, hints };
        const head = members({
          error: rest.error,
          told: rest.description,
          reason: rest.reason,
          where: rest.where,
          client: clientId,
          at: at.toISOString(),
          request: requestId,
        });
        const compared = comparisons.map(
          ({ what, expected, received }) => `\n${plain(what)}\n  expected  ${plain(expected)}\n  received  ${plain(received)}\n`,
        );
        cli.print({ data, text: head + compared.join('') + hints.map((hint) => `\n-> ${plain(hint)}\n`).join('') }, options);
      });
    });
}
