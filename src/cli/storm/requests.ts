import { randomId, sha256 } from '../../platform/crypto/index.js';
import { type Answer, Browser, formOf } from './browser.js';
import type { Stage, StormPerson } from './stage.js';

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

export type Code = { code: string; verifier: string };

/** Runs as many rounds as are asked for, until the time is up. */
export async function inRounds({ rounds, isOver }: StormPlan, run: () => Promise<void>): Promise<void> {
  for (let round = 0; round < rounds && !isOver(); round++) await run();
}

export const codeIn = (answer: Answer, { stage }: StormPlan): string | undefined =>
  answer.location?.startsWith(`${stage.client.redirectUri}?`)
    ? (new URL(answer.location).searchParams.get('code') ?? undefined)
    : undefined;

export function authorizationUrl({ issuer, stage: { client } }: StormPlan, verifier: string): string {
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
export async function submitSignIn(plan: StormPlan, browser: Browser, person: StormPerson): Promise<Answer & { verifier: string }> {
  const verifier = randomId();
  const page = await browser.open(authorizationUrl(plan, verifier));
  const answer = await browser.send(formOf(page, '/login'), { identifier: person.email, password: person.password });
  if (!answer.location) throw new Error(`the test account could not sign in: ${answer.status}`);
  return { ...answer, verifier };
}

/** A browser in which a test account is signed in. */
export async function signedIn(plan: StormPlan): Promise<Browser> {
  const browser = new Browser();
  const answer = await submitSignIn(plan, browser, await plan.stage.addPerson());
  const end = await browser.open(answer.location as string);
  if (!codeIn(end, plan)) throw new Error(`the sign-in of the test account ended at ${end.status} ${new URL(end.url).pathname}`);
  return browser;
}

export async function freshCode(plan: StormPlan, browser: Browser): Promise<Code> {
  const verifier = randomId();
  const answer = await browser.open(authorizationUrl(plan, verifier));
  const code = codeIn(answer, plan);
  if (!code) throw new Error(`no code was given: ${answer.status}`);
  return { code, verifier };
}

export const token = (plan: StormPlan, fields: Record<string, string>): Promise<Answer> => post(plan, '/token', fields);

export const redeem = (plan: StormPlan, { code, verifier }: Code) =>
  token(plan, { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: plan.stage.client.redirectUri });

export const refreshTokenIn = ({ status, body }: Answer): string | undefined =>
  status === 200 ? (JSON.parse(body) as { refresh_token?: string }).refresh_token : undefined;

/** Posts JSON as an application with its own sign-in form does. */
export function call({ issuer }: StormPlan, path: string, body: object): Promise<Answer> {
  return new Browser().request(`${issuer}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { accept: 'application/json', 'content-type': 'application/json' },
  });
}

/** Posts to an endpoint where the test client authenticates. */
export function post({ issuer, stage: { client } }: StormPlan, path: string, fields: Record<string, string>): Promise<Answer> {
  return new Browser().request(`${issuer}${path}`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { accept: 'application/json', authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` },
  });
}
