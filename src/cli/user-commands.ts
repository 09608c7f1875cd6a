import { type Command, Option } from 'commander';
import { AppError } from '../platform/errors.js';
import type { Services } from '../services.js';
import { dataOfAccount, getAccount } from './accounts.js';
import type { Cli } from './context.js';
import { CliError } from './failure.js';
import { members, plain, table } from './output.js';
import { addImportCommand } from './user-import/index.js';
import { collect, pageSize } from './values.js';

type Json = { json?: boolean };
type CreateOptions = Json & {
  email: string;
  username?: string;
  firstName?: string;
  lastName?: string;
  fullName?: string;
  verified?: boolean;
  role?: string[];
  passwordStdin?: boolean;
};

type ListOptions = Json & {
  status?: 'active' | 'disabled';
  role?: string;
  search?: string;
  sort?: 'created_at' | 'email';
  descending?: boolean;
  limit?: number;
  cursor?: string;
};

/** Who did it, for the audit log: nobody signed in, somebody with a shell on the server's machine. */
const VIA_CLI = { via: 'cli' } as const;

/** `latchkey user ...` */
export function addUserCommands(program: Command, cli: Cli): void {
  const user = program.command('user').description('the people who can sign in; ACCOUNT is an id, an e-mail address or a username');
  addCreate(user, cli);
  addReading(user, cli);
  addStatus(user, cli);
  addPassword(user, cli);
  addDeletion(user, cli);
  addImportCommand(user, cli);
}

