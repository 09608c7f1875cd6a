import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeProgress } from '../../src/cli/user-import/progress.js';
import { type CommandLine, openInstallation } from '../support/command-line.js';

// 'U*U', published with Openwall's crypt_blowfish
const BCRYPT = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';

const ndjson = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const people = (count: number, name: string) =>
  Array.from({ length: count }, (_, index) => ({ email: `${name}${index}@example.com`, username: `${name}${index}` }));

describe('latchkey user import', () => {
  let latchkey: CommandLine;
  beforeAll(async () => {
    latchkey = await openInstallation();
  });
  afterAll(() => latchkey?.close());

  let files = 0;
  const write = (name: string, content: string | Buffer) => {
    const file = path.join(latchkey.folder, `${++files}-${name}`);
    writeFileSync(file, content);
    return file;
  };
  const rejectsOf = (file: string) =>
    readFileSync(`${file}.rejected.ndjson`, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { line: number; email?: string; code: string; reason: string });
  /** Also where it ends with 1, because rows were not taken. */
  const importFile = async (file: string, args: string[] = [], input = '') => {
    const { code, stdout, stderr } = await latchkey.run(['user', 'import', file, ...args, '--json'], { input });
    return { code, stderr, ...(stdout === '' ? {} : JSON.parse(stdout)) };
  };
  const countUsers = async () => {
    let users = 0;
    let cursor: string | null = null;
    do {
      const page: { users: unknown[]; next_cursor: string | null } = await latchkey.json([
        'user',
        'list',
        '--limit',
        '200',
        ...(cursor === null ? [] : ['--cursor', cursor]),
      ]);
      users += page.users.length;
      cursor = page.next_cursor;
    } while (cursor !== null);
    return users;
  };

  it('takes NDJSON with everything a row can say', async () => {
    const row = {
      id: 'legacy-1',
      email: 'Ann@Example.com',
      username: 'Ann',
      first_name: 'Ann',
      last_name: 'O’Neill',
      full_name: 'Ann O’Neill',
      password_hash: BCRYPT,
      email_verified: true,
      roles: ['manager'],
      status: 'disabled',
      created_at: '2020-02-29T12:00:00Z',
    };
    const file = write('people.ndjson', `\ufeff${JSON.stringify(row)}\r\n\n${JSON.stringify({ email: 'bare@example.com' })}`);
    expect(await importFile(file)).toEqual({
      code: 0,
      stderr: '',
      dry_run: false,
      interrupted: false,
      rows: 2,
      created: 2,
      already_there: 0,
      rejected: 0,
      rejected_by_reason: {},
      password_hashes: { 'bcrypt, cost 5': 1 },
      rejected_file: null,
      seconds: expect.any(Number),
    });
    expect(existsSync(`${file}.rejected.ndjson`)).toBe(false);
    expect(await latchkey.json(['user', 'show', 'legacy-1'])).toMatchObject({
      email: 'ann@example.com',
      username: 'Ann',
      first_name: 'Ann',
      last_name: 'O’Neill',
      full_name: 'Ann O’Neill',
      roles: ['manager', 'user'],
      is_active: false,
      is_verified: true,
      has_password: true,
      created_at: '2020-02-29T12:00:00.000Z',
    });
    expect(await latchkey.json(['user', 'show', 'bare@example.com'])).toMatchObject({
      roles: ['user'],
      is_active: true,
      is_verified: false,
      has_password: false,
    });
  });

  it('takes CSV with quotes, line ends inside them, and empty cells', async () => {
    const file = write(
      'people.csv',
      `\ufeffEmail,full_name,password_hash,email_verified,roles\r\n` +
        `csv1@example.com,"Comma, ""Quote""",${BCRYPT},yes,"manager user"\r\n` +
        `\r\n` +
        `csv2@example.com,,,,\r\n` +
        `csv3@example.com,"two\nlines",,,\r\n` +
        `csv4@example.com,last,,false,`,
    );
    const summary = await importFile(file);
    expect(summary).toMatchObject({ code: 1, rows: 4, created: 3, rejected: 1 });
    // A line end is no part of a name, but it is one row all the same, and the next is read from where it begins.
    expect(rejectsOf(file)).toEqual([{ line: 5, code: 'import.invalid', reason: 'full_name: A name has no control characters.' }]);
    expect(await latchkey.json(['user', 'show', 'csv1@example.com'])).toMatchObject({
      full_name: 'Comma, "Quote"',
      roles: ['manager', 'user'],
      is_verified: true,
    });
    expect(await latchkey.json(['user', 'show', 'csv4@example.com'])).toMatchObject({ full_name: 'last', is_verified: false });
  });

  it('judges everything in a dry run, tells the same, and writes nothing', async () => {
    const before = await countUsers();
    const file = write('dry.ndjson', `${ndjson(people(3, 'dry'))}${ndjson([{ email: 'dry1@example.com' }, { email: 'x' }])}{\n`);
    const rehearsed = await importFile(file, ['--dry-run']);
    const refused = rejectsOf(file);
    expect(await countUsers()).toBe(before);
    const done = await importFile(file);
    expect(rejectsOf(file)).toEqual(refused);
    expect(rehearsed).toEqual({ ...done, dry_run: true, seconds: expect.any(Number) });
    expect(done).toMatchObject({
      code: 1,
      rows: 6,
      created: 3,
      rejected: 3,
      rejected_by_reason: { 'import.not_json': 1, 'import.invalid': 1, 'import.duplicate': 1 },
    });
  });

  it('tells each line that was not taken by number and reason, in a file for its owner only, and no hash anywhere', async () => {
    const file = write(
      'hostile.ndjson',
      [
        JSON.stringify({ email: 'ok@example.com', password_hash: BCRYPT }),
        `{"email": "a@example.com", "password_hash": ${BCRYPT}}`,
        JSON.stringify([BCRYPT]),
        JSON.stringify({ email: 'a@example.com', password: BCRYPT }),
        JSON.stringify({ email: BCRYPT, username: BCRYPT }),
        JSON.stringify({ email: 'ok@example.com', password_hash: BCRYPT }),
        JSON.stringify({ email: 'admin@example.com', roles: ['admin'] }),
        'null',
        '"text"',
      ].join('\n'),
    );
    const { code, stdout, stderr } = await latchkey.run(['user', 'import', file]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^Imported\.\n/);
    expect(stdout).toMatch(/ rows +9\n +created +1\n +already there +0\n +rejected +8\n/);
    const text = readFileSync(`${file}.rejected.ndjson`, 'utf8');
    for (const told of [stdout, text]) expect(told).not.toContain('CCCC');
    expect(statSync(`${file}.rejected.ndjson`).mode & 0o777).toBe(0o600);
    expect(rejectsOf(file).map(({ line, code: reason, email }) => [line, reason, email])).toEqual([
      [2, 'import.not_json', undefined],
      [3, 'import.not_json', undefined],
      [4, 'import.plain_password', undefined],
      [5, 'import.invalid', undefined],
      [7, 'import.admin_not_allowed', undefined],
      [8, 'import.not_json', undefined],
      [9, 'import.not_json', undefined],
      [6, 'import.duplicate', 'ok@example.com'],
    ]);
    // A second run without faults leaves no old report behind.
    const mended = await importFile(write('mended.ndjson', ndjson([{ email: 'admin@example.com', roles: ['admin'] }])), ['--allow-admin']);
    expect(mended).toMatchObject({ code: 0, created: 1 });
    writeFileSync(file, ndjson([{ email: 'ok@example.com' }]));
    expect(await importFile(file)).toMatchObject({ code: 0, already_there: 1, rejected_file: null });
    expect(existsSync(`${file}.rejected.ndjson`)).toBe(false);
  });

  it('passes over lines that are too long, and what is no UTF-8, and takes the rest', async () => {
    const long = JSON.stringify({ email: 'long@example.com', full_name: 'x'.repeat(3_000_000) });
    const file = write(
      'long.ndjson',
      Buffer.concat([
        Buffer.from(`${long}\n${JSON.stringify({ email: 'after@example.com' })}\n{"email":"`),
        Buffer.from([0xff, 0xfe]),
        Buffer.from(`"}\n${JSON.stringify({ email: 'afterwards@example.com' })}\n`),
      ]),
    );
    expect(await importFile(file)).toMatchObject({ code: 1, created: 2, rejected: 2 });
    expect(rejectsOf(file)).toEqual([
      { line: 1, code: 'import.too_long', reason: 'It is longer than 64 KiB.' },
      { line: 3, code: 'import.not_utf8', reason: 'It is not text in UTF-8.' },
    ]);
  });

  it('loses no more than 64 KiB of a CSV to a quote that is not closed', async () => {
    const rows = Array.from({ length: 3000 }, (_, index) => `quote${index}@example.com,Name ${index} of somebody with a long name`);
    rows[10] = 'quote10@example.com,"never closed';
    const file = write('quote.csv', `email,full_name\n${rows.join('\n')}\n`);
    const { code, created, rejected } = await importFile(file, ['--dry-run']);
    expect({ code, rejected }).toEqual({ code: 1, rejected: 1 });
    expect(created).toBeGreaterThan(1500);
    expect(rejectsOf(file)).toEqual([{ line: 12, code: 'import.too_long', reason: 'It is longer than 64 KiB.' }]);
  });

  it.each([
    ['a row with too many cells', 'email,full_name\na@example.com,A,B\n', 'It has 3 columns, and the header 2.'],
    ['a quote in the middle', 'email,full_name\na@example.com,A "B" C\n', 'It cannot be read as CSV.'],
    [
      'a quote that swallows lines',
      'email,full_name\na@example.com,"A\nb@example.com,B\nc@example.com,C\n',
      'It cannot be read as CSV. It goes to line 4: is a quote not closed?',
    ],
  ])('refuses %s in a CSV', async (_, content, reason) => {
    const file = write('faulty.csv', content);
    expect(await importFile(file)).toMatchObject({ code: 1, created: 0, rejected: 1 });
    expect(rejectsOf(file)).toEqual([{ line: 2, code: 'import.not_csv', reason }]);
  });

  it.each<[string, string, string, string[], RegExp]>([
    ['a CSV without a header', 'a.csv', 'ann2@example.com,Ann\n', [], /no column "email"/],
    ['an empty CSV header', 'a.csv', '"\n', [], /no column "email"/],
    ['a column of passwords', 'a.csv', 'email,password\na@example.com,secret-secret\n', [], /column "password".*only their hashes/],
    ['a column that is not known', 'a.csv', 'email,phone\na@example.com,1\n', [], /not known, or twice: "phone"/],
    ['a column twice', 'a.csv', 'email,email\na@example.com,b@example.com\n', [], /not known, or twice: "email"/],
    ['a name that does not say what it is', 'a.txt', '{}', [], /--format ndjson or --format csv/],
    ['a report that would overwrite the file', 'a.ndjson', '{}', ['--rejected', 'SAME'], /--rejected names the file/],
  ])('begins nothing with %s', async (_, name, content, args, sentence) => {
    const file = write(name, content);
    const { code, stdout, stderr } = await latchkey.run(['user', 'import', file, ...args.map((arg) => (arg === 'SAME' ? file : arg))]);
    expect(code).toBeGreaterThan(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toContain('secret-secret');
    expect(readFileSync(file, 'utf8')).toBe(content);
  });

  it('says that a file is not there, or is a folder', async () => {
    for (const name of [path.join(latchkey.folder, 'missing.csv'), path.join(latchkey.folder)]) {
      const { code, stderr } = await latchkey.run(['user', 'import', name, '--format', 'csv']);
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no file') });
    }
  });

  it('reads standard input', async () => {
    const rejected = path.join(latchkey.folder, 'stdin.rejected');
    const args = ['--format', 'ndjson', '--rejected', rejected];
    expect(await importFile('-', args, ndjson([{ email: 'stdin@example.com' }, { email: '' }]))).toMatchObject({
      code: 1,
      created: 1,
      rejected_file: rejected,
    });
    expect(readFileSync(rejected, 'utf8')).toContain('"line":2');
  });

  it('shows how far it is in one line, on a terminal only', () => {
    expect(describeProgress({ rows: 25_000, rejected: 12, bytesRead: 500, bytesTotal: 2000, elapsedMs: 2500 })).toBe(
      '[######------------------]  25%  25,000 rows  10,000 a second  0:07 left  12 rejected',
    );
    expect(describeProgress({ rows: 250, rejected: 0, bytesRead: 500, bytesTotal: null, elapsedMs: 0 })).toBe('250 rows  0 a second');
  });
});
