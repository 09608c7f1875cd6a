import { parse } from 'csv-parse/sync';
import { IMPORT_MEMBERS, type ImportLine } from '../../identity/index.js';
import { CliError } from '../failure.js';
import { plain } from '../output.js';
import { type FileRecord, MAX_RECORD_BYTES, readRecords } from './records.js';

export type ImportFormat = 'ndjson' | 'csv';

/** So many records are handed to the CSV parser at a time: one by one it costs eight times as much. */
const CSV_GROUP = 100;

/** Reads rows from a file of either format; what is none comes with its fault. @throws CliError for a CSV header that cannot be meant */
export function readImportFile(source: AsyncIterable<Buffer>, format: ImportFormat): AsyncGenerator<ImportLine> {
  return format === 'csv' ? readCsv(source) : readNdjson(source);
}

const faultOf = ({ line, fault }: FileRecord): ImportLine => ({
  line,
  fault:
    fault === 'not_utf8'
      ? { code: 'import.not_utf8', reason: 'It is not text in UTF-8.' }
      : { code: 'import.too_long', reason: `It is longer than ${MAX_RECORD_BYTES / 1024} KiB.` },
});

async function* readNdjson(source: AsyncIterable<Buffer>): AsyncGenerator<ImportLine> {
  for await (const record of readRecords(source, { quoted: false })) {
    if (record.text === null) yield faultOf(record);
    else if (record.text.trim() !== '') yield readJson(record.line, record.text);
  }
}

function readJson(line: number, text: string): ImportLine {
  try {
    const row: unknown = JSON.parse(text);
    if (typeof row === 'object' && row !== null && !Array.isArray(row)) return { line, row: row as Record<string, unknown> };
  } catch {
    // The parser quotes what it stumbles over; that may be a hash.
  }
  return { line, fault: { code: 'import.not_json', reason: 'It is not a JSON object.' } };
}

async function* readCsv(source: AsyncIterable<Buffer>): AsyncGenerator<ImportLine> {
  let header: string[] | undefined;
  let group: { line: number; text: string }[] = [];
  for await (const record of readRecords(source, { quoted: true })) {
    if (record.text !== null && record.text.trim() === '') continue;
    if (!header) {
      header = readHeader(record);
      continue;
    }
    if (record.text !== null) group.push(record);
    if (record.text !== null && group.length < CSV_GROUP) continue;
    yield* parseGroup(group, header);
    group = [];
    if (record.text === null) yield faultOf(record);
  }
  if (header) yield* parseGroup(group, header);
}

const parseRecords = (text: string): string[][] => parse(text, { relax_column_count: true });

function parseGroup(group: readonly { line: number; text: string }[], header: readonly string[]): ImportLine[] {
  const together = parseOrNull(group.map(({ text }) => text).join('\n'));
  const cells = together?.length === group.length ? together : group.map(({ text }) => parseOrNull(text)?.[0]);
  return group.map(({ line, text }, index) => toLine(line, text, cells[index], header));
}

function parseOrNull(text: string): string[][] | null {
  try {
    return parseRecords(text);
  } catch {
    // Its message quotes what was found.
    return null;
  }
}

function toLine(line: number, text: string, cells: string[] | undefined, header: readonly string[]): ImportLine {
  const lines = text.trimEnd().split('\n').length;
  const where = lines > 1 ? ` It goes to line ${line + lines - 1}: is a quote not closed?` : '';
  if (!cells) return { line, fault: { code: 'import.not_csv', reason: `It cannot be read as CSV.${where}` } };
  if (cells.length !== header.length) {
    return { line, fault: { code: 'import.not_csv', reason: `It has ${cells.length} columns, and the header ${header.length}.${where}` } };
  }
  return { line, row: Object.fromEntries(header.map((name, index) => [name, cells[index]])) };
}

/** A header with a column that is not known would lose that column of every row, so nothing is begun. */
function readHeader({ text }: FileRecord): string[] {
  const mend = `Name the columns in the first line, of these: ${IMPORT_MEMBERS.join(', ')}`;
  const header = text === null ? undefined : parseOrNull(text)?.[0]?.map((name) => name.trim().toLowerCase());
  if (!header?.includes('email')) throw new CliError('The first line of the CSV has no column "email".', { mend });
  if (header.includes('password')) {
    throw new CliError('The CSV has a column "password". Passwords are not imported, only their hashes.', {
      mend: 'Take the column out. People without a hash choose a password with "forgot password".',
    });
  }
  const unknown = header.filter((name) => !(IMPORT_MEMBERS as readonly string[]).includes(name));
  const doubled = header.filter((name, index) => header.indexOf(name) !== index);
  if (unknown.length > 0 || doubled.length > 0) {
    const names = [...new Set([...unknown, ...doubled])].slice(0, 10).map((name) => `"${plain(name.slice(0, 40))}"`);
    throw new CliError(`The CSV has columns that are not known, or twice: ${names.join(', ')}.`, { mend });
  }
  return header;
}
