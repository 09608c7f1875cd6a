import { once } from 'node:events';
import { createWriteStream, rmSync, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { RejectedLine } from '../../identity/index.js';

/** The file of lines that were not taken, one JSON object each. It is there only if there are such lines. */
export type RejectsFile = { add(line: RejectedLine): Promise<void>; close(): Promise<void> };

/** Begins anew: what an earlier run left in the file is gone. @throws what the file system throws */
export function openRejectsFile(path: string): RejectsFile {
  rmSync(path, { force: true });
  let stream: WriteStream | undefined;
  return {
    async add({ line, email, code, reason }) {
      if (!stream) {
        // Addresses of people stand in it.
        stream = createWriteStream(path, { mode: 0o600 });
        await once(stream, 'open');
      }
      if (!stream.write(`${JSON.stringify({ line, email, code, reason })}\n`)) await once(stream, 'drain');
    },
    async close() {
      if (!stream) return;
      stream.end();
      await finished(stream);
    },
  };
}
