import type { Command } from 'commander';
import type { SessionSummary } from '../oidc/sessions/index.js';
import { getAccount } from './accounts.js';
import type { Cli } from './context.js';
import { CliError } from './failure.js';
import { table } from './output.js';

type Json = { json?: boolean };

const dataOf = (session: SessionSummary) => ({
  id: session.uid,
  kind: session.kind,
  signed_in_at: session.signedInAt.toISOString(),
  last_seen_at: session.lastSeenAt.toISOString(),
  expires_at: session.expiresAt.toISOString(),
  ip: session.ip,
  user_agent: session.userAgent,
  client_ids: session.clientIds,
});

/** `latchkey sessions ...` */
export function addSessionCommands(program: Command, cli: Cli): void {
  const sessions = program.command('sessions').description('where people are signed in');
  sessions
    .command('list')
    .description('list where an account is signed in, the last used first, at most 100 in browsers and 100 over the API')
    .argument('<account>', 'id, e-mail address or username')
    .option('--json', 'print one JSON object: {account_id, sessions}')
    .action(async (named: string, options: Json) => {
      await cli.withServices(async (services) => {
        const { id, email } = await getAccount(services, named);
        const found = await services.sessions.list(id);
        const rows = found.map(({ uid, kind, signedInAt, lastSeenAt, ip, userAgent, clientIds }) => [
          uid,
          kind,
          signedInAt,
          lastSeenAt,
          ip,
          clientIds,
          userAgent,
        ]);
        const text = table(
          ['SESSION', 'KIND', 'SIGNED IN', 'LAST SEEN', 'ADDRESS', 'CLIENTS', 'USER AGENT'],
          rows,
          `${email} is signed in nowhere.`,
        );
        cli.print({ data: { account_id: id, sessions: found.map(dataOf) }, text }, options);
      });
    });
  sessions
    .command('revoke')
    .description('end one session, or everything an account has')
    .argument('[session]', 'id of a session, from "sessions list"')
    .option('--account <account>', 'every session, grant, token and API key of this account')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExamples:\n  latchkey sessions revoke SESSION\n  latchkey sessions revoke --account ann@example.com')
    .action(async (session: string | undefined, options: Json & { account?: string }) => {
      if ((session === undefined) === (options.account === undefined)) {
        throw new CliError('Name either a session or, with --account, whose sessions are to end.', { usage: true });
      }
      if (session === undefined) await revokeAll(cli, options.account ?? '', options);
      else await revokeOne(cli, session, options);
    });
}

async function revokeOne(cli: Cli, session: string, options: Json): Promise<void> {
  await cli.withServices(async ({ sessions, audit }) => {
    if (!(await sessions.end(session))) {
      throw new CliError('There is no such session; it may have ended.', { mend: 'See which there are: latchkey sessions list ACCOUNT' });
    }
    await audit.record({ type: 'session.ended', outcome: 'success', detail: { via: 'cli', session } });
    cli.print({ data: { id: session, revoked: true }, text: 'The session has ended.\n' }, options);
  });
}

async function revokeAll(cli: Cli, named: string, options: Json): Promise<void> {
  await cli.withServices(async (services) => {
    const { id, email } = await getAccount(services, named);
    const { apiKeys } = await services.identity.endEverything(id, { via: 'cli' });
    const data = { account_id: id, revoked: true, api_keys: apiKeys };
    cli.print({ data, text: `Every session, grant, token and API key of ${email} has ended.\n` }, options);
  });
}
