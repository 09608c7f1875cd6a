import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApplication } from '../support/application.js';
import { ensureBuilt } from '../support/built.js';
import { createInstallation, type Installation } from './installation.js';

let installation: Installation;
beforeAll(async () => {
  await ensureBuilt();
  installation = await createInstallation();
});
afterAll(() => installation?.close());

/** Lets a process write no file beyond so many bytes, which is what a full disk is to it; or lets it again. */
function limitFileSize(pid: number, bytes: number | 'unlimited'): void {
  const { status, stderr } = spawnSync('prlimit', [`--fsize=${bytes}:unlimited`, '--pid', String(pid)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}

describe('a disk that is full (sqlite)', () => {
  it('is answered by 503, told in the log, makes the process not ready, loses nothing, and heals when there is space', async () => {
    // The signal that comes with the limit would end the process; a full disk sends none.
    const child = await installation.start({ command: (file) => ['sh', '-c', `trap '' XFSZ; exec "${process.execPath}" "${file}"`] });
    const app = createApplication(installation);
    const browser = await app.signIn();
    const before = (await app.authorize(browser)).issued;
    expect(before).toBeDefined();

    const file = installation.databaseUrl.slice('file:'.length);
    limitFileSize(child.pid, Math.min(statSync(file).size, statSync(`${file}-wal`).size));
    const statuses: (number | string)[] = [];
    for (let tries = 0; tries < 5; tries++) statuses.push((await app.authorize(browser)).status);
    const refused = before && (await app.redeem(before));
    expect(refused).toMatchObject({ status: 503, retryAfter: expect.any(String) });
    expect(await app.readiness()).toMatchObject({ status: 503, checks: { database: true, database_writes: false } });
    expect(child.output()).toContain('the database cannot be written');

    limitFileSize(child.pid, 'unlimited');
    expect(await app.readiness()).toMatchObject({ status: 200 });
    const { issued } = await app.authorize(browser);
    const answer = issued && (await app.redeem(issued));
    expect(answer?.status).toBe(200);
    // What was refused for want of space was not used up.
    expect(before && (await app.redeem(before)).status).toBe(200);
    console.log(`disk full: answers to /authorize meanwhile ${JSON.stringify(statuses)}`);
    expect(child.ended()).toBeUndefined();
  });
});
