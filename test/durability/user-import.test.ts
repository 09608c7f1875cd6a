import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/platform/db/index.js';
import { ensureBuilt } from '../support/built.js';
import { createDatabaseUrl, databases } from '../support/database.js';
import { childEnvironment } from '../support/server-child.js';
import { roundsOf } from './installation.js';

const cli = path.resolve(import.meta.dirname, '../../dist/cli.js');
const ROWS = roundsOf(100) >= 100 ? 100_000 : 5000;
const KILLS = Math.min(8, roundsOf(8));
/** The command line alone takes about 200 MiB; the rows' share of this must not grow with their number. */
const MAX_PEAK_MIB = 450;

let folder: string;
beforeAll(async () => {
  await ensureBuilt();
  folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-import-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rowOf = (index: number) => ({
  id: `legacy-${index}`,
  email: `person${index}@example.com`,
  username: `person${index}`,
  full_name: `Person ${index} of somewhere`,
  password_hash: `$2b$10$${String(index).padStart(22, 'C')}E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW`,
  email_verified: index % 2 === 0,
  created_at: '2021-05-01T10:00:00Z',
});

async function writeRows(file: string): Promise<void> {
  const stream = createWriteStream(file);
  for (let index = 0; index < ROWS; index++) stream.write(`${JSON.stringify(rowOf(index))}\n`);
  stream.end();
  await finished(stream);
}

/** Runs the import to its end or until `kill` says so; the peak is the process's own account of itself (Linux). */
function run(file: string, env: Record<string, string>, kill?: (hasEnded: () => boolean) => Promise<unknown>) {
  const child = spawn(process.execPath, [cli, 'user', 'import', file, '--json'], {
    env: { PATH: process.env.PATH ?? '', ...childEnvironment, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  let peakMib = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const watch = setInterval(() => {
    const status = `/proc/${child.pid}/status`;
    if (existsSync(status)) peakMib = Math.max(peakMib, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1] ?? 0) / 1024);
  }, 100);
  let ended = false;
  child.on('close', () => {
    ended = true;
  });
  void kill?.(() => ended).then(() => child.kill('SIGKILL'));
  return new Promise<{ code: number | null; summary: Record<string, number> | null; peakMib: number }>((resolve) =>
    child.on('close', (code) => {
      clearInterval(watch);
      resolve({ code, summary: stdout === '' ? null : JSON.parse(stdout), peakMib });
    }),
  );
}

describe.each(databases)(`an import of ${ROWS} accounts (%s)`, (provider) => {
  it('survives being killed again and again, makes each account once, and keeps its memory', async () => {
    const database = await createDatabaseUrl(provider);
    const db = await openDatabase({ url: database.url });
    const env = { DATABASE_URL: database.url, DATA_DIR: folder };
    const file = path.join(folder, 'people.ndjson');
    try {
      await writeRows(file);
      for (let kill = 0; kill < KILLS; kill++) {
        const before = await db.client.account.count();
        // Into the middle of a batch somewhere in the next few per cent.
        const wanted = before + 1 + Math.random() * (ROWS / 20);
        await run(file, env, async (hasEnded) => {
          while (!hasEnded() && (await db.client.account.count()) < wanted) await delay(20);
          await delay(Math.random() * 50);
        });
      }
      const left = await db.client.account.count();
      expect(left).toBeGreaterThan(0);
      const { code, summary, peakMib } = await run(file, env);
      console.log(`${provider}, ${ROWS} rows after ${KILLS} kills: ${JSON.stringify(summary)}, peak ${Math.round(peakMib)} MiB`);
      expect(code).toBe(0);
      expect(summary).toMatchObject({ rows: ROWS, rejected: 0 });
      expect((summary?.created ?? 0) + (summary?.already_there ?? 0)).toBe(ROWS);
      expect(peakMib).toBeLessThan(MAX_PEAK_MIB);
      expect(summary?.already_there).toBe(left);
      expect(await db.client.account.count()).toBe(ROWS);
      expect(await db.client.account.count({ where: { roles: { some: { roleName: 'user' } } } })).toBe(ROWS);
      expect(await db.client.auditEvent.count({ where: { type: 'account.created' } })).toBe(ROWS);
    } finally {
      await db.close();
      await database.drop();
    }
  });
});
