import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../support/built.js';
import { type CommandLine, openInstallation } from '../support/command-line.js';

const built = path.resolve(import.meta.dirname, '../../dist/cli.js');

const ndjson = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const people = (count: number, name: string) =>
  Array.from({ length: count }, (_, index) => ({ email: `${name}${index}@example.com`, username: `${name}${index}` }));

describe('an import that is stopped in the middle', () => {
  let latchkey: CommandLine;
  beforeAll(async () => {
    await ensureBuilt();
    latchkey = await openInstallation();
    // Makes the tables, so that the import's own start is all that is waited for.
    await latchkey.json(['user', 'list']);
  });
  afterAll(() => latchkey?.close());

  const isThere = async (name: string) => (await latchkey.run(['user', 'show', `${name}0@example.com`])).code === 0;

  /** Gives half of the rows, waits until some are there, and ends the process by the signal. */
  async function stopHalfway(name: string, signal: 'SIGKILL' | 'SIGINT') {
    const rows = people(1000, name);
    const child = spawn(
      process.execPath,
      [built, 'user', 'import', '-', '--format', 'ndjson', '--rejected', path.join(latchkey.folder, 'r')],
      {
        cwd: latchkey.folder,
        env: { PATH: process.env.PATH ?? '', ...latchkey.environment },
        stdio: 'pipe',
      },
    );
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.resume();
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    child.stdin.write(ndjson(rows.slice(0, 600)));
    while (!(await isThere(name))) await delay(20);
    child.kill(signal);
    const code = await ended;
    return { rows, code, stdout };
  }

  it.each(['SIGKILL', 'SIGINT'] as const)('by %s goes on when it is run again, and doubles nothing', async (signal) => {
    const name = signal.toLowerCase();
    const { rows, code, stdout } = await stopHalfway(name, signal);
    if (signal === 'SIGINT') {
      expect(code).toBe(1);
      expect(stdout).toMatch(/^Stopped\.\n/);
      expect(stdout).toContain('To go on, run it again: latchkey user import -\nWhat is there is passed over.');
    }
    const file = path.join(latchkey.folder, `${name}.ndjson`);
    writeFileSync(file, ndjson(rows));
    const again = await latchkey.json(['user', 'import', file]);
    expect(again.already_there).toBeGreaterThan(0);
    expect(again.already_there).toBeLessThanOrEqual(600);
    expect(again.created).toBe(1000 - again.already_there);
    const third = await latchkey.json(['user', 'import', file]);
    expect(third).toMatchObject({ created: 0, already_there: 1000, rejected: 0 });
    // Each with its role: none was left half made.
    const { users } = await latchkey.json(['user', 'list', '--limit', '200']);
    for (const { roles } of users) expect(roles).toEqual(['user']);
  });
});
