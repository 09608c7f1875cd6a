import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Application, createApplication } from '../support/application.js';
import type { Browserless } from '../support/browserless.js';
import { ensureBuilt } from '../support/built.js';
import { onServer, startPostgres, type TestPostgres } from '../support/postgres.js';
import { createInstallation, type Installation, roundsOf } from './installation.js';

let postgres: TestPostgres;
let installation: Installation;

beforeAll(async () => {
  await ensureBuilt();
  postgres = await startPostgres({ durable: true });
  await onServer(postgres.url, 'CREATE DATABASE latchkey');
  installation = await createInstallation(`${postgres.url}/latchkey`);
});
afterAll(async () => {
  await installation?.close();
  await postgres?.stop();
});

type Tally = { answers: Record<string, number>; withoutRetryAfter: number; refreshTokens: string[] };

/** Signs in and redeems until told to stop; a failure is counted, and the next turn tries again. */
async function keepGoing(app: Application, browser: Browserless, tally: Tally, isOver: () => boolean): Promise<void> {
  const count = (what: string) => {
    tally.answers[what] = (tally.answers[what] ?? 0) + 1;
  };
  while (!isOver()) {
    try {
      const { status, issued } = await app.authorize(browser);
      count(`/authorize ${status}${status === 303 && !issued ? ' temporarily_unavailable' : ''}`);
      if (!issued) {
        await delay(20);
        continue;
      }
      const answer = await app.redeem(issued);
      count(`/token ${answer.status}`);
      if (answer.status === 503 && answer.retryAfter === null) tally.withoutRetryAfter++;
      if (answer.refreshToken) tally.refreshTokens.push(answer.refreshToken);
    } catch (error) {
      count(`no answer: ${(error as Error).message}`);
    }
  }
}

describe('a PostgreSQL that is restarted under load', () => {
  it('costs requests a 503 with Retry-After and nothing else: no process ends, nothing acknowledged is lost, nobody has to help', async () => {
    const child = await installation.start();
    const app = createApplication(installation);
    const browsers = await Promise.all([app.signIn(), app.signIn(), app.signIn()]);
    const tally: Tally = { answers: {}, withoutRetryAfter: 0, refreshTokens: [] };
    let over = false;
    const work = browsers.map((browser) => keepGoing(app, browser, tally, () => over));
    const restarts = roundsOf(10);
    const recoveredMs: number[] = [];
    for (let restart = 0; restart < restarts; restart++) {
      await delay(300);
      await postgres.pause();
      await delay(200);
      expect(await app.readiness()).toMatchObject({ status: 503, checks: { database: false } });
      expect((await fetch(`${installation.url}/livez`)).status).toBe(200);
      await postgres.resume();
      const back = performance.now();
      while ((await app.readiness()).status !== 200) await delay(20);
      recoveredMs.push(performance.now() - back);
    }
    await delay(300);
    over = true;
    await Promise.all(work);
    const lost: string[] = [];
    for (const refreshToken of tally.refreshTokens) {
      if ((await app.refresh(refreshToken)).status !== 200) lost.push(refreshToken.slice(0, 6));
    }
    console.log(
      `${restarts} restarts; answers ${JSON.stringify(tally.answers)}; ${tally.refreshTokens.length} redemptions acknowledged, ${lost.length} lost; ` +
        `ready again after at most ${Math.round(Math.max(...recoveredMs))} ms`,
    );
    expect(child.ended()).toBeUndefined();
    expect(child.output()).not.toMatch(/unhandled/i);
    expect(child.output()).toContain('the database cannot be reached');
    expect(child.output()).toContain('the database is back');
    expect(Object.keys(tally.answers).filter((what) => !/ (200|303|303 temporarily_unavailable|503)$/.test(what))).toEqual([]);
    expect(tally.withoutRetryAfter).toBe(0);
    expect(lost).toEqual([]);
    await child.kill('SIGTERM');
    expect(child.ended()).toEqual({ code: 0, signal: null });
  });
});
