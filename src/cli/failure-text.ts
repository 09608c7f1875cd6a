import { ConfigurationError } from '../config/index.js';
import { AppError } from '../platform/errors.js';
import { describeSystemFailure } from '../platform/system-failure.js';
import { CliError, EXIT_USAGE } from './failure.js';

const EXIT_FAILURE = 1;

/** What to do about errors whose own text does not say it. */
const MENDS: Record<string, string> = {
  'accounts.not_found': 'See who is there: latchkey user list',
  'accounts.email_taken': 'Use another address, or change the account that has it: latchkey user show EMAIL',
  'accounts.username_taken': 'Choose another username.',
  'accounts.invalid_cursor': 'Take the cursor from the "next_cursor" of the page before, and keep its filter and order.',
  'audit.unknown_type': 'Types are like login.failed, or login.* for all of a kind; README lists them.',
  'audit.invalid_cursor': 'Take the cursor from the "next_cursor" of the page before, and keep its filter.',
  'webhooks.not_found': 'See which there are: latchkey webhook list',
  'clients.not_found': 'See which there are: latchkey client list',
  'clients.id_taken': 'Leave --client-id out and one is made, or change the one there is: latchkey client update CLIENT_ID',
  'clients.no_secret': 'See how the client authenticates: latchkey client show CLIENT_ID',
  'roles.unknown': 'See which there are: latchkey role list',
  'roles.last_admin': 'Give somebody else the role: latchkey role grant ACCOUNT admin',
  'password_change.conflict': 'Run the command again.',
  'signing_keys.published_too_short': 'See when the next key is ready: latchkey keys list',
  'backup.exists': 'Choose another name, or take the file away first.',
  'backup.damaged': 'Use another backup; nothing was changed.',
  'database.in_use': 'Stop the server first. Nothing was changed.',
  'secrets.wrong_key':
    'Look where its copy is kept. If the key was changed, name the old one in KEY_ENCRYPTION_KEY_PREVIOUS beside the new one.',
  'signing_keys.not_found': 'See which keys there are: latchkey keys list',
  'signing_keys.no_next': 'See which keys there are: latchkey keys list',
};

/** How a failure is told: what happened and what to do next. Never a stack trace, unless it is asked for by LOG_LEVEL=debug. */
export function describeFailure(error: unknown, { debug }: { debug: boolean }): { text: string; exitCode: number } {
  const trace = debug && error instanceof Error ? `\n${error.stack}` : '';
  const told = (message: string, mend?: string) => `Error: ${message}${mend ? `\n${mend}` : ''}${trace}\n`;
  if (error instanceof CliError) return { text: told(error.message, error.mend), exitCode: error.usage ? EXIT_USAGE : EXIT_FAILURE };
  if (error instanceof ConfigurationError) return { text: told(error.message), exitCode: EXIT_FAILURE };
  if (error instanceof AppError) return { text: told(error.message, MENDS[error.code]), exitCode: EXIT_FAILURE };
  const [message, mend] = describeSystemFailure(error) ?? [
    'Something failed that this command did not foresee.',
    'Run it again with LOG_LEVEL=debug to see what; latchkey doctor may tell why.',
  ];
  return { text: told(message, mend), exitCode: EXIT_FAILURE };
}