function addCreate(user: Command, cli: Cli): void {
  user
    .command('create')
    .description('make an account')
    .requiredOption('--email <address>', 'e-mail address')
    .option('--username <name>', 'a second name to sign in with')
    .option('--first-name <name>')
    .option('--last-name <name>')
    .option('--full-name <name>', 'name that applications are told')
    .option('--verified', 'the address is known to be theirs')
    .option('--role <role>', 'a role beside "user"; repeatable', collect)
    .option('--password-stdin', 'read the password from standard input (default: typed on the terminal)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  latchkey user create --email ann@example.com --verified
  printf %s "$PASSWORD" | latchkey user create --email ann@example.com --verified --role admin --password-stdin --json`,
    )
    .action(async (options: CreateOptions) => {
      const password = await cli.readSecret('Password', { fromStdin: options.passwordStdin, flag: '--password-stdin' });
      await cli.withServices(async (services) => {
        const account = await createAccount(services, options, password);
        const data = await dataOfAccount(account);
        cli.print({ data, text: `Created the account.\n${members(data)}` }, options);
      });
    });
}

async function createAccount({ identity }: Services, options: CreateOptions, password: string) {
  const { email, username, firstName, lastName, fullName, verified, role = [] } = options;
  const roles = ['user', ...role];
  const account = { email, username, firstName, lastName, fullName, password, verified, roles };
  return identity.accountCreation.create(account, { detail: VIA_CLI }).catch(async (error: unknown) => {
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'accounts.email_taken') {
      throw new CliError('This address already has an account.', { mend: `See it: latchkey user show ${plain(email)}`, cause: error });
    }
    if (error.code === 'roles.unknown') throw unknownRole(roles, await identity.roles.list(), error);
    throw error;
  });
}

function unknownRole(given: readonly string[], known: readonly { name: string }[], cause: AppError): CliError {
  const names = known.map(({ name }) => name);
  const unknown = [...new Set(given)].filter((role) => !names.includes(role));
  return new CliError(`There is no role ${unknown.map((role) => `"${plain(role)}"`).join(', ')}.`, {
    mend: `The roles are: ${names.join(', ')}`,
    cause,
  });
}

function addReading(user: Command, cli: Cli): void {
  user
    .command('list')
    .description('list accounts, the oldest first')
    .addOption(new Option('--status <status>', 'only those').choices(['active', 'disabled']))
    .option('--role <role>', 'only those who have it')
    .option('--search <text>', 'only those whose e-mail address or username begins so')
    .addOption(new Option('--sort <column>', 'by what (default: created_at)').choices(['created_at', 'email']))
    .option('--descending', 'the other way round')
    .option('--limit <number>', 'how many, at most 200 (default: 50)', pageSize)
    .option('--cursor <cursor>', 'go on after an earlier page of the same list')
    .option('--json', 'print one JSON object: {users, next_cursor}')
    .action(async ({ json, search, sort, descending, ...rest }: ListOptions) => {
      await cli.withServices(async ({ identity }) => {
        const { accounts, nextCursor } = await identity.accounts.list({
          ...rest,
          q: search,
          sort: sort === 'email' ? 'email' : 'createdAt',
          order: descending ? 'desc' : 'asc',
        });
        const users = await Promise.all(accounts.map(dataOfAccount));
        const rows = users.map((each) => [
          each.email,
          each.username,
          each.roles,
          each.is_active ? 'active' : 'disabled',
          each.is_verified,
          each.id,
        ]);
        const isFiltered = [rest.status, rest.role, search].some((filter) => filter !== undefined);
        const more = nextCursor ? `\nMore: --cursor ${nextCursor}\n` : '';
        const text = table(
          ['E-MAIL', 'USERNAME', 'ROLES', 'STATUS', 'VERIFIED', 'ID'],
          rows,
          nextCursor ? 'None so far.' : isFiltered ? 'No account fits.' : 'There are no accounts. Make one: latchkey user create --help',
        );
        cli.print({ data: { users, next_cursor: nextCursor }, text: text + more }, { json });
      });
    });
  user
    .command('show')
    .description('show an account')
    .argument('<account>')
    .option('--json', 'print one JSON object')
    .action(async (named: string, options: Json) => {
      await cli.withServices(async (services) => {
        const data = await dataOfAccount(await getAccount(services, named));
        cli.print({ data, text: members(data) }, options);
      });
    });
}

/** What changes an account and answers with it. */
function addStatus(user: Command, cli: Cli): void {
  const change = (name: string, description: string, told: string, work: (services: Services, id: string) => Promise<unknown>) =>
    user
      .command(name)
      .description(description)
      .argument('<account>')
      .option('--json', 'print one JSON object')
      .action(async (named: string, options: Json) => {
        await cli.withServices(async (services) => {
          const { id } = await getAccount(services, named);
          await work(services, id);
          const account = await getAccount(services, id);
          cli.print({ data: await dataOfAccount(account), text: `${account.email} ${told}\n` }, options);
        });
      });
  change(
    'disable',
    'end every session and token, and let nobody sign in',
    'is disabled. Every session and token has ended.',
    ({ identity }, id) => identity.accounts.disable(id),
  );
  change('enable', 'let a disabled account sign in again', 'can sign in again.', ({ identity }, id) => identity.accounts.enable(id));
  change('unlock', 'open the lock that too many wrong passwords closed', 'is not locked.', ({ identity }, id) => identity.login.unlock(id));
}

function addPassword(user: Command, cli: Cli): void {
  user
    .command('set-password')
    .description('set a new password; every session and refresh token ends, and the owner is told by mail')
    .argument('<account>')
    .option('--password-stdin', 'read the password from standard input (default: typed on the terminal)')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  printf %s "$PASSWORD" | latchkey user set-password ann@example.com --password-stdin')
    .action(async (named: string, options: Json & { passwordStdin?: boolean }) => {
      const newPassword = await cli.readSecret('New password', { fromStdin: options.passwordStdin, flag: '--password-stdin' });
      await cli.withServices(async (services) => {
        const { id } = await getAccount(services, named);
        await services.identity.passwordChange.set({ accountId: id, newPassword });
        const account = await getAccount(services, id);
        cli.print(
          { data: await dataOfAccount(account), text: `${account.email} has a new password. Every session and token has ended.\n` },
          options,
        );
      });
    });
}

function addDeletion(user: Command, cli: Cli): void {
  user
    .command('delete')
    .description('delete an account, its sessions and its tokens')
    .argument('<account>')
    .option('--yes', 'do it without being asked')
    .option('--json', 'print one JSON object')
    .action(async (named: string, options: Json & { yes?: boolean }) => {
      await cli.withServices(async (services) => {
        const { id, email } = await getAccount(services, named);
        await cli.confirm(`This deletes ${email} for good.`, options);
        await services.identity.accounts.delete(id);
        cli.print({ data: { id, email, deleted: true }, text: `Deleted ${email}. Every session and token has ended.\n` }, options);
      });
    });
}
