import { type Command, InvalidArgumentError } from 'commander';
import type { AuditQuery } from '../platform/audit/index.js';
import type { Services } from '../services.js';
import { findAccountId } from './accounts.js';
import type { Cli } from './context.js';
import { CliError } from './failure.js';
import { table } from './output.js';
import { pageSize } from './values.js';

type Json = { json?: boolean };
type Filter = { account?: string; client?: string; type?: string; since?: Date; until?: Date };

const time = (text: string): Date => {
  const date = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError('It must be a date or time as in 2026-11-28 or 2026-11-28T10:00:00Z.');
  }
  return date;
};

async function readHead(text: string) {
  const { parseHead } = await import('../platform/audit/index.js');
  const found = parseHead(text);
  if (!found) throw new CliError('--head must be one that "audit verify" or the server\'s log told: SEQUENCE.LINK', { usage: true });
  return found;
}

const withFilter = (command: Command): Command =>
  command
    .option('--account <account>', 'what an account did and what was done to it: id, e-mail address or username')
    .option('--client <client_id>', 'what a client had to do with')
    .option('--type <type>', 'events of a type: login.failed, or login.* for all of a kind')
    .option('--since <time>', 'from this time on', time)
    .option('--until <time>', 'before this time', time);

/** Of an account that is gone only its id is known, so whatever names none is taken for one. */
async function queryOf(services: Services, { account, client, type, since, until }: Filter): Promise<AuditQuery> {
  return { ...{ client, type, since, until }, account: account === undefined ? undefined : await findAccountId(services, account) };
}

/** `latchkey audit ...` */
export function addAuditCommands(program: Command, cli: Cli): void {
  const audit = program.command('audit').description('the record of what changed security state or failed to authenticate');
  withFilter(audit.command('list').description('list events, the newest first'))
    .option('--limit <number>', 'how many at most (default: 50)', pageSize)
    .option('--cursor <cursor>', '"next_cursor" of the page before, with the same filter')
    .option('--json', 'print one JSON object: {events, next_cursor}')
    .action(async ({ limit, cursor, json, ...filter }: Json & Filter & { limit?: number; cursor?: string }) => {
      await cli.withServices(async (services) => {
        const { tellEvent } = await import('../platform/audit/index.js');
        const { events, nextCursor } = await services.auditTrail.list({ ...(await queryOf(services, filter)), limit, cursor });
        const rows = events.map((event) => [
          ...[event.occurredAt.toISOString().replace('T', ' ').slice(0, 19), event.type, event.outcome, event.actorId, event.subjectId],
          ...[event.clientId, event.ip, event.detail],
        ]);
        const headings = ['TIME (UTC)', 'EVENT', 'OUTCOME', 'BY', 'ACCOUNT', 'CLIENT', 'ADDRESS', 'DETAIL'];
        const more = nextCursor === null ? '' : `There are more: --cursor ${nextCursor}\n`;
        const text = table(headings, rows, 'There are no such events.') + more;
        cli.print({ data: { events: events.map(tellEvent), next_cursor: nextCursor }, text }, { json });
      });
    });
  withFilter(audit.command('export').description('print events as newline-delimited JSON, the oldest first')).action(
    async (filter: Filter) => {
      await cli.withServices(async (services) => {
        const { tellEvent } = await import('../platform/audit/index.js');
        for await (const event of services.auditTrail.each(await queryOf(services, filter)))
          await cli.terminal.write(`${JSON.stringify({ ...tellEvent(event), mac: event.mac, link: event.link })}\n`);
      });
    },
  );
  addVerification(audit, cli);
}

/** Not the head: what somebody may have made must not become what is compared with. */
const WHAT_NEXT =
  'Somebody wrote to the database past the server, or a part of it was restored. Compare with an export, a backup or what webhooks told, and keep this ' +
  'copy. Where the end of the chain is at fault, events wait until it is signed anew: latchkey audit continue\n';

function addVerification(audit: Command, cli: Cli): void {
  audit
    .command('verify')
    .description('look for events that were changed, deleted, inserted or moved; exits with 1 if something is found')
    .option('--head <head>', 'the end of the chain at an earlier time, kept elsewhere: shows also whether the end was cut off since')
    .option('--json', 'print one JSON object: {ok, faults, fault_count, events, unchained, deleted_through, head}')
    .action(async ({ head, json }: Json & { head?: string }) => {
      const earlier = head === undefined ? undefined : await readHead(head);
      await cli.withServices(async ({ auditTrail }) => {
        const found = await auditTrail.verify({ earlier });
        const ok = found.faultCount === 0;
        const faults = found.faults.map(({ kind, sequence, eventId, message }) => ({ kind, sequence, event_id: eventId, message }));
        const data = {
          ...{ ok, faults, fault_count: found.faultCount, events: found.events, unchained: found.unchained },
          ...{ deleted_through: found.deletedThrough, head: found.head },
        };
        const rows = faults.map(({ kind, sequence, event_id, message }) => [kind, sequence, event_id, message]);
        const waiting = found.unchained > 0 ? `, and ${found.unchained} that a running server will chain` : '';
        const text =
          (ok ? '' : table(['FAULT', 'PLACE', 'EVENT', 'WHAT'], rows, '')) +
          `${ok ? 'Nothing was changed' : found.faultCount === 1 ? 'One fault' : `${found.faultCount} faults`}: ${found.events} events in the chain${waiting}.\n` +
          (ok ? `Keep this elsewhere, and --head checks against it: ${found.head}\n` : WHAT_NEXT);
        cli.print({ data, text }, { json });
        if (!ok) cli.endWithFinding();
      });
    });
  audit
    .command('continue')
    .description('go on with the chain after its end was lost or altered; what "verify" finds of events stays found')
    .option('--yes', 'do it without being asked')
    .option('--json', 'print one JSON object: {head}')
    .action(async (options: Json & { yes?: boolean }) => {
      await cli.withServices(async (services) => {
        await cli.confirm('This signs the end of the chain as it is. Run "latchkey audit verify" first and keep what it says.', options);
        const data = await services.auditTrail.continueChain();
        await services.audit.record({ type: 'audit.continued', outcome: 'success', detail: { via: 'cli', head: data.head } });
        cli.print({ data, text: `The chain goes on after ${data.head}.\n` }, options);
      });
    });
}
