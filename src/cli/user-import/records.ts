/** A line, or a CSV record of several lines; without its line end. `text` is null where it was too long to be kept, or is not UTF-8. */
export type FileRecord = { line: number; text: string; fault?: undefined } | { line: number; text: null; fault: 'too_long' | 'not_utf8' };

/** What a record may have at most, bytes. */
export const MAX_RECORD_BYTES = 64 * 1024;

const LF = 0x0a;
const QUOTE = 0x22;
const BOM = '\ufeff';

type Options = {
  /** a line end between double quotes belongs to the record (RFC 4180) */
  quoted: boolean;
};

/**
 * Cuts a stream of bytes into records, of which never more than one is kept. One that is too long is passed over to its next line end, quoted or
 * not, so that a quote somebody forgot to close costs 64 KiB and not the rest of the file.
 */
export async function* readRecords(source: AsyncIterable<Buffer>, { quoted }: Options): AsyncGenerator<FileRecord> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 1;
  let record = startRecord(1);

  const finish = (): FileRecord => {
    const { line: at, parts, tooLong } = record;
    if (tooLong) return { line: at, text: null, fault: 'too_long' };
    try {
      const text = decoder.decode(Buffer.concat(parts));
      return { line: at, text: (at === 1 && text.startsWith(BOM) ? text.slice(1) : text).replace(/\r$/, '') };
    } catch {
      return { line: at, text: null, fault: 'not_utf8' };
    }
  };

  for await (const chunk of source) {
    let from = 0;
    while (from < chunk.length) {
      const to = chunk.indexOf(LF, from);
      const end = to < 0 ? chunk.length : to;
      take(record, chunk.subarray(from, end), quoted);
      from = end + 1;
      if (to < 0) break;
      line += 1;
      if (record.inQuotes && !record.tooLong) {
        take(record, chunk.subarray(to, to + 1), false);
        continue;
      }
      yield finish();
      record = startRecord(line);
    }
  }
  if (record.bytes > 0) yield finish();
}

type OpenRecord = { line: number; parts: Buffer[]; bytes: number; inQuotes: boolean; tooLong: boolean };
const startRecord = (line: number): OpenRecord => ({ line, parts: [], bytes: 0, inQuotes: false, tooLong: false });

function take(record: OpenRecord, part: Buffer, quoted: boolean): void {
  record.bytes += part.length;
  if (record.bytes > MAX_RECORD_BYTES) {
    record.tooLong = true;
    record.parts = [];
  }
  if (record.tooLong) return;
  if (part.length > 0) record.parts.push(part);
  if (!quoted) return;
  for (let at = part.indexOf(QUOTE); at >= 0; at = part.indexOf(QUOTE, at + 1)) record.inQuotes = !record.inQuotes;
}
