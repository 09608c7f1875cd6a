import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const NAMES = ['key-encryption-key', 'cookie-secrets'] as const;

/**
 * One secret of a development installation, as text: made once under keys/ (in DATA_DIR where keys/ cannot be written), readable by its owner
 * only. Two processes that start at once end with the same secret.
 * @throws NodeJS.ErrnoException when it can be neither read nor made
 */
export function readLocalSecret(name: (typeof NAMES)[number], { root, dataDir }: { root: string; dataDir: string }): string {
  const preferred = path.join(root, 'keys');
  // One that was made is used, also where nothing can be made any more.
  for (const folder of [preferred, dataDir]) {
    const file = path.join(folder, name);
    if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  }
  const file = path.join(isWritable(preferred) ? preferred : dataDir, name);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  make(file);
  return readFileSync(file, 'utf8').trim();
}

/** The secrets that this installation has made for development, as text; none is made. */
export function findLocalSecrets({ root, dataDir }: { root: string; dataDir: string }): string[] {
  const files = [path.join(root, 'keys'), dataDir].flatMap((folder) => NAMES.map((name) => path.join(folder, name)));
  return files.flatMap((file) => {
    try {
      return [readFileSync(file, 'utf8').trim()];
    } catch {
      // Not there, or not ours to read: then it was not made here.
      return [];
    }
  });
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    // Missing, or a read-only installation, which keeps its secrets beside its data.
    return false;
  }
}

function make(file: string): void {
  const aside = `${file}.${process.pid}-${randomBytes(6).toString('hex')}`;
  writeFileSync(aside, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    // A link appears whole or not at all and fails where the file exists: nobody reads half a secret, and the first one made stays.
    linkSync(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside);
  }
}
