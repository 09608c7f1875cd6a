import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { root } from '../platform/installation.js';
import type { Cli } from './context.js';

/** `latchkey migrate` */
export function addMigrateCommand(program: Command, cli: Cli): void {
  program
    .command('migrate')
    .description('bring the database up to date, as the server does when it starts')
    .option('--status', 'only say what is to be done; exits with 1 if there is something')
    .option('--json', 'print one JSON object')
    .action(async ({ status, json }: { status?: boolean; json?: boolean }) => {
      const { databaseUrl, dataDir } = await cli.config();
      const { migrate, pendingMigrations } = await import('../platform/db/index.js');
      const database = { url: databaseUrl, directory: path.join(root, 'prisma') };
      if (databaseUrl.startsWith('file:')) await mkdir(dataDir, { recursive: true, mode: 0o700 });
      if (status) {
        const pending = await pendingMigrations(database);
        const text =
          pending.length === 0 ? 'The database is up to date.\n' : `To be applied:\n${pending.map((name) => `  ${name}\n`).join('')}`;
        cli.print({ data: { pending }, text }, { json });
        if (pending.length > 0) cli.endWithFinding();
        return;
      }
      const { applied } = await migrate(database);
      const text =
        applied.length === 0 ? 'The database was up to date already.\n' : `Applied:\n${applied.map((name) => `  ${name}\n`).join('')}`;
      cli.print({ data: { applied }, text }, { json });
    });
}
