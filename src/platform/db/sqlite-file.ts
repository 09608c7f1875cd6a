import { randomBytes } from 'node:crypto';
import { constants, copyFile, link, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Client, createClient } from '@libsql/client';
import { AppError } from '../errors.js';

/** How long an exclusive lock is waited for: a command that ends soon may go on, a server does not. */
const EXCLUSIVE_TIMEOUT_MS = 1500;
const BUSY_TIMEOUT_MS = 30_000;

/** The file of a `file:` URL; undefined for any other. */
export const sqliteFileOf = (url: string): string | undefined =>
  url.startsWith('file:')
    ? path.resolve(
        decodeURIComponent(
          url
            .slice('file:'.length)
            .replace(/\?.*$/, '')
            .replace(/^\/\/(?=\/)/, ''),
        ),
      )
    : undefined;

/** The URL under which a file is opened, whatever characters its name has. */
export const sqliteUrlOf = (file: string): string => pathToFileURL(file).href;

/**
 * Makes the file of a new database, which only its owner may read: hashes of passwords are in it. What SQLite writes beside it has the same
 * permissions. One that is there stays as it is, and what keeps it from being made is told when it is opened.
 */
export async function makePrivate(url: string): Promise<void> {
  const handle = await open(sqliteFileOf(url) ?? '', 'wx', 0o600).catch(() => undefined);
  await handle?.close();
}

/**
 * Copies an SQLite database into one file while others write to it: the state of one moment, whole. Only its owner may read the copy, which
 * appears under its name when it is complete and checked, or not at all.
 * @throws AppError `backup.exists`, `backup.damaged`; what the file system throws
 */
export async function copySqlite(url: string, file: string): Promise<{ bytes: number }> {
  const aside = `${file}.${process.pid}-${randomBytes(6).toString('hex')}`;
  // VACUUM INTO writes into an empty file as it is, so nobody else can read the copy at any moment.
  await (await open(aside, 'wx', 0o600)).close();
  try {
    // One read transaction: writers go on beside it, and nothing they write is in the copy.
    await withClient(url, (client) => client.execute({ sql: 'VACUUM INTO ?', args: [path.resolve(aside)] }));
    await requireWhole(aside);
    const bytes = await sync(aside);
    await link(aside, file).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? alreadyThere(file) : error;
    });
    return { bytes };
  } finally {
    await rm(aside, { force: true });
  }
}

/** A copy of a backup beside the database it is to become, for its owner only. @throws AppError `backup.damaged` */
export async function stageSqlite(backup: string, target: string): Promise<string> {
  const staged = `${target}.restoring-${randomBytes(6).toString('hex')}`;
  await (await open(staged, 'wx', 0o600)).close();
  try {
    await copyFile(backup, staged, constants.COPYFILE_FICLONE);
    await requireWhole(staged);
    return staged;
  } catch (error) {
    await rm(staged, { force: true });
    throw error;
  }
}

/**
 * Puts a staged database in the place of the one there is, which is kept under another name.
 * @returns the name under which it is kept; null when there was none
 * @throws AppError `database.in_use` while a server or command has it open
 */
export async function replaceSqlite(staged: string, target: string, at: Date): Promise<string | null> {
  // A new file, whatever connections of this process still have the staged one open.
  const whole = `${staged}-whole`;
  await copySqlite(sqliteUrlOf(staged), whole);
  const kept = `${target}.before-restore-${at.toISOString().replace(/[-:]/g, '').slice(0, 15)}Z`;
  const existed = await isThere(target);
  if (existed) {
    await foldJournal(target);
    await rename(target, kept);
  }
  await rename(whole, target);
  await sync(path.dirname(target));
  return existed ? kept : null;
}

/** Takes whatever stands in the write-ahead log into the file, which is then the whole database. Nobody else may have it open. */
async function foldJournal(file: string): Promise<void> {
  await withClient(
    sqliteUrlOf(file),
    async (client) => {
      const { rows } = await client.execute('PRAGMA journal_mode = DELETE').catch((error: unknown) => {
        if (/SQLITE_BUSY|locked/.test(String(error))) throw inUse(file);
        throw error;
      });
      if (rows[0]?.journal_mode !== 'delete') throw inUse(file);
    },
    EXCLUSIVE_TIMEOUT_MS,
  );
}

async function requireWhole(file: string): Promise<void> {
  const faults = await withClient(sqliteUrlOf(file), async (client) => {
    const { rows: integrity } = await client.execute('PRAGMA integrity_check(5)');
    const { rows: orphans } = await client.execute('PRAGMA foreign_key_check');
    const { rows: tables } = await client.execute("SELECT name FROM sqlite_master WHERE name IN ('_prisma_migrations', 'secrets')");
    return [
      ...integrity.map((row) => String(row.integrity_check)).filter((text) => text !== 'ok'),
      ...(orphans.length > 0 ? [`${orphans.length} rows lead nowhere`] : []),
      ...(tables.length < 2 ? ['it is no database of this server'] : []),
    ];
  }).catch((error: unknown) => [/SQLITE_NOTADB|not a database/.test(String(error)) ? 'it is no database' : String(error)]);
  if (faults.length > 0) throw damaged(faults);
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>, timeout = BUSY_TIMEOUT_MS): Promise<T> {
  const client = createClient({ url, timeout });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** What was written stays when the machine loses power. @returns the size */
async function sync(file: string): Promise<number> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

async function isThere(file: string): Promise<boolean> {
  const handle = await open(file, 'r').catch(() => null);
  await handle?.close();
  return handle !== null;
}

const alreadyThere = (file: string) => new AppError('backup.exists', 409, `${file} is there already.`);
const damaged = (faults: readonly string[]) => new AppError('backup.damaged', 422, `The copy cannot be used: ${faults.join('; ')}.`);
const inUse = (file: string) => new AppError('database.in_use', 409, `Something has ${file} open: a server, or another command.`);
