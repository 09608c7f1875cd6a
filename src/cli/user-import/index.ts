/**
 * Owns: `latchkey user import`: the files it reads, the progress it shows, the file of lines that were not taken.
 * Does not own: what a row may say and what becomes of it (identity/user-import).
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type Command, Option } from 'commander';
import type { ImportSummary } from '../../identity/index.js';
import type { Cli } from '../context.js';
import { CliError } from '../failure.js';
import { members, plain } from '../output.js';
import type { ImportFormat } from './formats.js';
import { describeProgress } from './progress.js';
import { openRejectsFile } from './rejects.js';

type Options = { format?: ImportFormat; dryRun?: boolean; allowAdmin?: boolean; rejected?: string; json?: boolean };

const STDIN = '-';

export function addImportCommand(user: Command, cli: Cli): void {
  user
    .command('import')
    .description('make accounts of the rows of a file, with the password hashes of another system')
    .argument('<file>', 'NDJSON (.ndjson, .jsonl) or CSV (.csv, with a header); "-" for standard input')
    .addOption(new Option('--format <format>', 'what the file is, whatever its name').choices(['ndjson', 'csv']))
    .option('--dry-run', 'judge every row and write no account')
    .option('--allow-admin', 'let rows make administrators')
    .option('--rejected <file>', 'where the rows that cannot be taken are told (default: FILE.rejected.ndjson)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Members of a row: email; and, where there are any, id (kept as the subject), username, first_name, last_name, full_name, password_hash
(argon2, bcrypt, PBKDF2, scrypt), email_verified (true or false), roles (a list; in CSV separated by spaces), status (active or disabled),
created_at (ISO 8601). Accounts that exist are never changed. An import that was interrupted is run again: what is there is passed over.
It ends with 1 if a row was not taken.

Examples:
  latchkey user import people.ndjson --dry-run
  latchkey user import people.csv
  zcat people.ndjson.gz | latchkey user import - --format ndjson --rejected rejected.ndjson`,
    )
    .action((file: string, options: Options) => importUsers(cli, file, options));
}

async function importUsers(cli: Cli, file: string, options: Options): Promise<void> {
  const format = options.format ?? formatOf(file);
  const rejectedPath = path.resolve(options.rejected ?? (file === STDIN ? 'import.rejected.ndjson' : `${file}.rejected.ndjson`));
  if (file !== STDIN && rejectedPath === path.resolve(file)) {
    throw new CliError('--rejected names the file that is imported.', { mend: 'Name another one.', usage: true });
  }
  const source = await openSource(cli, file);
  const interrupted = new AbortController();
  const stopHearing = cli.terminal.onInterrupt(() => {
    interrupted.abort();
    source.stream.destroy();
  });
  try {
    await cli.withServices(async ({ identity }) => {
      // Loaded when there is something to read: help should not wait for it.
      const { readImportFile } = await import('./formats.js');
      const rejects = openRejectsFile(rejectedPath);
      const startedAt = performance.now();
      let lastRow = 0;
      try {
        const summary = await identity.userImport.run(readImportFile(source.read(), format), {
          dryRun: options.dryRun ?? false,
          allowAdmin: options.allowAdmin ?? false,
          signal: interrupted.signal,
          onRejected: rejects.add,
          onProgress: ({ rows, rejected }) => {
            lastRow = rows;
            const elapsedMs = performance.now() - startedAt;
            cli.terminal.progress(
              describeProgress({ rows, rejected, bytesRead: source.bytesRead(), bytesTotal: source.bytesTotal, elapsedMs }),
            );
          },
        });
        cli.terminal.progress('');
        tell(cli, summary, { ...options, file, rejectedPath, seconds: (performance.now() - startedAt) / 1000 });
      } catch (error) {
        cli.terminal.progress('');
        if (lastRow > 0) cli.terminal.err(`Stopped after ${lastRow} rows. What was imported stays; run the command again to go on.\n`);
        throw error;
      } finally {
        await rejects.close();
      }
    });
  } finally {
    stopHearing();
    source.stream.destroy();
  }
}

function formatOf(file: string): ImportFormat {
  const extension = path.extname(file).toLowerCase();
  if (extension === '.csv') return 'csv';
  if (extension === '.ndjson' || extension === '.jsonl') return 'ndjson';
  throw new CliError('What the file is cannot be told by its name.', { mend: 'Say it: --format ndjson or --format csv', usage: true });
}

async function openSource({ terminal }: Cli, file: string) {
  const found = file === STDIN ? undefined : await stat(file).catch(() => undefined);
  if (file !== STDIN && !found?.isFile())
    throw new CliError(`There is no file ${plain(file)}.`, { mend: 'Name a file of rows, or - for standard input.' });
  const stream = file === STDIN ? terminal.input : createReadStream(file);
  let bytes = 0;
  return {
    stream,
    bytesTotal: found?.size ?? null,
    bytesRead: () => bytes,
    async *read(): AsyncGenerator<Buffer> {
      for await (const chunk of stream) {
        bytes += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
    },
  };
}

type Told = Options & { file: string; rejectedPath: string; seconds: number };

function tell(cli: Cli, summary: ImportSummary, { file, rejectedPath, seconds, dryRun = false, json }: Told): void {
  const { rows, created, alreadyThere, rejected, rejectedByReason, passwordHashes, interrupted } = summary;
  const data = {
    dry_run: dryRun,
    interrupted,
    rows,
    created,
    already_there: alreadyThere,
    rejected,
    rejected_by_reason: rejectedByReason,
    password_hashes: passwordHashes,
    rejected_file: rejected > 0 ? rejectedPath : null,
    seconds: Math.round(seconds * 10) / 10,
  };
  const counts = (each: Record<string, number>) => Object.entries(each).map(([name, count]) => `${name}: ${count}`);
  const text = [
    `${dryRun ? 'Nothing was written: this was a dry run.' : interrupted ? 'Stopped.' : 'Imported.'}\n`,
    members({
      rows,
      [dryRun ? 'could be created' : 'created']: created,
      'already there': alreadyThere,
      rejected,
      ...(rejected > 0 ? { reasons: counts(rejectedByReason) } : {}),
      'password hashes': counts(passwordHashes),
      seconds: data.seconds,
    }),
    rejected > 0 ? `The rows that were not taken, and why: ${plain(rejectedPath)}\n` : '',
    interrupted ? `To go on, run it again: latchkey user import ${plain(file)}\nWhat is there is passed over.\n` : '',
  ].join('');
  cli.print({ data, text }, { json });
  if (rejected > 0 || interrupted) cli.endWithFinding();
}
