import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import type { Environment } from '../config/index.js';
import type { Cli } from './context.js';
import { CliError } from './failure.js';

type InitOptions = { issuer: string; database?: string; json?: boolean };

/** Only to see that everything else is right: where mails go is the operator's to say. */
const ANY_SMTP = 'smtps://user:password@mail.example.com';

/** `latchkey init` */
export function addInitCommand(program: Command, cli: Cli): void {
  program
    .command('init')
    .description('write a complete configuration for production into a folder: settings with new secrets, files for clients and resources')
    .argument('[folder]', 'where to', '.')
    .requiredOption('--issuer <url>', 'https address that browsers use')
    .option('--database <url>', 'postgresql://... (default: an SQLite file in the folder)')
    .option('--json', 'print one JSON object: {folder, files, next}')
    .addHelpText('after', '\nNothing that is there is overwritten. The secrets are written, never printed.')
    .action(async (folder: string, { issuer, database, json }: InitOptions) => {
      const target = path.resolve(folder);
      const files = await filesOf(target, { issuer, database });
      const existing = files.map(({ name }) => name).filter((name) => existsSync(path.join(target, name)));
      if (existing.length > 0) {
        throw new CliError(`There is a configuration already: ${existing.join(', ')}.`, {
          mend: 'Name another folder, or move them away. Nothing was written: new secrets would lock you out of the database.',
        });
      }
      await writeAll(target, files);
      const next = nextSteps(target);
      const text = `Written to ${target}, readable by you alone:\n${files.map(({ name }) => `  ${name}\n`).join('')}\nNext:\n${next.map((step, index) => `  ${index + 1}. ${step}\n`).join('')}`;
      cli.print({ data: { folder: target, files: files.map(({ name }) => name), next }, text }, { json });
    });
}

/** @throws ConfigurationError where what was asked for cannot be a production's */
async function filesOf(
  target: string,
  { issuer, database }: { issuer: string; database: string | undefined },
): Promise<{ name: string; text: string }[]> {
  const settings = {
    LATCHKEY_ENV: 'production',
    ISSUER_URL: issuer.replace(/\/$/, ''),
    // One proxy that ends TLS, on this machine: see scripts/nginx/latchkey.conf.
    TRUST_PROXY: '1',
    DATA_DIR: path.join(target, 'data'),
    DATABASE_URL: database ?? `file:${pathToFileURL(path.join(target, 'data', 'latchkey.db')).pathname}`,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    COOKIE_SECRETS: randomBytes(32).toString('base64'),
    MAIL_FROM: `no-reply@${URL.canParse(issuer) ? new URL(issuer).hostname : ''}`,
    CLIENTS_FILE: path.join(target, 'clients.json'),
    RESOURCES_FILE: path.join(target, 'resources.json'),
  };
  const { CLIENTS_FILE: _clients, RESOURCES_FILE: _resources, ...judged }: Environment = settings;
  const { loadConfig } = await import('../config/index.js');
  loadConfig({ ...judged, SMTP_URL: ANY_SMTP }, { root: target });
  const notes: Partial<Record<keyof typeof settings, string>> = {
    KEY_ENCRYPTION_KEY: 'Keep a copy apart from the backups: without it they cannot be opened.',
    TRUST_PROXY: 'One proxy in front that ends TLS; an example is scripts/nginx/latchkey.conf.',
    CLIENTS_FILE: 'Applications and resource servers; an empty array is none.',
  };
  const lines = Object.entries(settings).map(
    ([name, value]) =>
      `${notes[name as keyof typeof settings] ? `# ${notes[name as keyof typeof settings]}\n` : ''}${name}=${quoted(value)}\n`,
  );
  return [
    {
      name: '.env',
      text: `# Made by "latchkey init". Every other setting stands in .env.example.\n${lines.join('')}# To be filled in: smtps://USER:PASSWORD@mail.example.com, special characters percent-encoded.\nSMTP_URL=\n`,
    },
    { name: 'clients.json', text: '[]\n' },
    { name: 'resources.json', text: '[]\n' },
  ];
}

/** As a file of settings reads it: a `#` would begin a comment, and a folder of another name would be used. */
function quoted(value: string): string {
  if (/^[\w:/.@%+=?&,~-]*$/.test(value)) return value;
  const quote = ['"', "'", '`'].find((each) => !value.includes(each));
  if (quote === undefined || /[\n\r\\]/.test(value)) {
    throw new CliError('The name of the folder cannot be written into a file of settings.', {
      mend: 'Name one without quotes, backslashes and line breaks.',
    });
  }
  return quote + value + quote;
}

/** All of them or, where one cannot be written, none. */
async function writeAll(target: string, files: readonly { name: string; text: string }[]): Promise<void> {
  await mkdir(target, { recursive: true, mode: 0o700 });
  const written: string[] = [];
  try {
    for (const { name, text } of files) {
      await writeFile(path.join(target, name), text, { mode: 0o600, flag: 'wx' });
      written.push(name);
    }
  } catch (error) {
    for (const name of written) await rm(path.join(target, name), { force: true });
    throw error;
  }
}

const nextSteps = (target: string): string[] => [
  `Fill in SMTP_URL in ${path.join(target, '.env')}, and look at MAIL_FROM.`,
  'Keep a copy of KEY_ENCRYPTION_KEY apart from your backups.',
  `Start: node --env-file=${path.join(target, '.env')} scripts/start.mjs (with containers: compose.yaml, and the secrets as files)`,
  `Make the administrator: node --env-file=${path.join(target, '.env')} scripts/latchkey.mjs user create --email you@example.com --role admin --verified`,
  'Look it over, through the proxy: the same with "doctor".',
];
