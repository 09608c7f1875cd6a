import { randomId, sha256 } from '../../platform/crypto/index.js';
import { type Answer, Browser, formOf } from './browser.js';
import type { PathReport, Volley } from './report.js';
import type { Stage, StormPerson } from './stage.js';
import { fire } from './volley.js';

export type StormPlan = {
  issuer: string;
  stage: Stage;
  /** tokens of each path */
  rounds: number;
  /** requests for each token */
  connections: number;
  /** true when the time is up: no new round begins */
  isOver(): boolean;
};

type Code = { code: string; verifier: string };

/** What `times` gave until the time was up. */
async function inRounds({ rounds, isOver }: StormPlan, run: () => Promise<void>): Promise<void> {
  for (let round = 0; round < rounds && !isOver(); round++) await run();
}

const codeIn = (answer: Answer, { stage }: StormPlan): string | undefined =>
  answer.location?.startsWith(`${stage.client.redirectUri}?`)
    ? (new URL(answer.location).searchParams.get('code') ?? undefined)
    : undefined;

function authorizationUrl({ issuer, stage: { client } }: StormPlan, verifier: string): string {
  const query = new URLSearchParams({
    client_id: client.id,
    redirect_uri: client.redirectUri,
    response_type: 'code',
    scope: 'openid',
    code_challenge: sha256(verifier),
    code_challenge_method: 'S256',
  });
  return `${issuer}/authorize?${query}`;
}

/** Opens the sign-in page and sends it filled in. @returns the answer to the form, which leads back to the authorization */
async function submitSignIn(plan: StormPlan, browser: Browser, person: StormPerson): Promise<Answer & { verifier: string }> {
  const verifier = randomId();
  const page = await browser.open(authorizationUrl(plan, verifier));
  const answer = await browser.send(formOf(page, '/login'), { identifier: person.email, password: person.password });
  if (!answer.location) throw new Error(`the test account could not sign in: ${answer.status}`);
  return { ...answer, verifier };
}

/** A browser in which a test account is signed in. */
async function signedIn(plan: StormPlan): Promise<Browser> {
  const browser = new Browser();
  const answer = await submitSignIn(plan, browser, await plan.stage.addPerson());
  const end = await browser.open(answer.location as string);
  if (!codeIn(end, plan)) throw new Error(`the sign-in of the test account ended at ${end.status} ${new URL(end.url).pathname}`);
  return browser;
}

async function freshCode(plan: StormPlan, browser: Browser): Promise<Code> {
  const verifier = randomId();
  const answer = await browser.open(authorizationUrl(plan, verifier));
  const code = codeIn(answer, plan);
  if (!code) throw new Error(`no code was given: ${answer.status}`);
  return { code, verifier };
}

function token({ issuer, stage: { client } }: StormPlan, fields: Record<string, string>): Promise<Answer> {
  return new Browser().request(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { accept: 'application/json', authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` },
  });
}

const redeem = (plan: StormPlan, { code, verifier }: Code) =>
  token(plan, { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: plan.stage.client.redirectUri });

const refreshTokenIn = ({ status, body }: Answer): string | undefined =>
  status === 200 ? (JSON.parse(body) as { refresh_token?: string }).refresh_token : undefined;

/** Authorization codes at the token endpoint, and the refresh tokens they give: one winner, one lineage. */
export async function stormTokens(plan: StormPlan): Promise<PathReport[]> {
  const browser = await signedIn(plan);
  const codes: Volley[] = [];
  const refreshes: Volley[] = [];
  await inRounds(plan, async () => {
    const code = await freshCode(plan, browser);
    codes.push(
      await fire(
        plan.connections,
        () => redeem(plan, code),
        ({ status }, index) => (status === 200 ? String(index) : undefined),
      ),
    );
    const refresh_token = refreshTokenIn(await redeem(plan, await freshCode(plan, browser)));
    if (!refresh_token) throw new Error('no refresh token was given for a code that nobody else used');
    refreshes.push(await fire(plan.connections, () => token(plan, { grant_type: 'refresh_token', refresh_token }), refreshTokenIn));
  });
  return [
    { path: 'authorization code', guarantee: 'one winner', volleys: codes },
    { path: 'refresh token', guarantee: 'one lineage', volleys: refreshes },
  ];
}

/** A finished sign-in that goes on to its application: the same redirect, followed by many at once. */
export async function stormInteractions(plan: StormPlan): Promise<PathReport[]> {
  const person = await plan.stage.addPerson();
  const volleys: Volley[] = [];
  await inRounds(plan, async () => {
    const browser = new Browser();
    const { location } = await submitSignIn(plan, browser, person);
    const windows = Array.from({ length: plan.connections }, () => browser.clone());
    volleys.push(
      await fire(
        plan.connections,
        (index) => (windows[index] as Browser).request(location as string),
        (answer) => codeIn(answer, plan),
      ),
    );
  });
  return [{ path: 'finished sign-in', guarantee: 'one winner', volleys }];
}

/** The links of mails, sent from their pages, and the ticket that a confirmed address gives for one sign-in. */
export async function stormMailLinks(plan: StormPlan): Promise<PathReport[]> {
  const verifications: Volley[] = [];
  const tickets: Volley[] = [];
  const resets: Volley[] = [];
  const done = ({ status }: Answer, index: number) => (status === 200 ? String(index) : undefined);
  await inRounds(plan, async () => {
    const person = await plan.stage.addUnconfirmed();
    const verification = await fromPage(plan, person.link, '/register/verify', { password: person.password }, done);
    verifications.push(verification);
    const winner = verification.browsers[verification.all.findIndex((answer) => answer?.status === 200)];
    if (winner) tickets.push(await stormTicket(plan, winner));
    resets.push(await fromPage(plan, await plan.stage.resetLinkFor(person), '/reset', { password: randomId(24) }, done));
  });
  return [
    { path: 'verification mail', guarantee: 'one winner', volleys: verifications },
    { path: 'sign-in ticket', guarantee: 'one winner', volleys: tickets },
    { path: 'reset mail', guarantee: 'one winner', volleys: resets },
  ];
}

async function fromPage(
  { connections }: StormPlan,
  link: string,
  path: string,
  fields: Record<string, string>,
  winner: (answer: Answer, index: number) => string | undefined,
) {
  const browser = new Browser();
  const form = formOf(await browser.open(link), path);
  const browsers = Array.from({ length: connections }, () => browser.clone());
  return { ...(await fire(connections, (index) => (browsers[index] as Browser).send(form, fields), winner)), browsers };
}

async function stormTicket(plan: StormPlan, holder: Browser): Promise<Volley> {
  const places = await Promise.all(
    Array.from({ length: plan.connections }, async () => {
      const browser = new Browser();
      const { url } = await browser.open(authorizationUrl(plan, randomId()));
      browser.adopt(holder, 'ticket');
      return { browser, url };
    }),
  );
  return fire(
    plan.connections,
    (index) => {
      const { browser, url } = places[index] as (typeof places)[number];
      return browser.request(url);
    },
    // Without a ticket that works, the sign-in page is shown.
    ({ location }, index) => (location ? String(index) : undefined),
  );
}
