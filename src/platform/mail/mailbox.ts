import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { now } from '../clock.js';
import { randomId } from '../crypto/index.js';
import type { OutgoingMail } from './transport.js';

/** A mail that was kept instead of sent. */
export type KeptMail = OutgoingMail & { id: string; sentAt: Date };

/** The development mailbox: a folder with one JSON file a mail, newest 200 kept. */
export type Mailbox = {
  /** Newest first. */
  list(): Promise<KeptMail[]>;
  read(id: string): Promise<KeptMail | null>;
  clear(): Promise<void>;
  keep(mail: OutgoingMail): Promise<string>;
};

const ID = /^\d{13}-\d{6}-[\w-]{8}$/;

export function createMailbox(directory: string, { newestKept = 200 }: { newestKept?: number } = {}): Mailbox {
  let sequence = 0;
  const fileOf = (id: string) => path.join(directory, `${id}.json`);

  /** Newest first: an id begins with its time and, within a millisecond, its number. */
  async function ids(): Promise<string[]> {
    const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length))
      .filter((id) => ID.test(id))
      .sort()
      .reverse();
  }

  async function read(id: string): Promise<KeptMail | null> {
    if (!ID.test(id)) return null;
    try {
      const mail = JSON.parse(await readFile(fileOf(id), 'utf8')) as OutgoingMail & { sentAt: string };
      return { ...mail, id, sentAt: new Date(mail.sentAt) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  const remove = async (old: readonly string[]) => {
    for (const id of old) await rm(fileOf(id), { force: true });
  };

  return {
    read,
    async list() {
      const mails = await Promise.all((await ids()).map(read));
      return mails.filter((mail) => mail !== null);
    },
    clear: async () => remove(await ids()),
    async keep(mail) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      sequence = (sequence + 1) % 1_000_000;
      const sentAt = now();
      const id = `${String(sentAt).padStart(13, '0')}-${String(sequence).padStart(6, '0')}-${randomId(6)}`;
      // Written aside and renamed: the mailbox page never sees half a mail. Links in it are secrets, so nobody else may read it.
      const aside = path.join(directory, `.${id}.tmp`);
      await writeFile(aside, JSON.stringify({ ...mail, sentAt: new Date(sentAt).toISOString() }, null, 2), { mode: 0o600 });
      await rename(aside, fileOf(id));
      await remove((await ids()).slice(newestKept));
      return id;
    },
  };
}
