import type { Account } from '../identity/index.js';
import type { Services } from '../services.js';
import { CliError } from './failure.js';

/** An account as programs see it, by the names of the JSON API. */
export async function dataOfAccount(account: Account) {
  const { accountData } = await import('../identity/index.js');
  return { ...accountData(account), has_password: account.hasPassword, updated_at: account.updatedAt.toISOString() };
}

/** The id of whom an operator means. Of an account that is gone nothing else is known, so what names nobody is taken for one. */
export async function findAccountId({ identity }: Pick<Services, 'identity'>, named: string): Promise<string> {
  return (await identity.accounts.findByIdentifier(named))?.id ?? named;
}

/** Finds whom an operator means: an id, an address or a username. @throws CliError when nobody is found */
export async function getAccount({ identity }: Pick<Services, 'identity'>, named: string): Promise<Account> {
  const account = (await identity.accounts.find(named)) ?? (await identity.accounts.findByIdentifier(named));
  if (!account) {
    throw new CliError('There is no such account.', {
      mend: 'Name it by its id, e-mail address or username. See who is there: latchkey user list',
    });
  }
  return account;
}
