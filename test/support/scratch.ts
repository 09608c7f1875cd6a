import { chmodSync, existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Where Linux keeps files in memory. */
const IN_MEMORY = '/dev/shm';
/** What a run holds at its highest is a quarter of this; containers often give 64 MB. */
const ENOUGH_BYTES = 2 * 1024 ** 3;

const hasRoom = (folder: string) => {
  if (!existsSync(folder)) return false;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize >= ENOUGH_BYTES;
};

/**
 * Has what this process, and those that inherit its environment, put into the system's folder of temporary files lie in one folder: in memory
 * when asked and where there is room, unless TMPDIR says where. Tests make and drop hundreds of databases, of 300 files each on PostgreSQL; on ext4 without a journal each new file has to look
 * past all that were deleted a while ago, which took a fifth of a whole run.
 * @returns how to get rid of the folder
 */
export function useScratchFolder({ inMemory }: { inMemory: boolean }): () => void {
  const before = process.env.TMPDIR;
  const folder = mkdtempSync(path.join(inMemory && !before && hasRoom(IN_MEMORY) ? IN_MEMORY : os.tmpdir(), 'latchkey-'));
  // As root, PostgreSQL runs as a user of its own, who must be able to pass.
  if (process.getuid?.() === 0) chmodSync(folder, 0o711);
  process.env.TMPDIR = folder;
  return () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(folder, { recursive: true, force: true });
  };
}
