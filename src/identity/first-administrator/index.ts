/**
 * Owns: the administrator that an empty development installation starts with. Does not own: production's, whom an operator makes.
 */
import { randomId } from '../../platform/crypto/index.js';
import { AppError } from '../../platform/errors.js';
import type { Accounts } from '../accounts/index.js';
import type { Passwords } from '../passwords/index.js';

export type FirstAdministrator = { email: string; password: string };

const DEVELOPMENT_DOMAIN = /\.localhost$/;

/**
 * In production nobody may administer under an address that only this machine has: it was made for development, and its password stood in a
 * terminal. @throws AppError `accounts.development_administrator`
 */
export async function requireNoDevelopmentAdministrator(
  identity: { accounts: Pick<Accounts, 'findByEmail'> },
  email: string,
): Promise<void> {
  if (!DEVELOPMENT_DOMAIN.test(email)) return;
  const account = await identity.accounts.findByEmail(email);
  if (account?.status !== 'active' || !account.roles.includes('admin')) return;
  throw new AppError(
    'accounts.development_administrator',
    500,
    `The administrator ${email} was made for development. Make one of your own (latchkey user create --role admin), then: latchkey user delete ${email}`,
  );
}

/**
 * In development, an empty installation gets an administrator with a random password, which is shown once and kept nowhere.
 * @returns undefined when there are accounts already, or another process was first
 */
export async function createFirstAdministrator(
  identity: { accounts: Pick<Accounts, 'list' | 'create'>; passwords: Pick<Passwords, 'hash'> },
  email: string,
): Promise<FirstAdministrator | undefined> {
  const { accounts } = await identity.accounts.list({ limit: 1 });
  if (accounts.length > 0) return undefined;
  const password = randomId(18);
  try {
    await identity.accounts.create({
      email,
      passwordHash: await identity.passwords.hash(password),
      verified: true,
      roles: ['user', 'admin'],
    });
  } catch (error) {
    if (error instanceof AppError && error.code === 'accounts.email_taken') return undefined;
    throw error;
  }
  return { email, password };
}
