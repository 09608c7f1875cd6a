import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/platform/db/index.js';
import { createApplication, PERSON } from '../support/application.js';
import { ensureBuilt } from '../support/built.js';
import { createDatabaseUrl, databases } from '../support/database.js';
import { createInstallation, roundsOf } from './installation.js';
import { acknowledgedIn, check, emptyLedger, type Findings, type Ledger, load } from './ledger.js';

beforeAll(ensureBuilt);

/** So much was acknowledged at most before the kill, however slow the machine is. */
const MAX_ACKNOWLEDGED = 20;

/** Lets the load come as far as chance wants, and then a little further: into the middle of something. */
async function untilSomeMoment(ledger: Ledger, { withAccount }: { withAccount: boolean }): Promise<void> {
  const wanted = Math.random() * MAX_ACKNOWLEDGED;
  // An account takes many requests and two hashes: now and then the kill waits for one.
  while (acknowledgedIn(ledger) < wanted || (withAccount && ledger.verified.length === 0)) await delay(2);
  await delay(Math.random() * 20);
}

const add = (total: Findings, one: Findings): Findings => ({
  acknowledged: total.acknowledged + one.acknowledged,
  losses: [...total.losses, ...one.losses],
  cutOff: total.cutOff + one.cutOff,
  retriedWell: total.retriedWell + one.retriedWell,
  mailsNotWritten: total.mailsNotWritten + one.mailsNotWritten,
});

describe.each(databases)('a server that is killed under load, again and again (%s)', (provider) => {
  it('starts each time without help, has kept all it acknowledged, and lets nothing be used twice', async () => {
    const database = provider === 'postgresql' ? await createDatabaseUrl(provider) : undefined;
    const installation = await createInstallation(database?.url);
    const app = createApplication(installation);
    const kills = roundsOf(100);
    const startsMs: number[] = [];
    const verified: string[] = [];
    let total: Findings = { acknowledged: 0, losses: [], cutOff: 0, retriedWell: 0, mailsNotWritten: 0 };
    let ledger = emptyLedger();
    try {
      for (let kill = 0; kill <= kills; kill++) {
        const began = performance.now();
        const child = await installation.start();
        startsMs.push(performance.now() - began);
        total = add(total, await check(app, ledger));
        if (kill === kills) break;
        ledger = emptyLedger();
        const browser = await app.signIn();
        const work = load(app, browser, ledger);
        await Promise.race([untilSomeMoment(ledger, { withAccount: kill % 3 === 0 }), work]);
        await child.kill('SIGKILL');
        await work;
        verified.push(...ledger.verified.map(({ email }) => email));
      }
      const db = await openDatabase({ url: installation.databaseUrl });
      const found = new Set((await db.client.account.findMany({ select: { email: true } })).map(({ email }) => email));
      await db.close();
      for (const email of [PERSON, ...verified]) if (!found.has(email)) total.losses.push(`the account of ${email}`);
    } finally {
      await installation.close();
      await database?.drop();
    }
    startsMs.sort((a, b) => a - b);
    console.log(
      `${provider}: ${kills} kills, ${total.acknowledged} acknowledged writes, ${total.losses.length} losses; ` +
        `${total.cutOff} requests cut off, ${total.retriedWell} of them answered when sent again; ${verified.length} accounts; ` +
        `${total.mailsNotWritten} mails were still waiting; start to ready p50 ${Math.round(startsMs[startsMs.length >> 1] ?? 0)} ms, ` +
        `slowest ${Math.round(startsMs.at(-1) ?? 0)} ms`,
    );
    expect(total.losses).toEqual([]);
    expect(total.acknowledged).toBeGreaterThan(0);
  });
});
