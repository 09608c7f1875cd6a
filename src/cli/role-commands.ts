import type { Command } from 'commander';
import type { Services } from '../services.js';
import { dataOfAccount, getAccount } from './accounts.js';
import type { Cli } from './context.js';
import { plain } from './output.js';

type Json = { json?: boolean };

/** `latchkey role ...` */
export function addRoleCommands(program: Command, cli: Cli): void {
  const role = program.command('role').description('what people may do');
  role
    .command('list')
    .description('list the roles and their permissions')
    .option('--json', 'print one JSON object: {roles}')
    .action(async (options: Json) => {
      await cli.withServices(async ({ identity }) => {
        const roles = await identity.roles.list();
        const lines = roles.map(({ name, description, permissions }) => `${name}: ${description}\n  ${permissions.join(' ')}\n`);
        cli.print({ data: { roles }, text: lines.join('') }, options);
      });
    });
  addChange(role, cli, 'grant', 'give an account a role', 'has');
  addChange(role, cli, 'revoke', 'take a role from an account', 'does not have');
}

function addChange(role: Command, cli: Cli, name: 'grant' | 'revoke', description: string, told: string): void {
  role
    .command(name)
    .description(description)
    .argument('<account>', 'id, e-mail address or username')
    .argument('<role>', 'its name, from "role list"')
    .option('--json', 'print one JSON object: the account')
    .action(async (named: string, roleName: string, options: Json) => {
      await cli.withServices(async (services) => {
        const { id } = await getAccount(services, named);
        await change(services, name, id, roleName);
        const account = await getAccount(services, id);
        cli.print({ data: await dataOfAccount(account), text: `${account.email} ${told} the role ${plain(roleName)}.\n` }, options);
      });
    });
}

const change = ({ identity }: Services, name: 'grant' | 'revoke', accountId: string, role: string): Promise<void> =>
  name === 'grant' ? identity.roles.grant(accountId, role) : identity.roles.revoke(accountId, role);
