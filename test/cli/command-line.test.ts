import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../support/built.js';
import { type CommandLine, openInstallation } from '../support/command-line.js';

let latchkey: CommandLine;

beforeAll(async () => {
  await ensureBuilt();
  latchkey = await openInstallation('untouched');
});
afterAll(() => latchkey?.close());

const GROUPS = {
  client: ['create', 'list', 'show', 'update', 'rotate-secret', 'delete'],
  user: ['create', 'list', 'show', 'disable', 'enable', 'unlock', 'set-password', 'delete'],
  sessions: ['list', 'revoke'],
  role: ['list', 'grant', 'revoke'],
  keys: ['list', 'rotate', 'rehearse'],
};

describe('help', () => {
  it('lists every command, and the version is the one of the package', async () => {
    const { code, stdout, stderr } = await latchkey.spawn(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of [...Object.keys(GROUPS), 'migrate', 'doctor']) expect(stdout).toContain(`  ${name} `);
    const { version } = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8'));
    expect(await latchkey.spawn(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('of each group lists its commands, and no flag anywhere takes a password or secret as its value', async () => {
    for (const [group, commands] of Object.entries(GROUPS)) {
      const { code, stdout } = await latchkey.spawn([group, '--help']);
      expect(code).toBe(0);
      for (const command of commands) expect(stdout).toContain(`  ${command} `);
    }
    const texts = await Promise.all(
      [
        ['client', 'create'],
        ['client', 'update'],
        ['client', 'rotate-secret'],
        ['user', 'create'],
        ['user', 'set-password'],
      ].map((command) => latchkey.spawn([...command, '--help'])),
    );
    for (const { stdout } of texts) {
      expect(stdout).toContain('--json');
      expect(stdout).toMatch(/Examples?[:,]/);
      expect(stdout).not.toMatch(/--\S*(password|secret)\S* +[<[]/);
    }
  });

  it('needs neither settings nor a database', async () => {
    const { code } = await latchkey.spawn(['user', 'create', '--help'], { env: { PORT: 'nonsense', DATABASE_URL: 'nonsense' } });
    expect(code).toBe(0);
    expect(readdirSync(latchkey.folder)).toEqual([]);
  });
});

describe('what is typed wrongly', () => {
  it.each([
    ['nothing', []],
    ['half a command', ['client']],
    ['a command that does not exist', ['frobnicate']],
    ['a flag that does not exist', ['client', 'create', '--colour', 'red']],
    ['a password as an argument', ['user', 'create', '--email', 'a@example.com', '--password', 'hunter2-hunter2']],
    ['a missing argument', ['client', 'show']],
    ['a missing flag', ['user', 'create', '--password-stdin']],
    ['a number that is none', ['client', 'create', '--access-token-ttl-seconds', 'soon']],
    ['too many arguments', ['keys', 'list', 'more']],
    ['a password that comes from nowhere', ['user', 'create', '--email', 'a@example.com']],
    ['a session and an account at once', ['sessions', 'revoke', 'abc', '--account', 'a@example.com']],
    ['an update of nothing', ['client', 'update', 'abc']],
  ])('exits with 2 and says what is the matter: %s', async (_, args) => {
    const { code, stdout, stderr } = await latchkey.spawn(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.length).toBeGreaterThan(20);
    expect(stderr).not.toMatch(/\n {4}at |hunter2/);
    expect(readdirSync(latchkey.folder)).toEqual([]);
  });
});

describe('what cannot be done', () => {
  it('with faulty settings is told with every fault and its mend', async () => {
    const { code, stdout, stderr } = await latchkey.spawn(['client', 'list'], { env: { PORT: 'x', LATCHKEY_ENV: 'production' } });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const name of ['PORT', 'ISSUER_URL', 'KEY_ENCRYPTION_KEY', 'COOKIE_SECRETS', 'SMTP_URL']) expect(stderr).toContain(`- ${name} `);
    expect(stderr).not.toContain('\n    at ');
  });

  it('because the database is not there is told in words, without the address and its password; with LOG_LEVEL=debug with the trace', async () => {
    const env = { DATABASE_URL: 'postgresql://latchkey:hunter2@127.0.0.1:1/latchkey' };
    const { code, stdout, stderr } = await latchkey.spawn(['client', 'list'], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      'Error: The database cannot be reached.\nIs it running, and is DATABASE_URL its address? latchkey doctor tells more.\n',
    );
    const debugged = await latchkey.spawn(['client', 'list'], { env: { ...env, LOG_LEVEL: 'debug' } });
    expect(debugged.code).toBe(1);
    expect(debugged.stderr).toContain('\n    at ');
    expect(debugged.stderr).not.toContain('hunter2');
  });

  it('because the file is no database, or was sealed under another key, is told in words', async () => {
    writeFileSync(path.join(latchkey.folder, 'notes.txt'), 'This is no database.'.repeat(100));
    const file = await latchkey.spawn(['client', 'list'], { env: { DATABASE_URL: `file:${latchkey.folder}/notes.txt` } });
    expect(file.code).toBe(1);
    expect(file.stderr).toMatch(/^Error: The database file is not a database\./);
    expect(file.stderr).not.toContain('\n    at ');
    const other = await openInstallation('untouched');
    await other.json(['keys', 'list'], { spawn: true });
    const stolen = await other.spawn(['keys', 'list'], {
      env: { KEY_ENCRYPTION_KEY: Buffer.from('Vq7rT2mXw9LpZ4kHs8BnY6dJc3FgR5tQ').toString('base64') },
    });
    expect(stolen.code).toBe(1);
    expect(stolen.stderr).toMatch(/^Error: KEY_ENCRYPTION_KEY is not the one this database was sealed with\. Set the original key/);
    await other.close();
  });
});

describe('migrate', () => {
  it('says what is to be done, does it once, and then says that nothing is', async () => {
    const fresh = await openInstallation('untouched');
    mkdirSync(path.join(fresh.folder, 'keys'));
    const before = await fresh.spawn(['migrate', '--status', '--json']);
    expect(before.code).toBe(1);
    const { pending } = JSON.parse(before.stdout);
    expect(pending.length).toBeGreaterThan(0);
    expect(await fresh.json(['migrate'], { spawn: true })).toEqual({ applied: pending });
    expect(await fresh.json(['migrate'], { spawn: true })).toEqual({ applied: [] });
    expect(await fresh.json(['migrate', '--status'], { spawn: true })).toEqual({ pending: [] });
    expect(await fresh.spawn(['migrate'])).toEqual({ code: 0, stdout: 'The database was up to date already.\n', stderr: '' });
    await fresh.close();
  });
});
