import type { Application, Code } from '../support/application.js';
import type { Browserless } from '../support/browserless.js';

/** What an application was told, and what was still unanswered when the server was killed. */
export type Ledger = {
  redeemed: { code: Code; refreshToken: string }[];
  cutOffCodes: Code[];
  /** `used` was answered with `current`; a request with `current` may have been under way. */
  chains: { used: string | undefined; current: string; turns: number; cutOff: boolean }[];
  /** answered "check your mail"; the link if the mail was written */
  registered: { email: string; link: string | undefined }[];
  verified: { email: string; link: string }[];
};

export const emptyLedger = (): Ledger => ({ redeemed: [], cutOffCodes: [], chains: [], registered: [], verified: [] });

/** How many writes an application was told of. */
export const acknowledgedIn = ({ redeemed, chains, registered, verified }: Ledger): number =>
  redeemed.length * 2 + chains.reduce((sum, { turns }) => sum + 1 + turns, 0) + registered.length + verified.length * 2;

let registrations = 0;

/** Runs until the server is gone. What is not in the ledger when this returns was never acknowledged. */
export async function load(app: Application, browser: Browserless, ledger: Ledger): Promise<void> {
  await Promise.all([
    redeemCodes(app, browser, ledger),
    redeemCodes(app, browser, ledger),
    refresh(app, browser, ledger),
    register(app, ledger),
  ]);
}

const untilItFails = async (turn: () => Promise<boolean>) => {
  try {
    while (await turn());
  } catch {
    // The server is gone.
  }
};

async function nextCode(app: Application, browser: Browserless): Promise<Code> {
  const { issued, status } = await app.authorize(browser);
  if (!issued) throw new Error(`no code: ${status}`);
  return issued;
}

const redeemCodes = (app: Application, browser: Browserless, ledger: Ledger) =>
  untilItFails(async () => {
    const code = await nextCode(app, browser);
    const answer = await app.redeem(code).catch((error: unknown) => {
      ledger.cutOffCodes.push(code);
      throw error;
    });
    if (answer.refreshToken) ledger.redeemed.push({ code, refreshToken: answer.refreshToken });
    return true;
  });

const refresh = (app: Application, browser: Browserless, ledger: Ledger) =>
  untilItFails(async () => {
    const { refreshToken } = await app.redeem(await nextCode(app, browser));
    if (!refreshToken) return false;
    const chain: Ledger['chains'][number] = { used: undefined, current: refreshToken, turns: 0, cutOff: false };
    ledger.chains.push(chain);
    for (let turn = 0; turn < 10; turn++) {
      chain.cutOff = true;
      const next = (await app.refresh(chain.current)).refreshToken;
      chain.cutOff = false;
      if (!next) return false;
      chain.used = chain.current;
      chain.current = next;
      chain.turns++;
    }
    return true;
  });

const register = (app: Application, ledger: Ledger) =>
  untilItFails(async () => {
    const email = `new${++registrations}@example.com`;
    if ((await app.register(email)) !== 200) return false;
    const entry: Ledger['registered'][number] = { email, link: undefined };
    ledger.registered.push(entry);
    const link = await app.linkFor(email);
    if (!link) return true;
    entry.link = link;
    if ((await app.verify(link)) === 200) {
      ledger.registered.pop();
      ledger.verified.push({ email, link });
    }
    return true;
  });

/** What was found after a restart. */
export type Findings = {
  acknowledged: number;
  /** what was acknowledged and is gone, or was used up and works again, in words */
  losses: string[];
  cutOff: number;
  /** of those: the same request, sent again, was answered as if nothing had happened */
  retriedWell: number;
  mailsNotWritten: number;
};

/** Holds what the restarted server does against what the application was told. First what must work, then what must not. */
export async function check(app: Application, ledger: Ledger): Promise<Findings> {
  const losses: string[] = [];
  let cutOff = ledger.cutOffCodes.length;
  let retriedWell = 0;
  for (const { refreshToken } of ledger.redeemed) {
    if ((await app.refresh(refreshToken)).status !== 200) losses.push('the refresh token of a redeemed code');
  }
  for (const chain of ledger.chains) {
    const answer = await app.refresh(chain.current);
    if (chain.cutOff) cutOff++;
    if (chain.cutOff && answer.status === 200) retriedWell++;
    // Cut off or not: whatever was done with it, a refresh that is sent again inside the reuse window goes on with the same line.
    if (answer.status !== 200) losses.push(chain.cutOff ? 'the line of a refresh that was cut off' : 'the successor of a refresh token');
  }
  for (const { email, link } of ledger.registered) {
    if (!link) continue;
    const status = await app.verify(link);
    // The press of the button may have been answered by nobody and yet have worked.
    if (status !== 200 && status !== 400) losses.push(`the registration of ${email}: ${status}`);
  }
  for (const code of ledger.cutOffCodes) {
    if ((await app.redeem(code)).status === 200) {
      retriedWell++;
      if ((await app.redeem(code)).status === 200) losses.push('a code that was redeemed after the restart worked twice');
    }
  }
  for (const { code } of ledger.redeemed) if ((await app.redeem(code)).status === 200) losses.push('a redeemed code worked again');
  for (const { used, current } of ledger.chains) {
    if (!used) continue;
    const answer = await app.refresh(used);
    // Inside the reuse window a retry gets the successor it got before, and nothing else.
    if (answer.status === 200 && answer.refreshToken !== current) losses.push('a used refresh token began a second lineage');
  }
  for (const { email, link } of ledger.verified)
    if ((await app.verify(link)) === 200) losses.push(`the used link of ${email} worked again`);
  return {
    acknowledged: acknowledgedIn(ledger),
    losses,
    cutOff,
    retriedWell,
    mailsNotWritten: ledger.registered.filter(({ link }) => !link).length,
  };
}
